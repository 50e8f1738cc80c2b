"""Names and values from a server that try to be more than text."""

from __future__ import annotations

import time

import pytest
from rich.text import Text
from textual.pilot import Pilot

from labs.stream.events import (
    AnomalyMeasured,
    AnyEvent,
    Dependency,
    ErrorReported,
    InvariantSampled,
    LatencySampled,
    LockHeld,
    LocksSampled,
    LockWait,
    Measured,
    Noted,
    OrdersExplored,
    ProgressAdvanced,
    SessionChanged,
    StatementEnded,
    StatementHeld,
    StatementStarted,
    TableSampled,
    VerdictReached,
    Version,
    VersionsSampled,
)
from tests.tui.screens import running, shows, text_of
from tests.tui.streams import Script, fold, opened, started
from tui.text import fit
from tui.view import View
from tui.widgets import anomalies, chart, matrix
from tui.widgets.timeline import timeline

HOSTILE = (
    "[/x]",
    "[@click=app.quit]x[/]",
    "\x1b[31mred\x1b[2J",
    "a\x00\x07\x08b",
    "\u202eright to left",
    "שלום עולם",
    "日本語" * 30,
    "e\u0301\u0301\u0301",
    "👩\u200d👩\u200d👧",
    "x" * 4096,
    "\x9b31m",
    "",
)


def saying(evil: str) -> list[AnyEvent]:
    """A run in which every name and value is that text."""
    return [
        *opened(),
        *started(),
        SessionChanged(t=3, session=evil, state="waiting", backend_pid=1, waiting_for=(evil,)),
        StatementHeld(t=3, session="A", sql=f"SELECT {evil}", parameters=(evil,)),
        StatementStarted(t=3, session=evil, number=1, sql=f"SELECT '{evil}', $1", parameters=(evil,)),
        StatementEnded(t=4, session=evil, number=1, milliseconds=1, rows=1, preview=((evil, evil),)),
        StatementStarted(t=4, session=evil, number=2, sql=evil),
        StatementEnded(t=5, session=evil, number=2, milliseconds=1, sqlstate=evil, message=evil),
        TableSampled(
            t=5,
            table=evil,
            columns=(evil, "b"),
            key=(evil,),
            rows=((evil, evil), (None, 1)),
            row_count=2,
            changed=((evil,),),
        ),
        InvariantSampled(t=5, claim=evil, holds=False, evidence={evil: evil}),
        LocksSampled(
            t=5,
            waits=(LockWait(waiter=evil, blocker=evil, mode=evil, object=evil, milliseconds=1),),
            held=(LockHeld(session=evil, mode=evil, object=evil),),
        ),
        *measuring(evil),
        VerdictReached(t=6, claim=evil, holds=False, evidence={evil: evil}),
        Noted(t=6, text=evil),
    ]


def measuring(evil: str) -> list[AnyEvent]:
    """Versions, figures, latencies and progress in which every name and value is that text."""
    versions = (
        Version(values=(evil, evil), valid_from="2024-01-01", valid_to="2024-02-01", who=evil, operation=evil),
        Version(values=(None, evil), valid_from="2024-02-01", system_from=evil, system_to=evil, who=evil),
        Version(values=(evil,), valid_from=evil, valid_to="2024-02-01", operation=evil),
    )
    columns = (1.0, 2.0, 1e9, 0.0)
    return [
        VersionsSampled(t=5, entity=evil, key=(evil, evil), columns=(evil, evil), versions=versions),
        ProgressAdvanced(t=5, task=evil, done=1, total=3, unit=evil, rate=1, eta_s=1e9),
        ProgressAdvanced(t=6, task=evil, done=2, total=3, unit=evil, rate=1, eta_s=1e9),
        *(Measured(t=6, metric=evil, variant=f"{evil}{n}", value=n, unit=evil, low=0, high=1e12) for n in range(2)),
        *(
            LatencySampled(t=6, operation=evil, variant=evil, seconds=0.2, count=1, median=1.0, worst=worst)
            for worst in columns
        ),
    ]


