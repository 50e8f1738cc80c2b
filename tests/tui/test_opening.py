"""Opening a lab at an awkward moment."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from labs.stream.commands import AnyCommand, OpenLab
from labs.stream.events import AnyEvent
from tests.tui.screens import running, shows
from tests.tui.streams import Script, opened, opening
from tui.app import NinelabsApp


def answer(command: AnyCommand) -> list[AnyEvent]:
    """What a runner says when it is asked for its lab."""
    return list(opened()[3:]) if isinstance(command, OpenLab) else []


async def test_who_opens_a_lab_before_a_runner_is_ready_keeps_the_one_that_it_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late: list[Callable[[], object]] = []
    original = NinelabsApp.call_after_refresh

    def defer(app: NinelabsApp, callback: Callable[[], object], *arguments: object, **named: object) -> bool:
        if getattr(callback, "__name__", "") == "_warm_up":
            late.append(callback)
            return True
        return original(app, callback, *arguments, **named)

    monkeypatch.setattr(NinelabsApp, "call_after_refresh", defer)
    async with running(Script(opening(), answer=answer)) as pilot:
        await pilot.press("5", "enter")
        for warm_up in late:
            warm_up()
        await shows(pilot, "Races")
