"""Rollback and reset, after each of the lab's experiments."""

from __future__ import annotations

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.races import ledger
from labs.races.deadlocks.experiments import Deadlocks
from labs.races.lab import Races
from labs.races.models import Account
from labs.races.transfers.again import Again
from labs.races.transfers.experiments import Transfers
from labs.stream.events import LabReset, Noted, RolledBack, TableSampled
from labs.stream.specs import Cell
from labs.workbench.runner import Runner
from tests.conftest import Heard

QUICKLY: dict[str, dict[str, Cell]] = {
    "every_order": {"variant": "Double spend"},
    "every_rule": {"sample": 5},
    "under_load": {"seconds": 0.2},
}


@pytest.mark.parametrize("experiment", list(Races.experiments()))
async def test_a_rollback_brings_the_fingerprint_back_and_leaves_the_ledger_whole(
    races: Runner, heard: Heard, experiment: str
) -> None:
    await races.run(experiment, QUICKLY.get(experiment, {}))
    assert await races.roll_back()
    await heard.until(lambda: bool(heard.of(RolledBack)))
    done = heard.of(RolledBack)[0]
    assert (done.experiment, done.clean, done.differences, done.undoable) == (experiment, True, (), "")
    samples = {event.table: event for event in heard.of(TableSampled)}
    assert [row[2] for row in samples["accounts"].rows] == [100, 100, 100]
    compensated = any(row[4] is not None for row in samples["transfers"].rows)
    pays = any(experiment in vars(kind) for kind in (Transfers, Again, Deadlocks))
    assert compensated is pays, "transfers are reversed, not deleted"
    assert [row[0] for row in samples["bookings"].rows] == ([1, 2] if experiment == "booking" else []), "only cancelled"


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
