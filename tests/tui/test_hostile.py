"""Names and values from a server that try to be more than text."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from labs.stream.events import (
    AnomalyMeasured,
    AnyEvent,
    Dependency,
    ErrorReported,
    InvariantSampled,
    LockHeld,
    LocksSampled,
    LockWait,
    Noted,
    OrdersExplored,
    SessionChanged,
    StatementEnded,
    StatementHeld,
    StatementStarted,
    TableSampled,
    VerdictReached,
)
from tests.tui.screens import running, shows, text_of
from tests.tui.streams import Script, fold, opened, started
from tui.view import View
from tui.widgets import anomalies, matrix

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
        VerdictReached(t=6, claim=evil, holds=False, evidence={evil: evil}),
        Noted(t=6, text=evil),
    ]


@pytest.mark.parametrize(("size", "tabs"), [((80, 24), 6), ((200, 50), 1)])
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
            await pilot.press("escape")


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
