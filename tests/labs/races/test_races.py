"""Each claim of the lab, on a real server; and for each a broken solution that makes it fall."""

from __future__ import annotations

from types import ModuleType

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection
from tenacity import AsyncRetrying, RetryCallState

from labs.races import ledger
from labs.races.deadlocks import deadlock
from labs.races.lab import Races
from labs.races.models import Account
from labs.races.transfers import double_spend, guarded_update, row_lock
from labs.stream.events import (
    LabReset,
    Noted,
    OrdersExplored,
    RolledBack,
    SessionChanged,
    StatementEnded,
    StatementStarted,
    TableSampled,
    VerdictReached,
)
from labs.workbench.engines.engine import Engine
from labs.workbench.errors import LabError
from labs.workbench.runner import Runner
from labs.workbench.sessions import SessionMaker
from tests.conftest import Heard

CONSERVED, NOT_NEGATIVE, LEDGER = "Money is conserved", "No balance is below zero", "The ledger equals the balances"
AFFORDED = "As many payments went through as the money allows"
PAID, PAID_IN_ORDER = "Every transfer was paid in the end", "In key order every transfer was paid too"
NO_DEADLOCK = "In key order there is no deadlock"


def verdicts(heard: Heard) -> dict[str, bool]:
    return {event.claim: event.holds for event in heard.of(VerdictReached)}


def refusals(heard: Heard) -> list[str]:
    return [event.sqlstate for event in heard.of(StatementEnded) if event.sqlstate]


def waits(heard: Heard) -> set[tuple[str, str]]:
    return {
        (event.session, blocker)
        for event in heard.of(SessionChanged)
        if event.state == "waiting"
        for blocker in event.waiting_for
    }


async def test_double_spend_makes_money_out_of_nothing(races: Runner, heard: Heard) -> None:
    assert await races.run("double_spend", {}) == "failed"
    assert verdicts(heard) == {AFFORDED: False, CONSERVED: False, NOT_NEGATIVE: True, LEDGER: False}
    evidence = {event.claim: event.evidence for event in heard.of(VerdictReached)}
    assert evidence[AFFORDED] == {"made": 2, "owed": 1}
    assert evidence[CONSERVED] == {"opened_with": 300, "sum_of_balances": 380}
    assert refusals(heard) == []


REFUSED = [
    ("postgres", "repeatable read", "40001"),
    ("postgres", "serializable", "40001"),
    ("mariadb", "repeatable read, snapshot on", "1020"),
    ("mariadb", "serializable", "1213"),
]


@pytest.mark.parametrize(("either", "isolation", "code"), REFUSED, indirect=["either"])
async def test_a_higher_level_refuses_the_second_write(races: Runner, heard: Heard, isolation: str, code: str) -> None:
    assert await races.run("double_spend", {"isolation": isolation}) == "passed"
    assert refusals(heard) == [code]


@pytest.mark.parametrize("either", ["mariadb"], indirect=True)
async def test_without_snapshot_isolation_repeatable_read_loses_the_money_too(races: Runner, heard: Heard) -> None:
    assert await races.run("double_spend", {"isolation": "repeatable read, snapshot off"}) == "failed"
    assert refusals(heard) == []


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_a_level_that_the_server_lacks_is_refused_with_those_that_it_has(races: Runner, heard: Heard) -> None:
    with pytest.raises(LabError, match="snapshot on is not possible") as raised:
        await races.run("double_spend", {"isolation": "repeatable read, snapshot on"})
    assert raised.value.remedy == "isolation is one of read committed, repeatable read, serializable."


async def test_one_after_the_other_nothing_is_lost(races: Runner, heard: Heard) -> None:
    assert await races.run("double_spend", {"order": "serial"}) == "passed"
    assert all(verdicts(heard).values())


async def test_money_for_both_is_still_a_lost_update(races: Runner, heard: Heard) -> None:
    """The check is no help: it is the write that is stale."""
    assert await races.run("double_spend", {"amount": 10}) == "failed"


