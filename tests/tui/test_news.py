"""Keys between what has come and the news of it, which is paced."""

from __future__ import annotations

from labs.stream.commands import RunExperiment, Step
from tests.tui.screens import running, shows, text_of, until
from tests.tui.streams import Script, ending, opened, opening, started, waiting
from tests.tui.test_screens import lab
from tui.app import NinelabsApp
from tui.screens.lab import LabScreen


async def test_a_key_acts_on_what_came_though_nobody_was_told_of_it_yet() -> None:
    script = Script(opening())
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "opening the lab")
        assert isinstance(pilot.app, NinelabsApp) and pilot.app.sources.feed is not None
        tape = pilot.app.sources.feed.tape
        for event in opened()[3:]:
            tape.add(event)
        await pilot.press("r")
        await until(pilot, lambda: isinstance(script.sent[-1], RunExperiment))
        assert script.sent[1:] == [RunExperiment(experiment="double_spend", parameters={}, stepped=False)]
        script.say(*started())
        await shows(pilot, "NEXT 1")
        await pilot.press("space")
        await until(pilot, lambda: script.sent[-1] == Step())
        for event in (*waiting(), *ending()):
            tape.add(event)
        await pilot.press("space")
        await shows(pilot, "This run has ended.")
        assert len(script.sent) == 3


async def test_why_a_key_did_nothing_outlasts_the_news_of_the_step_before_it() -> None:
    async with running(lab(*started(), *waiting())) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "B waits for A", "[Locks]")
        screen = pilot.app.screen
        assert isinstance(screen, LabScreen)
        screen.action_past(-1)
        screen.action_roll_back()
        await shows(pilot, "in the past", "[Table]")
        await pilot.pause(0.3)
        assert "in the past" in text_of(pilot)