@pytest.mark.parametrize(("size", "tabs"), [((80, 24), 8), ((200, 50), 2)])
async def test_it_is_shown_as_text_on_every_pane_and_obeyed_on_none(size: tuple[int, int], tabs: int) -> None:
    script = Script()
    async with running(script, size=size) as pilot:
        await pilot.press("5", "enter")
        for evil in HOSTILE:
            script.say(*saying(evil))
            await shows(pilot, "Sessions")
            for _ in range(tabs):
                await pilot.press("tab")
                check(pilot)


def check(pilot: Pilot[None]) -> None:
    """Every line is as wide as the screen, and nothing on it is a control character or a link."""
    strips = pilot.app.screen._compositor.render_strips()
    assert {sum(segment.cell_length for segment in strip) for strip in strips} == {pilot.app.size.width}
    assert text_of(pilot).replace("\n", "").isprintable()
    assert not [s for strip in strips for s in strip if s.style and s.style.meta.get("@click")]


async def test_an_error_about_it_is_text_too() -> None:
    script = Script()
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        for evil in HOSTILE:
            script.say(*opened(), ErrorReported(title=evil, cause=evil, remedy=evil, sqlstate=evil, sql=evil))
            await shows(pilot, "Enter go on")
            check(pilot)
            await pilot.press("enter")


@pytest.mark.parametrize("evil", HOSTILE)
@pytest.mark.parametrize("width", [80, 200])
def test_cells_are_text_too(evil: str, width: int) -> None:
    state = fold(opened())
    edge = Dependency(source=evil, target=evil, kind="ww", item=evil)
    for isolation in (evil, "serializable"):
        state.apply(
            AnomalyMeasured(
                anomaly=evil,
                code=evil,
                isolation=isolation,
                engine=evil,
                occurred=isolation == evil,
                prevented_by=evil,
                cycle=(edge, edge),
            )
        )
        state.apply(
            OrdersExplored(
                variant=evil,
                isolation=isolation,
                engine=evil,
                orders=1,
                violations=1,
                broken={evil: 1},
                refusals={evil: 1},
                waits=0,
                pruned=0,
                milliseconds=1,
                failing=evil,
            )
        )
    for pane in (anomalies, matrix):
        content = pane.lines(state, View(), width)
        for line in [*content.head, *content.body, *content.foot]:
            assert not any(ord(character) < 32 or character in "\x9b\u202e" for character in line.plain)


def panes(evil: str, width: int) -> list[Text]:
    state = fold([*opened(), *started(), *measuring(evil)])
    contents = (timeline.lines(state, View(), width, 20), chart.lines(state, View(), width))
    return [line for content in contents for line in (*content.head, *content.body, *content.foot)]


@pytest.mark.parametrize("evil", HOSTILE)
@pytest.mark.parametrize("width", [80, 200])
def test_versions_and_figures_are_text_too_and_stay_aligned(evil: str, width: int) -> None:
    for line in panes(evil, width):
        assert line.plain.isprintable() and "[/x]" not in repr(line.spans)
        assert fit(line, width).cell_len == width >= line.cell_len


@pytest.mark.parametrize("megabyte", ["x" * 10**6, "\x1b[2J" * 250_000, "漢" * 10**6, "\u0301" * 10**6, "\0" * 10**6])
def test_a_megabyte_costs_no_more_than_what_is_shown_of_it(megabyte: str) -> None:
    columns = tuple(f"{megabyte}{number}" for number in range(3)) + tuple(f"c{number}" for number in range(2000))
    before, after = ((f"{megabyte}{number}",) * 3 + (number,) * 2000 for number in range(2))
    version = Version(values=before, valid_from="2024-01-01", valid_to="2024-02-01", who=megabyte)
    later = Version(values=after, valid_from="2024-02-01", valid_to=megabyte, operation=megabyte)
    latest = Version(values=after, valid_from="2024-03-01", who=megabyte)
    sample = VersionsSampled(entity=megabyte, key=(megabyte,), columns=columns, versions=(version, later, latest))
    state = fold([*opened(), *started(), *measuring(megabyte)[1:], sample])
    spent = []
    for _ in range(3):
        began = time.perf_counter()
        contents = (timeline.lines(state, View(), 80, 20), chart.lines(state, View(), 80))
        drawn = [line.plain for content in contents for line in (*content.head, *content.body, *content.foot)]
        spent.append(time.perf_counter() - began)
    assert min(spent) < 0.05 and sum(map(len, drawn)) < 80 * 100
