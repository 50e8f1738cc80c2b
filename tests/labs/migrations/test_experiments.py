"""Each experiment ends as it says, on both engines, and a broken migration makes its verdict fall."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from alembic import op
from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.migrations import ladder, squawk
from labs.migrations.backfill import Backfiller
from labs.migrations.experiments import indexes
from labs.migrations.experiments.versus import STAGED, Ran, UnderLoad, Versus
from labs.migrations.lab import Migrations
from labs.migrations.ladder import Climber
from labs.migrations.throttle import Throttle
from labs.migrations.traffic import Journal, Traffic
from labs.stream.events import (
    DialTurned,
    ExperimentStarted,
    LatencySampled,
    Noted,
    ProgressAdvanced,
    RolledBack,
    StatementStarted,
)
from labs.workbench.bench import Bench
from labs.workbench.errors import LabError
from labs.workbench.runner import Runner
from labs.workbench.sessions import SessionMaker
from tests.conftest import Heard
from tests.labs.migrations.told import DATED, TRUE, UNCHANGED, fallen, verdicts

SMALL = {"rows": 10_000}
LOADED: dict[str, Any] = {"rows": 20_000, "budget": 1000}
KEPT, REFUSED = (
    "Every write that was confirmed is in the table",
    "Staged, no operation is refused, and none reads an old name",
)
BUDGET = "Staged, no writer waits longer than the budget"
SHORT = {"lock_queue": {"idle": 2.5}, "naive_against_staged": LOADED, "replica_lag": {"report": 1.5, "lag": 20}}


def follow(monkeypatch: pytest.MonkeyPatch, revision: str, way: str, statement: str) -> None:
    """Have one more statement at the end of a revision's way up or down."""
    module = ladder._script().get_revision(revision).module
    ours = getattr(module, way)

    def followed() -> None:
        ours()
        op.execute(statement)

    monkeypatch.setattr(module, way, followed)


@pytest.mark.parametrize("slug", list(Migrations.experiments()))
async def test_each_ends_as_it_says(lab: Runner, heard: Heard, slug: str) -> None:
    declared = Migrations.experiments()[slug]
    if lab.passes_over(declared):
        return
    assert await lab.run(slug, SHORT.get(slug, {})) == declared.spec.expected, fallen(heard)
    assert await lab.roll_back()
    await heard.until(lambda: bool(heard.of(RolledBack)))
    assert heard.of(RolledBack)[-1].clean


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_the_sql_of_each_phase_is_told_before_it_runs(lab: Runner, heard: Heard) -> None:
    await lab.run("phases", SMALL)
    for telling in ("ADD COLUMN", "CREATE", "DROP TRIGGER"):
        noted = next(event.t for event in heard.of(Noted) if telling in event.text)
        sent = next(
            event.t for event in heard.of(StatementStarted) if telling in event.sql and event.session == "migration"
        )
        assert noted <= sent
    warned = next(event.t for event in heard.of(Noted) if event.text.startswith("What cannot be undone"))
    dropped = next(event.t for event in heard.of(StatementStarted) if "DROP TRIGGER" in event.sql)
    assert warned <= dropped
    assert heard.of(ProgressAdvanced)[-1].done == heard.of(ProgressAdvanced)[-1].total == SMALL["rows"]


async def test_a_rollback_says_what_was_lost(lab: Runner, heard: Heard) -> None:
    await lab.run("phases", SMALL)
    assert await lab.roll_back()
    await heard.until(lambda: bool(heard.of(RolledBack)))
    told = " ".join(heard.of(RolledBack)[-1].how)
    assert "contract, validate, not_null, dual_write, expand" in told
    assert "dates are gone" in told and "9,000 users" in told


