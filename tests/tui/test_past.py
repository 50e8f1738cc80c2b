"""Going back through a live run, and on again to the present."""

from __future__ import annotations

import pytest

from labs.stream.commands import Cancel, OpenLab, RunExperiment, Step
from labs.stream.events import AnyEvent, ErrorReported, Looked, ProgressAdvanced
from labs.stream.specs import Cell
from tests.tui.screens import running, shows, text_of, until
from tests.tui.streams import Script, ending, fold, opened, opening, started, waiting, whole_run
from tests.tui.test_screens import lab
from tests.tui.test_timeline import sampled, version
from tui.screens.lab import LabScreen
from tui.tape import Tape


def tape_of(events: list[AnyEvent], most: int | None = None) -> tuple[Tape, int]:
    tape = Tape(most)
    return tape, sum(tape.add(event) for event in events)


async def test_every_pane_follows_back_and_on_to_the_present() -> None:
    script = lab(*started(), *waiting(), *ending())
    async with running(script, size=(200, 50)) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "✗ VERDICT", "LIVE", "-60")
        await pilot.press(",", ",", ",", ",")
        await shows(pilot, "PAST 4/8", "B waits for A", "RowExclusive")
        assert "LIVE" not in text_of(pilot) and "-60" not in text_of(pilot) and "VERDICT" not in text_of(pilot)
        await pilot.press(".")
        await shows(pilot, "PAST 5/8")
        await pilot.press("G")
        await shows(pilot, "LIVE", "-60", "✗ VERDICT")


async def test_what_happens_meanwhile_waits_until_the_person_comes_back() -> None:
    script = lab(*started(), *waiting())
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "B waits for A")
        await pilot.press(",")
        await shows(pilot, "PAST 3/4")
        script.say(*ending())
        await shows(pilot, "PAST 3/8")
        assert "VERDICT" not in text_of(pilot)
        await pilot.press("G")
        await shows(pilot, "LIVE", "VERDICT")


@pytest.mark.parametrize("key", ["space", "r", "u", "R", "c", "E", "i", "e", "n"])
async def test_in_the_past_nothing_is_asked_of_the_server(key: str) -> None:
    script = lab(*started(), *waiting())
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "B waits for A")
        await pilot.press(",", key)
        await shows(pilot, "in the past", "G goes back to live")
        assert script.sent == [OpenLab(lab="races")]


async def test_a_run_is_taken_again_to_the_step_of_the_past_that_is_shown() -> None:
    script = lab(*started(), *waiting())
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "B waits for A")
        await pilot.press("f")
        await shows(pilot, "This is the present.")
        await pilot.press("comma", "f")
        await until(pilot, lambda: len(script.sent) == 3)
        parameters: dict[str, Cell] = {"isolation": "READ COMMITTED"}
        again = RunExperiment(experiment="double_spend", parameters=parameters, stepped=True)
        assert script.sent[1:] == [Cancel(), again]
        script.say(*started(20.0))
        await until(pilot, lambda: script.sent[3:] == [Step(session="A")])


async def test_nothing_is_taken_again_while_something_else_is_asked_for() -> None:
    script = lab(*whole_run()[len(opened()) :])
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "VERDICT")
        await pilot.press("r", "comma", "comma", "f")
        await shows(pilot, "The lab is starting; that comes first.")
        assert len([command for command in script.sent if isinstance(command, RunExperiment)]) == 1


async def test_the_ends_of_time_say_so() -> None:
    async with running(lab()) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT Space start")
        await pilot.press(",")
        await shows(pilot, "Nothing has happened yet.")
        await pilot.press(".")
        await shows(pilot, "This is the present.")


async def test_what_only_told_its_progress_leaves_no_empty_chart() -> None:
    script = lab(*started(stepped=False)[:1], ProgressAdvanced(t=3, task="load", done=1, total=2))
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "[Chart]", "load")
        script.say(*ending()[-1:])
        await until(pilot, lambda: "Chart" not in text_of(pilot))
        assert "Sessions" in text_of(pilot)


async def test_a_chosen_pane_and_its_cursor_stay_while_time_is_gone_through() -> None:
    versions = sampled(version(1, "2026-01-01", "2026-02-01"), version(2, "2026-02-01", None))
    script = lab(versions, *started(), *waiting(), *ending())
    async with running(script, size=(200, 50)) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "VERDICT", "Versions")
        await pilot.press("V", "left")
        await shows(pilot, "[Versions]")
        screen = pilot.app.screen
        assert isinstance(screen, LabScreen)
        cursor = dict(screen.choices.cells)
        assert cursor
        for key in ("comma", "comma", "full_stop", "G"):
            await pilot.press(key)
            await shows(pilot, "[Versions]")
            assert screen.choices.cells == cursor


async def test_an_error_of_the_past_is_seen_where_it_was() -> None:
    error = ErrorReported(t=7.0, title="Too much", cause="It was too much.", remedy="Less.")
    async with running(lab(*started(), *waiting(), error)) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "✗ ERROR Too much")
        await pilot.press(",")
        await shows(pilot, "PAST")
        await until(pilot, lambda: "Too much" not in text_of(pilot))


def test_a_tape_shows_at_each_step_what_a_screen_showed_then() -> None:
    events = whole_run()
    tape, _ = tape_of(events)
    for step in range(tape.steps):
        assert repr(tape.state(step)) == repr(fold(events[: tape.end(step)]))


def test_what_is_folded_away_is_still_in_what_comes_after_it() -> None:
    events = [*opened(), *(event for _ in range(30) for event in (*started(), *waiting(), *ending()))]
    whole, none = tape_of(events)
    short, gone = tape_of(events, most=200)
    assert none == 0 and gone > 0
    assert len(short.events) <= 200 and short.steps == whole.steps - gone
    assert repr(short.state(0)) == repr(whole.state(gone))
    assert repr(short.state(short.steps - 1)) == repr(fold(events))


def test_a_long_load_has_a_step_a_second() -> None:
    load = [ProgressAdvanced(t=2 + n / 5, task="load", done=n, total=50) for n in range(51)]
    tape, _ = tape_of([*opened(), *started()[:1], *load])
    assert tape.steps == 12
    middle = tape.state(5).measured.progress
    assert middle is not None and 0 < middle.done < 50


async def test_what_is_not_looked_at_any_more_says_how_old_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.feed.STALE_TICK_S", 0.05)
    monkeypatch.setattr("tui.state.STALE_S", 0.3)
    script = lab(Looked(t=1.2))
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "! STALE")
        script.say(Looked(t=60.0))
        await shows(pilot, "LIVE")


async def test_a_zoomed_pane_has_the_whole_screen_and_gives_it_back() -> None:
    async with running(Script([*opening()], answer=lambda command: opened()[3:])) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "Sessions", "[Why]")
        await pilot.press("t", "z")
        await shows(pilot, "[Table]", "zoomed", "alice")
        lines = text_of(pilot).splitlines()
        assert "[Table]" in lines[2]
        await pilot.press("tab")
        await shows(pilot, "[SQL]", "zoomed")
        await pilot.press("escape")
        await until(pilot, lambda: "zoomed" not in text_of(pilot))
        assert "Sessions" in text_of(pilot).splitlines()[2]
