"""Many clients on a real server: the losses are counted right, and nothing is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count, pairwise
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import insert, text, update

from labs.races import ledger
from labs.races.lab import Races
from labs.races.models import Account
from labs.races.transfers import double_spend, guarded_update, row_lock
from labs.races.transfers.variants import VARIANTS
from labs.races.under_load import books, experiments
from labs.races.under_load.books import Accounts, Books
from labs.races.under_load.experiments import GUARDED, NAIVE, NAIVE_BUT_SERIALIZABLE, ROUNDS, Clients, Variant, judge
from labs.races.under_load.figures import figures
from labs.races.under_load.load import AMOUNT, Round
from labs.stream.events import (
    ExperimentEnded,
    LatencySampled,
    Measured,
    Noted,
    ProgressAdvanced,
    RolledBack,
    VerdictReached,
)
from labs.stream.latency import stalls, still
from labs.workbench.bench import Bench
from labs.workbench.engines.engine import Engine
from labs.workbench.errors import LabError
from labs.workbench.latency import INTERVAL_S
from labs.workbench.place import Place
from labs.workbench.runner import Runner
from labs.workbench.sessions import SessionMaker
from labs.workbench.turns import Stepper
from tests.conftest import Heard

SHORT = {"seconds": 0.4, "clients": 6, "accounts": 2}
SAFE = "No way but the double spend loses payments"
LOSES = "The double spend loses payments"
AS_FAST = "Half of the rounds that check in the statement are as fast as the slowest of the double spend"
ENTERED = "Every payment that was confirmed is in the ledger, once"


def verdicts(heard: Heard) -> dict[str, VerdictReached]:
    return {event.claim: event for event in heard.of(VerdictReached)}


def latest(heard: Heard) -> dict[tuple[str, str], Measured]:
    return {(event.metric, event.variant): event for event in heard.of(Measured)}


@pytest.fixture
async def bench(either: Engine, heard: Heard) -> AsyncIterator[Bench]:
    """On each engine a bench of its own on the lab, without a runner."""
    place = Place(either, Races())
    await place.open(rebuild=True)
    yield Bench(place, stepper=Stepper(), emit=heard.append)
    await place.close()


async def test_what_the_balances_lack_is_counted_to_the_payment(bench: Bench) -> None:
    accounts = Accounts(first=11, each=2)
    others = Accounts(first=1, each=5)
    (payer, careless), (payee, forgotten) = accounts.payers, accounts.payees
    async with bench.empty_tables() as connection, bench.clients(1) as (sessions,):
        await others.open(connection, 7)
        await accounts.open(connection, 3 * AMOUNT)
        await connection.commit()
        assert await books.read(connection, accounts, AMOUNT) == Books(entered=0, lost=0, overspent=0)
        async with sessions.begin() as session:
            for source, target in [(payer, payee)] * 3 + [(careless, forgotten)] * 5:
                await ledger.enter(session, source, target, AMOUNT)
            # One of three debits is overwritten; of five from an account with money for three all debits are there.
            for key, balance in {payer: AMOUNT, payee: 3 * AMOUNT, careless: -2 * AMOUNT, forgotten: AMOUNT}.items():
                await session.execute(update(Account).where(Account.id == key).values(balance=balance))
        await connection.commit()
        read = await books.read(connection, accounts, AMOUNT)
    assert read == Books(entered=8, lost=1 + 4, overspent=2)


def test_figures_are_over_all_rounds_and_spread_from_round_to_round() -> None:
    rounds = [
        Round(milliseconds=[1.0] * 99 + [50.0], rate=200.0, books=Books(100, 1, 0)),
        Round(milliseconds=[3.0] * 100, rate=100.0, retries=5, given_up=1, books=Books(100, 3, 0)),
        Round(declined=7, rate=0.0),
    ]
    rounds[1].refusals["40001"] = 6
    told = {one.metric: (one.value, one.low, one.high, one.samples) for one in figures(rounds)}
    assert told == {
        "Payments lost": (200.0, 100.0, 300.0, 200),
        "Throughput": (150.0, 100.0, 200.0, 200),
        "Latency p50": (3.0, 1.0, 3.0, 200),
        "Latency p99": (3.0, 3.0, 50.0, 200),
        "Retries": (250.0, 0.0, 500.0, 200),
        "Refused 40001": (300.0, 0.0, 600.0, 200),
        "Given up": (50.0, 0.0, 100.0, 200),
    }
    assert list(figures([Round(declined=7)])) == []


@pytest.mark.parametrize(
    ("rates", "holds"), [((100.0, 150.0, 400.0), False), ((100.0, 180.0, 190.0), True), ((300.0, 400.0), True)]
)
@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_the_check_in_the_statement_is_as_fast_only_if_its_middle_round_is(
    bench: Bench, heard: Heard, rates: tuple[float, ...], holds: bool
) -> None:
    def variant(title: str, rates: tuple[float, ...], lost: int) -> Variant:
        return Variant(title, row_lock.transfer, (), [Round(rate=rate, books=Books(10, lost, 0)) for rate in rates])

    judge(bench, Clients(), [variant(NAIVE, (180.0, 220.0), 5), variant(GUARDED, rates, 0)])
    assert verdicts(heard)[AS_FAST].holds is holds


@pytest.mark.parametrize("lost", [0, 5])
@pytest.mark.parametrize(
    ("clients", "must"),
    [
        (Clients(), True),
        (Clients(isolation="repeatable read, snapshot off"), True),
        (Clients(isolation="repeatable read"), False),
        (Clients(isolation="serializable"), False),
        (Clients(clients=1, accounts=1), False),
        (Clients(accounts=1000), False),
        (Clients(balance=0), False),
    ],
)
@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_the_double_spend_is_said_to_lose_payments_only_where_it_has_to(
    bench: Bench, heard: Heard, clients: Clients, must: bool, lost: int
) -> None:
    naive, guarded = (
        Variant(title, row_lock.transfer, (), [Round(rate=100.0, books=Books(10, number, 0))])
        for title, number in ((NAIVE, lost), (GUARDED, 0))
    )
    judge(bench, clients, [naive, guarded])
    assert verdicts(heard)[SAFE].holds
    assert (LOSES in verdicts(heard)) is must
    if must:
        assert verdicts(heard)[LOSES].holds is (lost > 0)
    else:
        assert f"lost: {lost}." in heard.of(Noted)[-1].text


async def test_the_double_spend_loses_payments_and_the_others_do_not(races: Runner, heard: Heard) -> None:
    assert await races.run("under_load", SHORT) == "passed"
    assert len(verdicts(heard)) == 4
    measured = latest(heard)
    titles = [*VARIANTS, NAIVE_BUT_SERIALIZABLE]
    assert [variant for metric, variant in measured if metric == "Payments lost"] == titles
    for title in titles:
        assert (measured["Payments lost", title].value > 0) is (title == "Double spend")
        assert measured["Throughput", title].value > 0
        assert 0 < measured["Latency p50", title].value <= measured["Latency p99", title].value
        for figure in measured.values():
            assert figure.low is not None and figure.high is not None and figure.low <= figure.value <= figure.high
    assert measured["Retries", "Version column"].value > 0
    assert measured["Retries", NAIVE_BUT_SERIALIZABLE].value > 0


async def test_an_account_pays_no_more_than_it_has(races: Runner, heard: Heard) -> None:
    await races.run("under_load", SHORT | {"balance": AMOUNT})
    measured = latest(heard)
    for title in ("Lock the row", "Check in the statement", "Advisory lock"):
        assert measured["Declined", title].value > 0
        assert ("Overspent", title) not in measured
        # One payment by each of two accounts, in each of five rounds.
        assert measured["Throughput", title].samples <= 2 * 5


@pytest.mark.parametrize("more", [{"isolation": "serializable"}, {"clients": 1}, {"accounts": 1000}])
async def test_what_why_invites_to_do_is_no_failure(races: Runner, heard: Heard, more: dict[str, Any]) -> None:
    await races.run("under_load", SHORT | more)
    assert LOSES not in verdicts(heard)
    assert verdicts(heard)[SAFE].holds and verdicts(heard)[ENTERED].holds


@pytest.mark.parametrize("module", [row_lock, guarded_update])
async def test_a_solution_that_is_broken_is_found_out(
    races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch, module: ModuleType
) -> None:
    monkeypatch.setattr(module, "transfer", double_spend.transfer)
    assert await races.run("under_load", SHORT) == "failed"
    assert not verdicts(heard)[SAFE].holds
    assert sum(bool(number) for number in verdicts(heard)[SAFE].evidence.values()) == 1


async def test_payments_that_are_confirmed_and_not_made_are_found_out(
    races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object) -> None:
        await asyncio.sleep(0.01)

    monkeypatch.setattr(guarded_update, "transfer", nothing)
    assert await races.run("under_load", SHORT) == "failed"
    assert [claim for claim, verdict in verdicts(heard).items() if not verdict.holds] == [ENTERED]


async def test_progress_and_latencies_are_told_of_every_variant_and_to_the_end(races: Runner, heard: Heard) -> None:
    """Five times a second at most, and only of the rounds that count."""
    await races.run("under_load", SHORT | {"seconds": 1.2})
    progress = heard.of(ProgressAdvanced)
    assert len(progress) > 5
    assert all(later.done >= earlier.done for earlier, later in pairwise(progress))
    assert all(later.t - earlier.t > 0.19 for earlier, later in pairwise(progress) if later.done < later.total)
    assert progress[-1].done == progress[-1].total == 5 * (len(VARIANTS) + 1)

    told, measured = heard.of(LatencySampled), latest(heard)
    titles = [*VARIANTS, NAIVE_BUT_SERIALIZABLE]
    assert {one.variant for one in told} == set(titles)
    for title in titles:
        columns = [one for one in told if one.variant == title]
        # Whoever gave up or was declined has waited too.
        assert sum(one.count for one in columns) >= measured["Throughput", title].samples > 0
        slowest = measured["Latency p99", title].high
        assert slowest is not None and max(one.worst for one in columns) >= slowest
        assert sum(one.seconds < INTERVAL_S * 0.9 for one in columns) <= ROUNDS, "only what is left of a round"
    assert any(one.outstanding for one in told)


async def test_a_stall_is_seen_while_it_lasts(races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client holds a row for a second that all others come to want."""
    transfer, calls = guarded_update.transfer, count()

    async def holding(sessions: SessionMaker, source_id: int, target_id: int, amount: int) -> None:
        await transfer(sessions, source_id, target_id, amount)
        if next(calls) == 60:
            async with sessions.begin() as session:
                touch = update(Account).where(Account.id == source_id).values(balance=Account.balance)
                await session.execute(touch)
                await asyncio.sleep(1)

    monkeypatch.setattr(guarded_update, "transfer", holding)
    monkeypatch.setattr(experiments, "VARIANTS", {title: VARIANTS[title] for title in (NAIVE, GUARDED)})
    await races.run("under_load", SHORT | {"seconds": 2.0})
    columns = [one for one in heard.of(LatencySampled) if one.variant == GUARDED]
    assert max(stalls(columns)) > 900
    lasting = [one for one in columns if still(one)]
    assert len(lasting) >= 2 and all(later.worst > earlier.worst for earlier, later in pairwise(lasting))


