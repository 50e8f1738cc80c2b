"""What each level of each engine prevents, against what is published; and what the verdicts are worth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from labs.races.anomalies import adya, anomaly, catalogue, experiments, items, needless
from labs.races.anomalies.experiments import AnomalyName
from labs.races.anomalies.models import Item
from labs.stream.cycles import drawn
from labs.stream.events import AnomalyMeasured, Noted, RolledBack, StatementStarted, VerdictReached
from labs.workbench.engines.engine import Engine
from labs.workbench.place import schema_name
from labs.workbench.runner import Runner
from tests.conftest import Heard

ROWS = {
    "G0": ("dirty write",),
    "G1a": ("aborted read",),
    "G1b": ("intermediate read",),
    "G1c": ("circular information flow",),
    "OTV": ("observed transaction vanishes",),
    "PMP": ("predicate many preceders", "predicate many preceders, writing"),
    "P4": ("lost update",),
    "G-single": ("read skew", "read skew by condition", "read skew, writing by condition"),
    "G2-item": ("write skew",),
    "G2": ("predicate write skew", "read only anomaly"),
}
# Hermitage (github.com/ept/hermitage), with MariaDB's repeatable read as measured on 10.11.
# ✓ is prevented, — occurs, R/O occurs only where a condition is written by.
PUBLISHED = """
                                          G0 G1a G1b G1c OTV PMP P4 G-single G2-item G2