async def test_a_rollback_that_fails_says_what_stays_changed(
    lab: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def only_down(self: Migrations, connection: AsyncConnection, watermark: int) -> Sequence[str]:
        await connection.run_sync(ladder.go, ladder.BASE)
        return []

    await lab.run("phases", SMALL)
    with monkeypatch.context() as changed:
        changed.setattr(Migrations, "compensate", only_down)
        assert not await lab.roll_back()
        await heard.until(lambda: bool(heard.of(RolledBack)))
    place = lab._place
    assert place is not None
    async with place.control.connect() as connection:
        columns = await connection.run_sync(lambda sync: inspect(sync).get_columns("users", schema=place.schema))
    dropped = "created_at" not in {column["name"] for column in columns}
    rolled_back = heard.of(RolledBack)[-1]
    assert not rolled_back.clean
    assert dropped == ("cannot" in rolled_back.how[0]) == (place.server.name == "mariadb")


async def test_the_lane_has_the_revisions_statements_and_no_look_ups(lab: Runner, heard: Heard) -> None:
    await lab.run("phases", SMALL)
    sent = [event.sql for event in heard.of(StatementStarted) if event.session == "migration"]
    assert any("ADD COLUMN" in sql for sql in sent)
    assert not [sql for sql in sent if "pg_class" in sql or sql.startswith("DESCRIBE")]


async def test_a_migration_broken_off_anywhere_can_be_rolled_back(
    lab: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = Climber.go

    async def broken(self: Climber, revision: str) -> object:
        if revision == "not_null":
            raise RuntimeError("broken off")
        return await go(self, revision)

    monkeypatch.setattr(Climber, "go", broken)
    with pytest.raises(LabError):
        await lab.run("phases", SMALL)
    assert await lab.roll_back()
    await heard.until(lambda: bool(heard.of(RolledBack)))
    assert "Alembic downgrade from dual_write to base" in " ".join(heard.of(RolledBack)[-1].how)


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_a_backfill_that_passes_over_users_is_found_out(
    lab: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    date = Backfiller._date

    async def skipping(self: Backfiller, session: Any, first: int, last: int) -> None:
        await date(self, session, first + 3, last)

    monkeypatch.setattr(Backfiller, "_date", skipping)
    with pytest.raises(LabError):  # The server itself refuses to vouch for it.
        await lab.run("phases", SMALL)


async def test_a_backfill_that_loses_users_is_found_out(
    lab: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    date = Backfiller._date

    async def losing(self: Backfiller, session: Any, first: int, last: int) -> None:
        await date(self, session, first, last)
        await session.execute(text("DELETE FROM users WHERE id % 10 = 0 AND id < 100"))

    monkeypatch.setattr(Backfiller, "_date", losing)
    assert await lab.run("phases", SMALL) == "failed"
    assert fallen(heard) == [UNCHANGED]


async def test_a_downgrade_that_changes_dates_is_found_out(
    lab: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(monkeypatch, "contract", "downgrade", "UPDATE users SET created_at = CURRENT_TIMESTAMP WHERE id < 100")
    assert await lab.run("there_and_back", SMALL) == "failed"
    assert fallen(heard) == ["Every downgrade brings back what its upgrade changed, and nothing else"]


@pytest.mark.parametrize("either", ["mariadb"], indirect=True)
@pytest.mark.parametrize("revision", ["expand", "dual_write"])
async def test_a_revision_broken_off_between_its_statements_can_be_rolled_back(
    lab: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch, revision: str
) -> None:
    execute, module = op.execute, ladder._script().get_revision(revision).module
    sent: list[str] = []

    def only_first(statement: str) -> None:
        if sent:
            raise RuntimeError("broken off")
        sent.append(statement)
        execute(statement)

    monkeypatch.setattr(module.op, "execute", only_first)
    with pytest.raises(LabError):
        await lab.run("phases", SMALL)
    assert sent
    monkeypatch.setattr(module.op, "execute", execute)
    assert await lab.roll_back()


async def test_a_backfill_with_wrong_dates_or_names_is_found_out(
    lab: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def now(self: Backfiller, session: Any, first: int, last: int) -> None:
        await session.execute(
            text("UPDATE users SET created_at = CURRENT_TIMESTAMP, name = '' WHERE id BETWEEN :first AND :last"),
            {"first": first, "last": last},
        )

    monkeypatch.setattr(Backfiller, "_date", now)
    assert await lab.run("phases", SMALL) == "failed"
    assert fallen(heard) == [UNCHANGED, TRUE]
    assert verdicts(heard)[DATED].holds


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_a_staged_migration_that_holds_a_lock_is_found_out(
    lab: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    date = Backfiller._date

    held = False

    async def holding(self: Backfiller, session: Any, first: int, last: int) -> None:
        nonlocal held
        await date(self, session, first, last)
        if last > 5_000 and not held:
            held = True
            await asyncio.sleep(2)

    monkeypatch.setattr(Backfiller, "_date", holding)
    assert await lab.run("naive_against_staged", LOADED | {"budget": 500}) == "failed"
    assert BUDGET in fallen(heard)


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_a_confirmed_write_that_is_not_there_is_found_out(
    lab: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forgetting(self: Traffic, session: object, user: int, *, new: bool) -> None:
        self.journal.edits[user] = 0

    monkeypatch.setattr(Traffic, "_insert", forgetting)
    assert await lab.run("naive_against_staged", LOADED) == "failed"
    assert KEPT in fallen(heard)


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_without_the_trigger_a_program_that_names_the_column_is_refused(
    lab: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def deploy(self: Traffic, knows: str) -> None:
        """The old version never goes."""
        self.knows = "the column"

    monkeypatch.setattr(Traffic, "deploy", deploy)
    assert await lab.run("naive_against_staged", LOADED | {"clients": 8}) == "failed"
    assert REFUSED in fallen(heard)


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_the_strip_shows_each_way(lab: Runner, heard: Heard) -> None:
    await lab.run("naive_against_staged", LOADED)
    assert {column.variant for column in heard.of(LatencySampled)} == {"One ALTER", "One UPDATE", "Staged"}
    assert verdicts(heard)[KEPT].evidence["users_written"] != 0


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_without_a_limit_the_lock_queue_is_as_long_as_before(
    lab: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unlimited(self: Climber, connection: object) -> None:
        """No lock_timeout."""

    monkeypatch.setattr(Climber, "_limit", unlimited)
    assert await lab.run("lock_queue", {"idle": 1.5}) == "failed"
    assert fallen(heard) == ["With a lock_timeout, and again, no reader waits half as long, and the ALTER gets through"]


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_a_backfill_that_does_not_look_at_its_standby_is_found_out(
    lab: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody(self: Throttle) -> str:
        """There is never a reason to rest."""
        return ""

    monkeypatch.setattr(Throttle, "reason", nobody)
    assert await lab.run("replica_lag", {"rows": 20_000, "report": 1.0}) == "failed"
    assert fallen(heard) == [
        "Who rests while the standby lags leaves it less than half as far behind",
        "It is the standby for which it rested",
    ]


async def test_dials_are_obeyed_while_it_runs(lab: Runner, heard: Heard) -> None:
    def done() -> int:
        found = [event.done for event in heard.of(ProgressAdvanced) if event.task == "Backfill"]
        return int(found[-1]) if found else 0

    running = asyncio.create_task(lab.run("phases", {"rows": 20_000, "batch": 5.0}))
    await heard.until(lambda: bool(heard.of(ExperimentStarted)))
    await lab.turn("paused", True)
    await heard.until(lambda: any("TRIGGER" in event.sql for event in heard.of(StatementStarted)))
    await asyncio.sleep(0.5)
    assert done() == 0 and not running.done()
    await lab.turn("nice", 0.5)
    await lab.turn("paused", False)
    assert await running == "passed"
    assert [(event.dial, event.value) for event in heard.of(DialTurned)] == [
        ("paused", True),
        ("nice", 0.5),
        ("paused", False),
    ]
    place = lab._place
    assert place is not None
    async with place.control.connect() as connection:
        nice = await connection.scalar(text(f"SELECT nice FROM {place.schema}.backfills"))
    assert nice == 0.5


async def test_a_dial_keeps_its_bounds_and_its_name(lab: Runner, heard: Heard) -> None:
    await lab.turn("nice", 1.0)
    await heard.until(lambda: any("Nothing is running" in event.text for event in heard.of(Noted)))
    running = asyncio.create_task(lab.run("phases", SMALL))
    await heard.until(lambda: bool(heard.of(ExperimentStarted)))
    with pytest.raises(LabError, match="nice=99 is not possible"):
        await lab.turn("nice", 99)
    with pytest.raises(LabError, match="no dial 'rows'"):
        await lab.turn("rows", 1)
    assert await running == "passed"
    assert not heard.of(DialTurned)


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_an_invalid_index_that_is_not_swept_is_found_out(
    lab: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(sessions: SessionMaker, names: Sequence[str]) -> None:
        """Nobody sweeps."""

    monkeypatch.setattr(indexes, "sweep", nothing)
    assert await lab.run("invalid_index", SMALL) == "failed"
    assert fallen(heard) == ["Swept and built again, every index is valid"]


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_a_linter_that_says_nothing_is_found_out(
    lab: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(path: str, statements: Sequence[str]) -> list[list[str]]:
        return [[] for _ in statements]

    monkeypatch.setattr(squawk, "lint", silent)
    assert await lab.run("second_opinion", {}) == "failed"
    assert fallen(heard) == ["squawk warns of every statement that writes the table anew"]


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_a_revision_that_locks_writers_out_for_long_is_found_out(
    lab: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(monkeypatch, "expand", "upgrade", "SELECT pg_sleep(0.5)")
    assert await lab.run("second_opinion", {"rows": 10_000}) == "failed"
    assert "No revision of this lab locks writers out for half as long as a rewrite would" in fallen(heard)


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_without_squawk_what_was_measured_is_told_all_the_same(
    lab: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(squawk, "program", lambda: None)
    assert await lab.run("second_opinion", {}) == "passed"
    assert any("is not installed" in event.text for event in heard.of(Noted))


def ran(stall_ms: float, seconds: float = 20.0, lost: int = 0) -> Ran:
    journal = Journal(edits={1: 1}, operations=10, longest_write_ms=stall_ms)
    return Ran(seconds, 0, journal, lost)


@pytest.mark.parametrize(
    ("staged", "fallen_claims"),
    [
        (ran(100), []),
        (ran(151), [BUDGET]),
        (ran(149, seconds=31), ["In all, the staged way takes no more than 1.5 times as long as the one UPDATE"]),
        (ran(149, lost=1), [KEPT]),
        (ran(1_000), [BUDGET, "Naive, a writer waits 30 times as long, whichever way"]),
    ],
    ids=["as promised", "over the budget", "too dear", "a write lost", "no better"],
)
@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_what_is_judged_of_ten_million_rows(
    bench: Bench, heard: Heard, staged: Ran, fallen_claims: list[str]
) -> None:
    naive = {"One ALTER": ran(5_000), "One UPDATE": ran(20_000)}
    Versus()._judge(bench, UnderLoad(), {**naive, STAGED: staged})
    assert fallen(heard) == fallen_claims
