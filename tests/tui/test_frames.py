"""Every frame that is painted, not only the one that a screen comes to rest on."""

from __future__ import annotations

from typing import Any, cast

import pytest

from labs.stream.commands import AnyCommand, OpenLab
from labs.stream.events import AnyEvent
from tests.tui.screens import running, shows, text_of, until
from tests.tui.streams import Script, accounts, opened, opening
from tui.line.pace import PAINT_INTERVAL_S
from tui.screens.lab import LabScreen


async def test_a_pane_brought_to_the_front_is_never_seen_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(command: AnyCommand) -> list[AnyEvent]:
        return opened()[3:] if isinstance(command, OpenLab) else []

    script = Script(opening(), answer=answer)
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "Space start")
        await pilot.press("t")
        await shows(pilot, "[Table]", "alice      100")
        await pilot.press("w")
        await shows(pilot, "[Why]")

        lab = cast(LabScreen, pilot.app.screen)
        script.say(accounts(3.0, 20))
        await until(pilot, lambda: lab.state.now == 3.0)
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
