"""Cells that an experiment fills in: orders and anomalies, on both engines, with a cursor that opens them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from labs.stream.commands import AnyCommand, OpenLab, RunExperiment, UseEngine
from labs.stream.events import (
    AnomalyMeasured,
    AnyEvent,
    Dependency,
    ErrorReported,
    ExperimentEnded,
    ExperimentStarted,
    OrdersExplored,
)
from tests.tui.screens import plain, running, shows, text_of, until
from tests.tui.streams import Script, fold, opened, opened_on, opening, started, whole_run
from tui.plan import ANOMALIES, ORDERS
from tui.view import View
from tui.widgets import anomalies, grid, matrix
from tui.widgets.anomalies import initials

PG, MARIADB = "postgres", "mariadb"
CYCLE = (
    Dependency(source="A", target="B", kind="ww", item="x"),
    Dependency(source="B", target="A", kind="rw", item="x"),
)


def exploring(t: float, experiment: str = "every_order", **parameters: Any) -> ExperimentStarted:
    return ExperimentStarted(t=t, experiment=experiment, parameters=parameters, stepped=False)


def ended(t: float, experiment: str = "every_order") -> ExperimentEnded:
    return ExperimentEnded(t=t, experiment=experiment, outcome="passed", seconds=1)


def orders(t: float, isolation: str, engine: str = PG, failing: str | None = "AABB", **more: Any) -> OrdersExplored:
    settings: dict[str, Any] = {
        "variant": "Double spend",
        "orders": 40,
        "violations": 0 if failing is None else 38,
        "broken": {} if failing is None else {"Money is conserved": 38},
        "refusals": {"40001": 38, "40P01": 1} if engine == PG else {"1213": 2},
        "waits": 60,
        "pruned": 1,
        "milliseconds": 688.5,
        "retries": 7,
        "experiment": "double_spend",
        "parameters": {"amount": 80},
    }
    return OrdersExplored(t=t, isolation=isolation, engine=engine, failing=failing, **settings | more)


def anomaly(t: float, isolation: str, *, occurred: bool, engine: str = PG, by: str = "") -> AnomalyMeasured:
    return AnomalyMeasured(
        t=t,
        anomaly="lost update",
        code="P4",
        isolation=isolation,
        engine=engine,
        occurred=occurred,
        prevented_by=by,
        cycle=CYCLE if occurred else (),
        experiment="row_lock",
        parameters={"isolation": isolation},
    )


LEVELS = ("read committed", "repeatable read", "serializable")
EXPLORED: list[AnyEvent] = [
    exploring(2, amount=80),
    *(orders(3, level, failing=None if level == "serializable" else "AABB") for level in LEVELS),
    ended(4),
]
ON_MARIADB: list[AnyEvent] = [
    *opened_on(MARIADB, 5),
    exploring(6, amount=80),
    orders(7, "repeatable read, snapshot off", MARIADB, failing=""),
    ended(8),
]


def test_the_cells_of_one_engine_stay_while_the_other_fills_its_own() -> None:
    state = fold([*opened(), *EXPLORED, *ON_MARIADB])
    assert [(engine, level) for _, engine, level in state.orders.cells] == [
        *((PG, level) for level in LEVELS),
        (MARIADB, "repeatable read, snapshot off"),
    ]


def test_a_run_anew_clears_its_engine_and_other_parameters_clear_all() -> None:
    both = [*opened(), *EXPLORED, *ON_MARIADB]
    again = fold([*both, exploring(20, amount=80), orders(21, "serializable", MARIADB)])
    assert [key[1:] for key in again.orders.cells if key[1] == MARIADB] == [(MARIADB, "serializable")]
    assert sum(key[1] == PG for key in again.orders.cells) == 3
    other = fold([*both, exploring(20, amount=10), orders(21, "serializable", MARIADB)])
    assert list(other.orders.cells) == [("Double spend", MARIADB, "serializable")]


def test_cells_outlive_the_runs_that_they_open() -> None:
    assert len(fold([*opened(), *EXPLORED, *started(20)]).orders.cells) == 3


@pytest.mark.parametrize("width", [80, 116, 200])
def test_orders_and_their_price_fit_every_width(width: int) -> None:
    state = fold([*opened(), *EXPLORED, *ON_MARIADB])
    content = matrix.lines(state, View(), width)
    lines = [*content.head, *content.body, *content.foot]
    assert all(line.cell_len <= width for line in lines)
    text = plain(content)
    for heading in matrix.HEADINGS:
        assert heading in text
    assert "✗ 38/40" in text and "✓ 0/40" in text and "repeatable, snapshot off" in text
    assert "688" in text and "AABB" in text and "serial" in text


def test_the_foot_tells_the_chosen_cell_and_what_enter_does() -> None:
    state = fold([*opened(), *EXPLORED])
    key = ("Double spend", PG, "read committed")
    foot = " ".join(line.plain.strip() for line in matrix.lines(state, View(cells={ORDERS: key}), 80).foot)
    assert (
        "Double spend at read committed, on PostgreSQL: 40 orders run. Turns left out: 1 as equivalent, 0 because"
        in foot
    )
    assert "Money is conserved: not in 38." in foot and "Enter opens its shortest failing order, AABB" in foot
    safe = View(cells={ORDERS: ("Double spend", PG, "serializable")})
    foot = " ".join(line.plain.strip() for line in matrix.lines(state, safe, 80).foot)
    assert "no order breaks a claim" in foot


def measured() -> list[AnyEvent]:
    return [
        *opened(),
        exploring(2, "anomalies"),
        anomaly(3, "read committed", occurred=True),
        anomaly(3, "repeatable read", occurred=False, by="40001"),
        anomaly(3, "serializable", occurred=False, by="a wait"),
        ended(4, "anomalies"),
        *opened_on(MARIADB, 5),
        exploring(6, "anomalies"),
        anomaly(7, "repeatable read, snapshot off", occurred=True, engine=MARIADB),
        anomaly(7, "repeatable read, snapshot on", occurred=False, engine=MARIADB, by="1020"),
        anomaly(7, "serializable", occurred=False, engine=MARIADB),
        ended(8, "anomalies"),
    ]


def test_an_anomaly_occurs_or_is_prevented_by_something() -> None:
    content = anomalies.lines(fold(measured()), View(cells={ANOMALIES: ("lost update", PG, "read committed")}), 80)
    text = plain(content)
    assert "✗ occurs" in text and "✓ 40001" in text and "✓ wait" in text and "✓ 1020" in text and "✓ unseen" in text
    foot = plain(list(content.foot))
    assert "lost update (P4) at read committed, on PostgreSQL: occurs" in foot
    assert "A ─ww(x)→ B ─rw(x)→ A" in foot


def test_engines_stand_side_by_side_where_there_is_room() -> None:
    state = fold(measured())
    rows = [line for line in plain(anomalies.lines(state, View(), 160)).splitlines() if "P4" in line]
    assert len(rows) == 1 and rows[0].count("occurs") == 2
    assert sum("P4" in line.plain for line in anomalies.lines(state, View(), 80).body) == 2


@pytest.mark.parametrize("width", [60, 80, 116, 200])
def test_no_anomaly_is_wider_than_its_pane(width: int) -> None:
    content = anomalies.lines(fold(measured()), View(), width)
    assert all(line.cell_len <= width for line in [*content.head, *content.body, *content.foot])


@pytest.mark.parametrize(
    ("level", "short"),
    [
        ("read uncommitted", "RU"),
        ("repeatable read", "RR"),
        ("repeatable read, snapshot off", "RR off"),
        ("serializable", "SER"),
    ],
)
def test_levels_are_abbreviated_as_the_field_does(level: str, short: str) -> None:
    assert initials(level) == short


def test_the_cursor_goes_to_the_next_cell_and_stays_at_the_ends() -> None:
    content = anomalies.lines(fold(measured()), View(), 160)
    first = content.spots[0]
    right = grid.moved(content.spots, first, 1, 0)
    assert right == ("lost update", PG, "repeatable read")
    assert grid.moved(content.spots, first, 99, 0) == ("lost update", MARIADB, "serializable")
    assert grid.moved(content.spots, first, -1, 0) == first.key == grid.moved(content.spots, first, 0, -1)
    stacked = anomalies.lines(fold(measured()), View(), 80)
    assert grid.moved(stacked.spots, stacked.spots[0], 0, 1)[1] == MARIADB


def lab(*more: AnyEvent, then: dict[type, list[AnyEvent]] | None = None) -> Script:
    def answer(command: AnyCommand) -> list[AnyEvent]:
        if isinstance(command, OpenLab):
            return [*opened()[3:], *more]
        return (then or {}).get(type(command), [])

    return Script(opening(), answer=answer)


async def test_orders_come_to_the_front_and_enter_opens_the_shortest_failing_one() -> None:
    script = lab(*EXPLORED)
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "[Orders]", "✗ 38/40", "Enter opens its shortest failing order, AABB", "NEXT Enter")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(script.sent[-1], RunExperiment))
        assert script.sent[-1] == RunExperiment(
            experiment="double_spend",
            parameters={"amount": 80, "isolation": "read committed", "order": "AABB"},
            stepped=True,
        )
        script.say(*started(20))
        await shows(pilot, "A 4711", "AABB is the shortest order that")
        script.say(*whole_run()[-8:])
        await pilot.press("o")
        await shows(pilot, "[Orders]", "✗ 38/40")


async def test_a_cell_without_a_failing_order_is_opened_as_it_is_and_says_so() -> None:
    script = lab(*EXPLORED)
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "[Orders]")
        await pilot.press("G", "enter")
        await until(pilot, lambda: isinstance(script.sent[-1], RunExperiment))
        command = script.sent[-1]
        assert isinstance(command, RunExperiment)
        assert command.parameters == {"amount": 80, "isolation": "serializable"}
        await shows(pilot, "no order breaks a claim, so this")


async def test_a_cell_of_the_other_engine_goes_there_first() -> None:
    script = lab(*ON_MARIADB, *opened_on(PG, 20), then={UseEngine: opened_on(MARIADB, 30)})
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "PostgreSQL 18.6", "Orders")
        await pilot.press("o", "enter")
        await until(pilot, lambda: isinstance(script.sent[-1], RunExperiment))
        assert script.sent[-2:] == [
            UseEngine(engine=MARIADB),
            RunExperiment(
                experiment="double_spend",
                parameters={"amount": 80, "isolation": "repeatable read, snapshot off", "order": "serial"},
                stepped=True,
            ),
        ]


async def test_a_cell_is_not_opened_on_an_engine_that_could_not_be_had() -> None:
    gone = ErrorReported(t=30, title="No PostgreSQL", cause="It is gone.", remedy="Install it.")
    script = lab(*EXPLORED, *ON_MARIADB, then={UseEngine: [gone]})
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "MariaDB 10.11.14", "[Orders]")
        await pilot.press("g", "enter")
        await shows(pilot, "No PostgreSQL", "Install it.")
        await pilot.press("enter")
        await shows(pilot, "NEXT")
        assert script.sent[-1] == UseEngine(engine=PG)


async def test_a_cell_that_nothing_shows_says_so() -> None:
    script = lab(exploring(2), orders(3, "serializable", experiment=""), ended(4))
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "[Orders]")
        await pilot.press("enter")
        await shows(pilot, "No experiment was recorded that shows this cell")
        assert script.sent == [OpenLab(lab="races")]


async def test_anomalies_are_chosen_in_two_directions_and_opened() -> None:
    script = lab(*measured()[len(opened()) : -6])
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "[Anomalies]", "A ─ww(x)→ B ─rw(x)→ A")
        await pilot.press("right", "l")
        await shows(pilot, "at serializable, on PostgreSQL: prevented by a wait")
        await pilot.press("h", "enter")
        await until(pilot, lambda: isinstance(script.sent[-1], RunExperiment))
        assert script.sent[-1] == RunExperiment(
            experiment="row_lock", parameters={"isolation": "repeatable read"}, stepped=True
        )


async def test_a_recording_shows_its_cells_with_a_cursor() -> None:
    script = Script([*opened(), *EXPLORED], live=False)
    script.end("")
    async with running(replay=script) as pilot:
        await shows(pilot, "REPLAY 1/")
        await pilot.press("G")
        await shows(pilot, "[Orders]", "at read committed, on PostgreSQL")
        await pilot.press("down")
        await shows(pilot, "at repeatable read, on PostgreSQL")
        await pilot.press("enter")
        await shows(pilot, "This is a recording")
        assert script.sent == []


async def test_panes_without_cells_are_not_offered() -> None:
    async with running(lab(*EXPLORED)) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "[Orders]")
        assert "Anomalies" not in text_of(pilot)
        await pilot.press("A")
        await shows(pilot, "There is nothing to show yet under Anomalies", "[Orders]")


async def test_the_headings_that_stay_are_those_of_the_table_in_sight() -> None:
    levels = [f"level {number}" for number in range(3)]
    many: list[AnyEvent] = [exploring(2, "anomalies")]
    for engine in (PG, MARIADB):
        for name in range(12):
            cells = [anomaly(3, level, occurred=False, engine=engine) for level in levels]
            many += [msgspec.structs.replace(cell, anomaly=f"anomaly {name}") for cell in cells]
        many += [*opened_on(MARIADB, 5), exploring(6, "anomalies")] if engine == PG else []
    script = lab(*many, ended(9, "anomalies"))
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "[Anomalies]")
        await pilot.press("g")
        await shows(pilot, "PostgreSQL", "anomaly 0 ")
        await pilot.press("G")
        await shows(pilot, "anomaly 11", "on MariaDB: does not occur")
        rows = text_of(pilot).splitlines()
        assert rows[3].startswith(" MariaDB"), "its own headings are at the top"
        assert not any(row.startswith(" PostgreSQL") for row in rows)
