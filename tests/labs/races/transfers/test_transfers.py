"""Two payments from one account: each claim on a real server, and for each a broken solution that makes it fall."""

from __future__ import annotations

from types import ModuleType

import pytest
from sqlalchemy import update

from labs.races.models import Account
from labs.races.transfers import advisory_lock, double_spend, guarded_update, row_lock
from labs.stream.events import Noted, StatementStarted, VerdictReached
from labs.workbench.errors import LabError
from labs.workbench.runner import Runner
from labs.workbench.sessions import SessionMaker
from tests.conftest import Heard
from tests.labs.races.told import AFFORDED, CONSERVED, LEDGER, NOT_NEGATIVE, fallen, refusals, verdicts, waits


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
    assert raised.value.remedy == "isolation is one of read committed; repeatable read; serializable."


async def test_one_after_the_other_nothing_is_lost(races: Runner, heard: Heard) -> None:
    assert await races.run("double_spend", {"order": "serial"}) == "passed"
    assert all(verdicts(heard).values())


async def test_money_for_both_is_still_a_lost_update(races: Runner, heard: Heard) -> None:
    """The check is no help: it is the write that is stale."""
    assert await races.run("double_spend", {"amount": 10}) == "failed"


@pytest.mark.parametrize("experiment", ["row_lock", "guarded_update", "advisory_lock"])
async def test_the_second_session_waits_then_declines(races: Runner, heard: Heard, experiment: str) -> None:
    assert await races.run(experiment, {}) == "passed"
    assert waits(heard) == {("B", "A")}
    assert refusals(heard) == []
    assert sum(event.sql.startswith("COMMIT") for event in heard.of(StatementStarted)) == 1
    costs = [event.text for event in heard.of(Noted) if event.text.startswith("Cost: ")]
    assert len(costs) == 1 and costs[0].startswith("Cost: waits 1, refusals 0, retries 0, in ")


@pytest.mark.parametrize("experiment", ["row_lock", "guarded_update", "advisory_lock"])
@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
@pytest.mark.parametrize("order", ["AB", "serial"])
async def test_the_solutions_hold_at_every_level_and_order(
    races: Runner, heard: Heard, experiment: str, isolation: str, order: str
) -> None:
    assert await races.run(experiment, {"isolation": isolation, "order": order}) == "passed"
    assert all(verdicts(heard).values())


@pytest.mark.parametrize("experiment", [row_lock, guarded_update, advisory_lock])
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


@pytest.mark.parametrize("module", [row_lock, guarded_update, advisory_lock])
async def test_a_solution_that_pays_nobody_is_found_out(
    races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch, module: ModuleType
) -> None:
    async def nothing(*_: object, **__: object) -> None:
        pass

    monkeypatch.setattr(module, "transfer", nothing)
    assert await races.run(module.__name__.rpartition(".")[2], {}) == "failed"
    assert fallen(heard) == [AFFORDED]


@pytest.mark.parametrize("either", ["mariadb"], indirect=True)
async def test_a_named_lock_that_is_let_go_before_the_commit_protects_nothing(races: Runner, heard: Heard) -> None:
    assert await races.run("advisory_lock", {"release": "before commit"}) == "failed"
    assert fallen(heard) == [AFFORDED, CONSERVED, LEDGER]
    assert waits(heard) == {("B", "A")}


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_a_lock_of_the_transaction_cannot_be_let_go_before_its_end(races: Runner) -> None:
    with pytest.raises(LabError, match="not let go before its end"):
        await races.run("advisory_lock", {"release": "before commit"})


async def test_a_named_lock_is_nobodys_after_a_transfer_that_was_declined(races: Runner, heard: Heard) -> None:
    for _ in range(2):
        assert await races.run("advisory_lock", {"amount": 100, "order": "serial"}) == "passed"
    assert waits(heard) == set()
