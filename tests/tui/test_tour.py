"""The tour goes on when something has really happened, and not before."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from labs.stream.events import AnyEvent, ExperimentEnded, ExperimentStarted, RolledBack
from labs.stream.lines import encode
from tests.tui.screens import running, shows, text_of, until
from tests.tui.streams import Script, ending, fold, opened, opening, started, waiting, whole_run
from tests.tui.test_opening import answer
from tui.tour.steps import steps
from tui.tour.tour import Scene
from tui.view import View


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NINELABS_DATA", str(tmp_path))
    return tmp_path


def on_row_lock(events: list[AnyEvent]) -> list[AnyEvent]:
    """The same, of the second experiment."""
    return [
        msgspec.structs.replace(event, experiment="row_lock")
        if isinstance(event, ExperimentStarted | ExperimentEnded)
        else event
        for event in events
    ]


async def test_each_step_waits_for_what_it_asks_for() -> None:
    script = Script(opening(), answer=answer)
    async with running(script) as pilot:
        await shows(pilot, "First time here? T")
        await pilot.press("T")
        await shows(pilot, "TOUR 1/12", "5, then Enter, opens", "(T ends it)")
        await pilot.press("5")
        await pilot.pause(0.2)
        assert "TOUR 1/12" in text_of(pilot)
        await pilot.press("enter")
        await shows(pilot, "TOUR 2/12", "Space starts them")
        script.say(*started())
        await pilot.pause(0.3)
        assert "TOUR 2/12" in text_of(pilot)
        script.say(*waiting())
        await shows(pilot, "TOUR 4/12")
        script.say(*ending())
        await shows(pilot, "TOUR 5/12", "explains it")
        await pilot.press("w")
        await shows(pilot, "TOUR 6/12")
        await pilot.press("comma")
        await shows(pilot, "TOUR 7/12", "PAST")
        await pilot.press("G")
        await shows(pilot, "TOUR 8/12")
        await pilot.press("n")
        await shows(pilot, "TOUR 9/12")
        script.say(*on_row_lock([*started(20.0), *waiting(21.0)]))
        await shows(pilot, "TOUR 10/12")
        script.say(*on_row_lock(ending(25.0)))
        await shows(pilot, "TOUR 11/12")
        await pilot.press("r")
        script.say(RolledBack(t=26.0, experiment="row_lock", clean=True, how=(), differences=()))
        await shows(pilot, "ROLLED BACK")
        assert "TOUR 11/12" in text_of(pilot), "that is only how the next run begins"
        script.say(*on_row_lock([*started(26.1), *ending(27.0)]))
        await shows(pilot, "VERDICT", "TOUR 11/12")
        script.say(RolledBack(t=30.0, experiment="row_lock", clean=True, how=(), differences=()))
        await shows(pilot, "TOUR 12/12")


async def test_it_can_be_left_is_not_offered_again_and_can_be_taken_again() -> None:
    async with running(Script(opening())) as pilot:
        await pilot.press("T", "T")
        await until(pilot, lambda: "TOUR" not in text_of(pilot))
        assert "First time here?" not in text_of(pilot)
    async with running(Script(opening())) as pilot:
        await pilot.pause(0.2)
        assert "First time here?" not in text_of(pilot)
        await pilot.press("T")
        await shows(pilot, "TOUR 1/12")


async def test_a_tour_that_begins_in_a_lab_does_not_count_what_was_there_before() -> None:
    script = Script(opening(), answer=answer)
    async with running(script, size=(120, 40)) as pilot:
        await pilot.press("5", "enter")
        script.say(*opened()[3:], *started(), *waiting(), *ending())
        await shows(pilot, "VERDICT")
        await pilot.press("T")
        await shows(pilot, "TOUR 2/12")
        await pilot.press("comma", "comma")
        await shows(pilot, "PAST", "TOUR 2/12")


async def test_a_tour_that_begins_in_the_past_does_not_count_what_was_there_before() -> None:
    script = Script(opening(), answer=answer)
    async with running(script, size=(120, 40)) as pilot:
        await pilot.press("5", "enter")
        script.say(*opened()[3:], *started(), *waiting(), *ending())
        await shows(pilot, "VERDICT")
        await pilot.press("comma", "T")
        await shows(pilot, "PAST", "TOUR 2/12")
        await pilot.press("G")
        await shows(pilot, "VERDICT", "TOUR 2/12")


async def test_on_another_experiment_it_says_which_one_it_is_about_and_does_not_go_on() -> None:
    script = Script(opening(), answer=answer)
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT Space start")
        await pilot.press("n", "T")
        await shows(pilot, "TOUR 2/12", "goes on with the experiment Double spend: n until it is")
        script.say(*on_row_lock([*started(), *waiting(), *ending()]))
        await shows(pilot, "VERDICT", "TOUR 2/12", "goes on with the experiment Double spend")
        await pilot.press("n")
        await shows(pilot, "TOUR 2/12", "Space starts them")


async def test_a_recording_takes_no_tour_and_says_why() -> None:
    async with running(replay=Script(whole_run(), live=False)) as pilot:
        await shows(pilot, "REPLAY 1/")
        await pilot.press("T")
        await shows(pilot, "The tour needs a lab that is live, and this is a recording.")
        assert "TOUR" not in text_of(pilot)


async def test_a_recording_that_is_opened_on_the_way_is_not_the_tours_lab(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"".join(map(encode, whole_run())))
    async with running(Script(opening(), answer=answer), recordings=tmp_path) as pilot:
        await shows(pilot, "1 recording")
        await pilot.press("T", "tab", "enter")
        await shows(pilot, "REPLAY 1/", "TOUR 1/12", "goes on in the catalogue: Esc")
        await pilot.press("G")
        await shows(pilot, "VERDICT", "TOUR 1/12")


def test_the_last_step_is_for_everywhere_and_the_others_say_where_they_are_taken() -> None:
    *others, last = steps()
    assert last.elsewhere(None) == ""
    opens, *in_lab = (step.elsewhere(None) for step in others)
    assert opens == "" and {*in_lab} == {"The tour goes on in the lab Races: 5, then Enter."}
    state = fold(opened())
    elsewhere = Scene("scale", state, View(experiment="big"), "lanes")
    assert {step.elsewhere(elsewhere) for step in others[1:]} == {
        "The tour goes on in the lab Races: Esc, then 5, then Enter."
    }


async def test_who_leaves_the_lab_is_told_where_the_tour_goes_on() -> None:
    async with running(Script(opening(), answer=answer), Script(opening())) as pilot:
        await pilot.press("T", "5", "enter")
        await shows(pilot, "TOUR 2/12")
        await pilot.press("escape")
        await shows(pilot, "TOUR 2/12", "goes on in the lab Races")