@pytest.mark.parametrize("experiment", ["row_lock", "guarded_update"])
async def test_the_second_session_waits_then_declines(races: Runner, heard: Heard, experiment: str) -> None:
    assert await races.run(experiment, {}) == "passed"
    assert waits(heard) == {("B", "A")}
    assert refusals(heard) == []
    assert sum(event.sql.startswith("COMMIT") for event in heard.of(StatementStarted)) == 1
    assert sum(event.sql.startswith("ROLLBACK") for event in heard.of(StatementStarted)) == 1


@pytest.mark.parametrize("experiment", ["row_lock", "guarded_update"])
@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
@pytest.mark.parametrize("order", ["AB", "serial"])
async def test_the_solutions_hold_at_every_level_and_order(
    races: Runner, heard: Heard, experiment: str, isolation: str, order: str
) -> None:
    assert await races.run(experiment, {"isolation": isolation, "order": order}) == "passed"
    assert all(verdicts(heard).values())


@pytest.mark.parametrize("experiment", [row_lock, guarded_update])
async def test_a_solution_that_is_broken_is_found_out(
    races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch, experiment: ModuleType
) -> None:
    monkeypatch.setattr(experiment, "transfer", double_spend.transfer)
    assert await races.run(experiment.__name__.rpartition(".")[2], {}) == "failed"
    assert verdicts(heard)[CONSERVED] is False