async def seeded(races: Runner, heard: Heard) -> None:
    """The rows are those of the seed, and nobody of the load is left."""
    assert await races.roll_back()
    await heard.until(lambda: bool(heard.of(RolledBack)))
    assert all(event.clean for event in heard.of(RolledBack))
    assert await races.run("row_lock", {}) == "passed"


async def test_cancelled_in_the_middle_it_leaves_nothing_behind(races: Runner, heard: Heard) -> None:
    running = asyncio.create_task(races.run("under_load", {"seconds": 30.0}))
    await heard.until(lambda: bool(heard.of(ProgressAdvanced)))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(3):
            await running
    await heard.until(lambda: bool(heard.of(ExperimentEnded)))
    assert [event.outcome for event in heard.of(ExperimentEnded)] == ["cancelled"]
    await seeded(races, heard)


async def test_what_breaks_in_one_client_ends_the_run_with_its_own_error(
    races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wrong(sessions: SessionMaker, source_id: int, target_id: int, amount: int) -> None:
        async with sessions.begin() as session:
            await session.execute(insert(Account).values(id=source_id, owner="twice", balance=0))

    monkeypatch.setattr(row_lock, "transfer", wrong)
    with pytest.raises(LabError, match="refused"):
        await races.run("under_load", SHORT)
    monkeypatch.undo()
    await seeded(races, heard)


async def test_a_client_that_waits_is_cancelled_on_the_server(bench: Bench) -> None:
    """A driver that lets go of its connection leaves the statement at the server waiting."""
    accounts = Accounts(first=1, each=1)
    touch = update(Account).values(balance=Account.balance + 1)
    running = {
        "postgres": "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'UPDATE accounts%'",
        "mariadb": "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'UPDATE accounts%'",
    }[bench.server.name]
    async with bench.empty_tables() as connection, bench.reading() as watching:
        await accounts.open(connection, 0)
        await connection.commit()
        await connection.execute(touch)
        with pytest.raises(TimeoutError):
            async with bench.clients(1) as (waiter,), asyncio.timeout(0.3), waiter.begin() as session:
                await session.execute(touch)
        async with asyncio.timeout(2):
            while await watching.scalar(text(running)):
                await watching.rollback()
                await asyncio.sleep(0.05)
        await connection.rollback()
