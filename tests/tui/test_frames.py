"""Every frame that is painted, not only the one that a screen comes to rest on."""

from __future__ import annotations

from typing import Any, cast

import pyte
import pytest

from labs.stream.commands import AnyCommand, OpenLab
from labs.stream.events import AnyEvent
from tests.tui.screens import running, shows, text_of, until
from tests.tui.streams import Script, accounts, opened, opening
from tui.line.pace import PAINT_INTERVAL_S
from tui.screens.lab import LabScreen
from tui.widgets.body import Body
from tui.widgets.pane import Pane


def lab() -> Script:
    """A runner that opens its lab when asked."""

    def answer(command: AnyCommand) -> list[AnyEvent]:
        return opened()[3:] if isinstance(command, OpenLab) else []

    return Script(opening(), answer=answer)


async def test_a_pane_brought_to_the_front_is_never_seen_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    script = lab()
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "Space start")
        await pilot.press("t")
        await shows(pilot, "[Table]", "alice      100")
        await pilot.press("w")
        await shows(pilot, "[Why]")

        screen = cast(LabScreen, pilot.app.screen)
        script.say(accounts(3.0, 20))
        await until(pilot, lambda: screen.state.now == 3.0)
        await pilot.pause(PAINT_INTERVAL_S)  # By then whatever can be seen of it is on the screen.

        frames: list[str] = []
        paint = pilot.app._display

        def painted(*update: Any) -> None:
            frames.append(text_of(pilot))
            paint(*update)

        monkeypatch.setattr(pilot.app, "_display", painted)
        await pilot.press("t")
        await shows(pilot, "[Table]", "alice       20")
        seen = [frame for frame in frames if "[Table]" in frame]
        assert seen and all("alice       20" in frame for frame in seen)


async def test_what_is_laid_out_while_a_frame_is_painted_is_painted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(lab()) as pilot:
        terminal = pyte.Screen(*pilot.app.size)
        stream = pyte.Stream(terminal)
        paint = pilot.app._display

        def painted(on: Any, update: Any) -> None:
            if update is not None:
                stream.feed(update.render_segments(pilot.app.console))
            paint(on, update)

        monkeypatch.setattr(pilot.app, "_display", painted)
        await pilot.press("5", "enter")
        await shows(pilot, "Space start", "[Why]")
        await pilot.press("t", "w")
        await shows(pilot, "[Why]")
        screen = cast(LabScreen, pilot.app.screen)
        body = screen.query_one(Body)
        # The course of events on a busy machine, now and then: a pane that is out of sight wants to be repainted, then
        # to be seen, and when Textual may forget how the panes were arranged, another one is repainted first.
        screen._compositor.update_widgets({screen.query_one("#table", Pane)})
        body.choose("table")
        body._clear_arrangement_cache()
        why = screen.query_one("#why", Pane)
        why.refresh()
        screen._compositor.update_widgets({why})
        screen._compositor_refresh()
        await shows(pilot, "[Table]", "alice")
        await pilot.pause(PAINT_INTERVAL_S)
        assert "\n".join(terminal.display) == text_of(pilot)