postgres  read committed                  ✓  ✓   ✓   ✓   ✓   —   —  —        —       —
postgres  repeatable read                 ✓  ✓   ✓   ✓   ✓   ✓   ✓  ✓        —       —
postgres  serializable                    ✓  ✓   ✓   ✓   ✓   ✓   ✓  ✓        ✓       ✓
mariadb   read uncommitted                ✓  —   —   —   —   —   —  —        —       —
mariadb   read committed                  ✓  ✓   ✓   ✓   ✓   —   —  —        —       —
mariadb   repeatable read, snapshot off   ✓  ✓   ✓   ✓   ✓   R/O —  R/O      —       —
mariadb   repeatable read, snapshot on    ✓  ✓   ✓   ✓   ✓   ✓   ✓  ✓        —       —
mariadb   serializable                    ✓  ✓   ✓   ✓   ✓   ✓   ✓  ✓        ✓       ✓
"""


def published(engine: str) -> dict[tuple[str, str], bool]:
    """By anomaly and level, whether it occurs."""
    head, *lines = PUBLISHED.strip("\n").splitlines()
    expected = {}
    for line in lines:
        name, rest = line.split(maxsplit=1)
        marks = rest.split()[-len(ROWS) :]
        level = " ".join(rest.split()[: -len(ROWS)])
        for code, mark in zip(head.split(), marks, strict=True):
            for one in ROWS[code]:
                if name == engine:
                    expected[one, level] = mark == "—" or (mark == "R/O" and "writing" in one)
    return expected


async def measured(races: Runner, heard: Heard) -> dict[tuple[str, str], AnomalyMeasured]:
    await races.run("anomalies", {})
    return {(cell.anomaly, cell.isolation): cell for cell in heard.of(AnomalyMeasured)}


def fallen(heard: Heard) -> list[str]:
    return [event.claim for event in heard.of(VerdictReached) if not event.holds]


async def test_the_catalogue_is_as_published(races: Runner, heard: Heard, either: Engine) -> None:
    cells = await measured(races, heard)
    assert {place: cell.occurred for place, cell in cells.items()} == published(either.name)
    assert fallen(heard) == []
    assert len(heard.of(VerdictReached)) == 2 + sum(level in catalogue.PERMITTED for level in either.levels)
    for (name, level), cell in cells.items():
        assert cell.engine == either.name
        assert cell.experiment == "anomaly" and cell.parameters == {"anomaly": name, "isolation": level}
        assert not (cell.occurred and cell.prevented_by)
        assert not (cell.occurred and not cell.cycle)
        assert bool(cell.cycle) <= (level != "serializable")


HOW = [
    ("postgres", "dirty write", "read committed", "a wait"),
    ("postgres", "aborted read", "read committed", ""),
    ("postgres", "observed transaction vanishes", "read committed", ""),
    ("postgres", "lost update", "repeatable read", "40001"),
    ("postgres", "write skew", "serializable", "40001"),
    ("postgres", "read skew", "repeatable read", ""),
    ("mariadb", "dirty write", "read uncommitted", "a wait"),
    ("mariadb", "aborted read", "serializable", "a wait"),
    ("mariadb", "lost update", "repeatable read, snapshot on", "1020"),
    ("mariadb", "read skew, writing by condition", "repeatable read, snapshot on", "1020"),
    ("mariadb", "write skew", "serializable", "1213"),
    ("mariadb", "predicate write skew", "serializable", "1213"),
]
CIRCLE = [
    ("lost update", "read committed", "A ─ww(x)→ B ─rw(x)→ A"),
    ("read skew", "read committed", "A ─rw(x)→ B ─wr(y)→ A"),
    ("write skew", "read committed", "A ─rw(y)→ B ─rw(x)→ A"),
    ("predicate write skew", "read committed", "A ─rw(value % 3 = 0)→ B ─rw(value % 3 = 0)→ A"),
    ("read only anomaly", "read committed", "A ─rw(y)→ B ─wr(y)→ C ─rw(x)→ A"),
    # Nobody saw what was not committed; but that each missed the other's write is a circle too.
    ("circular information flow", "read committed", "A ─rw(y)→ B ─rw(x)→ A"),
]


async def test_each_cell_says_how_it_was_prevented_or_which_circle_there_is(
    races: Runner, heard: Heard, either: Engine
) -> None:
    cells = await measured(races, heard)
    for engine, name, level, how in HOW:
        if engine == either.name:
            assert (name, level, cells[name, level].prevented_by) == (name, level, how)
    for name, level, circle in CIRCLE:
        assert drawn(cells[name, level].cycle) == circle


@pytest.mark.parametrize("either", ["mariadb"], indirect=True)
async def test_only_below_read_committed_are_dirty_reads(races: Runner, heard: Heard) -> None:
    cells = await measured(races, heard)
    lowest = "read uncommitted"
    assert drawn(cells["aborted read", lowest].cycle) == "A ─wr(x)→ B"
    assert drawn(cells["circular information flow", lowest].cycle) == "A ─wr(x)→ B ─wr(y)→ A"
    assert drawn(cells["observed transaction vanishes", lowest].cycle) == "B ─wr(x)→ C ─rw(y)→ B"


async def test_it_comes_out_the_same_every_time(races: Runner, heard: Heard) -> None:
    for _ in range(3):
        await races.run("anomalies", {})
    told = [(c.anomaly, c.isolation, c.occurred, c.prevented_by, c.cycle) for c in heard.of(AnomalyMeasured)]
    third = len(told) // 3
    assert told[:third] == told[third : 2 * third] == told[2 * third :]


async def test_levels_that_are_none_are_found_out(
    races: Runner, heard: Heard, either: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = either.create

    def always_read_committed(*, isolation: str | None = None, **settings: Any) -> AsyncEngine:
        return create(isolation=isolation if isolation in {None, "autocommit"} else "read committed", **settings)

    monkeypatch.setattr(either, "create", always_read_committed)
    assert await races.run("anomalies", {}) == "failed"
    assert fallen(heard) == [
        "Each level prevents what the SQL standard wants it to prevent",
        "When serializable, whatever was committed fits into a serial order",
    ]


async def test_a_checker_that_sees_no_anti_dependencies_is_found_out(
    races: Runner, heard: Heard, either: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blind(history: adya.History) -> frozenset[Any]:
        return frozenset(edge for edge in dependencies(history) if edge.kind != "rw")

    dependencies = adya.dependencies
    monkeypatch.setattr(adya, "dependencies", blind)
    monkeypatch.setattr(anomaly, "dependencies", blind)
    assert await races.run("anomalies", {}) == "failed"
    permitted = [f"{level.capitalize()} permits: {catalogue.PERMITTED[level].name}" for level in either.levels
                 if level in catalogue.PERMITTED]  # fmt: skip
    assert fallen(heard) == permitted


def test_the_choices_are_the_catalogue() -> None:
    assert get_args(get_args(AnomalyName)[0]) == tuple(catalogue.BY_NAME)


async def test_one_after_the_other_nothing_occurs_at_any_level(
    races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiments, "ALL", [replace(one, order="") for one in catalogue.ALL])
    cells = await measured(races, heard)
    assert cells
    assert not any(cell.occurred or cell.cycle or cell.prevented_by for cell in cells.values())


async def test_serializable_refuses_what_does_no_harm_and_weaker_levels_do_not(
    races: Runner, heard: Heard, either: Engine
) -> None:
    code = {"postgres": "40001", "mariadb": "1213"}[either.name]
    for level in either.levels:
        heard.clear()
        assert await races.run("needless_refusal", {"isolation": level}) == (
            "failed" if level == "serializable" else "passed"
        )
        (verdict,) = heard.of(VerdictReached)
        assert verdict.evidence == {"refused": code if level == "serializable" else "none", "dependencies": 0}


async def test_a_refusal_is_not_needless_where_there_is_a_circle(
    races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    skewed = catalogue.BY_NAME["predicate write skew"]
    monkeypatch.setattr(needless, "TRANSACTIONS", skewed.transactions)
    assert await races.run("needless_refusal", {}) == "passed"
    assert heard.of(VerdictReached)[0].evidence["dependencies"] == 2


def test_captions_are_for_statements_that_there_are() -> None:
    for one in catalogue.ALL:
        assert set(one.order) == set(one.transactions) >= {name for name, _ in one.captions}
        assert all(number <= one.order.count(name) for name, number in one.captions)
        assert len(one.text.strip().split("\n\n")) == 2
    assert len({one.text for one in catalogue.ALL}) == len(catalogue.ALL)


@pytest.mark.parametrize("name", list(catalogue.BY_NAME))
async def test_one_anomaly_is_shown_in_the_lanes_as_it_is_measured(
    races: Runner, heard: Heard, either: Engine, name: str
) -> None:
    for level in either.levels:
        heard.clear()
        occurs = published(either.name)[name, level]
        assert await races.run("anomaly", {"anomaly": name, "isolation": level}) in (
            {"failed"} if occurs else {"passed", "failed"}
        )
        first, second = heard.of(VerdictReached)
        assert first.holds is not occurs
        assert second.holds or level != "serializable"
        notes = [event.text for event in heard.of(Noted)]
        if occurs:
            assert first.evidence["circle"] in notes
        assert {event.session for event in heard.of(StatementStarted)} == set(catalogue.BY_NAME[name].transactions)


@pytest.mark.parametrize("name", ["lost update", "predicate write skew", "predicate many preceders, writing"])
async def test_a_rollback_brings_the_items_back(races: Runner, heard: Heard, either: Engine, name: str) -> None:
    await races.run("anomaly", {"anomaly": name})
    engine = either.create(application="test", schema=schema_name("races"))
    async with engine.connect() as connection:
        assert await now(connection) != items.AT_FIRST
        await connection.rollback()
        assert await races.roll_back()
        await heard.until(lambda: bool(heard.of(RolledBack)))
        done = heard.of(RolledBack)[-1]
        assert (done.experiment, done.clean, done.how) == ("anomaly", True, ("Items set back to x = 10, y = 20.",))
        assert await now(connection) == items.AT_FIRST
    await engine.dispose()


async def now(connection: AsyncConnection) -> dict[str, int]:
    return {row.name: row.value for row in await connection.execute(select(Item.name, Item.value))}


async def test_a_rollback_that_forgets_the_items_is_not_clean(
    races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forgetful(connection: AsyncConnection) -> tuple[str, ...]:
        return ()

    await races.run("anomaly", {})
    monkeypatch.setattr(items, "put_back", forgetful)
    assert not await races.roll_back()
    await heard.until(lambda: bool(heard.of(RolledBack)))
    assert heard.of(RolledBack)[0].differences == ("items: as many rows as before (2), but with other contents.",)