async def test_an_overdraft_and_a_forgotten_ledger_are_found_out(
    races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_check(sessions: SessionMaker, source_id: int, target_id: int, amount: int) -> None:
        async with sessions.begin() as session:
            for account_id, change in ((source_id, -amount), (target_id, amount)):
                await session.execute(
                    update(Account).where(Account.id == account_id).values(balance=Account.balance + change)
                )

    monkeypatch.setattr(guarded_update, "transfer", no_check)
    assert await races.run("guarded_update", {}) == "failed"
    assert verdicts(heard) == {AFFORDED: False, CONSERVED: True, NOT_NEGATIVE: False, LEDGER: False}


@pytest.mark.parametrize("module", [row_lock, guarded_update, deadlock])
async def test_a_solution_that_pays_nobody_is_found_out(
    races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch, module: ModuleType
) -> None:
    async def nothing(*_: object, **__: object) -> int:
        return 1

    monkeypatch.setattr(module, "transfer", nothing)
    assert await races.run(module.__name__.rpartition(".")[2], {}) == "failed"
    assert verdicts(heard)[PAID if module is deadlock else AFFORDED] is False
    assert verdicts(heard)[CONSERVED] is True


async def test_the_victim_of_a_deadlock_tries_again_and_key_order_needs_no_second_try(
    races: Runner, heard: Heard, either: Engine
) -> None:
    assert await races.run("deadlock", {}) == "passed"
    assert refusals(heard) == [either.deadlock_code]
    # MariaDB sees the circle at once, so that nobody sees the second wait.
    assert {("A", "B")} <= waits(heard) <= {("A", "B"), ("B", "A")}
    assert set(verdicts(heard)) == {PAID, PAID_IN_ORDER, NO_DEADLOCK, CONSERVED, NOT_NEGATIVE, LEDGER}
    assert all(verdicts(heard).values())


async def test_without_a_second_try_the_victim_is_not_paid(races: Runner, heard: Heard) -> None:
    assert await races.run("deadlock", {"attempts": 1}) == "failed"
    assert [claim for claim, holds in verdicts(heard).items() if not holds] == [PAID]


async def test_a_key_order_that_is_none_is_found_out(
    races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlock, "key_order", deadlock.as_called)
    assert await races.run("deadlock", {}) == "failed"
    assert verdicts(heard)[NO_DEADLOCK] is False


async def test_every_order_of_every_variant_is_run_and_judged(races: Runner, heard: Heard, either: Engine) -> None:
    assert await races.run("every_order", {}) == "passed"
    cells = {(cell.variant, cell.isolation): cell for cell in heard.of(OrdersExplored)}
    assert len(cells) == 3 * len(either.levels)
    assert not any(cell.sampled for cell in cells.values())
    naive = {level: cells["Double spend", level] for level in either.levels}
    # All but the two serial orders lose money, or are refused.
    assert naive["read committed"].violations == naive["read committed"].orders - 2
    assert naive["read committed"].failing == "AB"
    for name, level, code in REFUSED:
        if name == either.name:
            assert naive[level].violations == 0 and naive[level].failing is None
            assert naive[level].refusals == {code: naive[level].orders - 2}
    for variant in ("Lock the row", "Check in the statement"):
        assert cells[variant, "read committed"].refusals == {}
        assert cells[variant, "read committed"].waits > 0


async def test_every_order_finds_a_solution_that_is_broken(
    races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_lock, "transfer", double_spend.transfer)
    assert await races.run("every_order", {}) == "failed"
    assert verdicts(heard)["Lock the row: no order loses money, at any level"] is False


def test_the_back_off_has_jitter_and_a_bound() -> None:
    waits = set()
    state = RetryCallState(AsyncRetrying(), None, (), {})
    for state.attempt_number in (1, 2, 3) * 20:
        waits.add(deadlock.BACKOFF(state))
    assert len(waits) > 20
    assert min(waits) >= 0 and max(waits) <= deadlock.LONGEST_BACKOFF_S


@pytest.mark.parametrize("experiment", list(Races.experiments()))
async def test_a_rollback_brings_the_fingerprint_back_and_leaves_the_ledger_whole(
    races: Runner, heard: Heard, experiment: str
) -> None:
    await races.run(experiment, {})
    assert await races.roll_back()
    await heard.until(lambda: bool(heard.of(RolledBack)))
    done = heard.of(RolledBack)[0]
    assert (done.experiment, done.clean, done.differences, done.undoable) == (experiment, True, (), "")
    samples = {event.table: event for event in heard.of(TableSampled)}
    assert [row[2] for row in samples["accounts"].rows] == [100, 100, 100]
    compensated = any(row[4] is not None for row in samples["transfers"].rows)
    assert compensated is (experiment != "every_order"), "transfers are reversed, not deleted"


async def test_a_rollback_that_does_not_bring_the_fingerprint_back_changes_nothing_and_says_so(
    races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forgetful(connection: AsyncConnection, watermark: int) -> list[str]:
        await connection.execute(update(Account).values(balance=1))
        return ["Balances set to 1."]

    await races.run("double_spend", {})
    monkeypatch.setattr(ledger, "reverse_since", forgetful)
    assert not await races.roll_back()
    await heard.until(lambda: bool(heard.of(RolledBack)))
    done = heard.of(RolledBack)[0]
    assert not done.clean
    assert any(difference.startswith("accounts: as many rows") for difference in done.differences)
    assert any(difference.startswith("transfers in force: 0 rows before, 2 now") for difference in done.differences)
    monkeypatch.undo()
    assert await races.roll_back(), "the failed try left everything as it was"


async def test_with_nothing_to_roll_back_it_says_so(races: Runner, heard: Heard) -> None:
    assert await races.roll_back()
    await heard.until(lambda: any("Nothing to roll back" in event.text for event in heard.of(Noted)))


async def test_the_same_seed_gives_the_same_bytes(races: Runner, heard: Heard) -> None:
    await races.run("double_spend", {})
    await races.reset()
    await heard.until(lambda: len(heard.of(LabReset)) == 2)
    assert len({event.fingerprint for event in heard.of(LabReset)}) == 1


async def test_a_run_begins_on_a_clean_bench(races: Runner, heard: Heard) -> None:
    assert await races.run("double_spend", {}) == "failed"
    assert await races.run("row_lock", {}) == "passed"
    assert [event.experiment for event in heard.of(RolledBack)] == ["double_spend"]
