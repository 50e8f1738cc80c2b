"""The recordings on the catalogue: listed, opened, deleted, and gone on with."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from labs.stream.commands import AnyCommand, OpenLab, RunExperiment, Step
from labs.stream.events import AnyEvent, ExperimentEnded, ExperimentStarted, StreamOpened
from labs.stream.lines import encode
from labs.stream.recording import read_recording
from tests.tui.screens import SIZES, plain, running, shows, text_of, until
from tests.tui.streams import Script, ending, opened, opening, started, whole_run
from tests.tui.test_recordings import held
from tests.tui.test_resume import WAY, rest, step, three_steps
from tui.recordings.summary import Recording
from tui.screens import catalogue
from tui.widgets import recordings

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def kept(folder: Path, **files: Iterable[AnyEvent]) -> Path:
    for name, events in files.items():
        (folder / f"{name}.jsonl").write_bytes(b"".join(map(encode, events)))
    return folder


def at(day: int, events: Iterable[AnyEvent]) -> list[AnyEvent]:
    """The same, recorded so many days after the end of the year."""
    began = (datetime(2025, 12, 31, 10, tzinfo=UTC) + timedelta(days=day)).isoformat()
    return [
        StreamOpened(version=1, program="n", started_at=began) if isinstance(event, StreamOpened) else event
        for event in events
    ]


def lab() -> Script:
    """A runner that opens its lab, and lets A and B take turns."""
    taken = 0

    def answer(command: AnyCommand) -> Iterable[AnyEvent]:
        nonlocal taken
        match command:
            case OpenLab():
                return opened()[3:]
            case RunExperiment():
                return started()
            case Step(session=str(name)):
                taken += 1
                return [*step(name, taken, begins=taken < 3), rest(taken, "A", "B")]
        return []

    return Script(opening(), answer=answer)


@pytest.mark.parametrize("size", SIZES)
async def test_the_labs_and_their_recordings_are_in_sight_at_every_size(tmp_path: Path, size: tuple[int, int]) -> None:
    folder = kept(tmp_path, a=at(2, whole_run()), b=at(3, three_steps()), c=[])
    async with running(lab(), size=size, recordings=folder) as pilot:
        await shows(pilot, "1  Migrations", "Races", "9  Scale", "PostgreSQL 18.6 ready", "3 recordings")
        await shows(pilot, "stopped at step 4 of Double spend (PostgreSQL, READ COMMITTED)", "b goes on from there")
        await shows(pilot, "03 Jan 10:00", "3 steps   … stopped at step 4", "02 Jan 10:00", "✗ failed, as meant")
        await shows(pilot, "✗ unreadable: It is empty.", "Tab recordings")


async def test_a_long_list_follows_its_cursor(tmp_path: Path) -> None:
    folder = kept(tmp_path, **{f"r{day}": at(day, whole_run()) for day in range(1, 13)})
    async with running(lab(), recordings=folder) as pilot:
        await shows(pilot, "12 recordings", "12 Jan 10:00", "more: ↓")
        assert "01 Jan" not in text_of(pilot)
        await pilot.press("tab", *["down"] * 11)
        await shows(pilot, "▌ 01 Jan 10:00")
        assert "12 Jan" not in text_of(pilot) and "9  Scale" in text_of(pilot)
        await pilot.press(*["k"] * 12, "j")
        await shows(pilot, "▌ 6  Blobs")


async def test_on_the_smallest_terminal_they_take_the_place_of_the_labs(tmp_path: Path) -> None:
    async with running(lab(), size=(60, 16), recordings=kept(tmp_path, a=at(2, three_steps()))) as pilot:
        await shows(pilot, "9  Scale", "5 Races")
        await pilot.press("tab")
        await shows(pilot, "goes on from there", "▌ 02 Jan 10:00", "… stopped at step 4")
        await pilot.press("tab")
        await shows(pilot, "9  Scale", "▌ 5  Races")


async def test_a_recording_is_opened_and_left_again_and_the_lab_beneath_still_opens(tmp_path: Path) -> None:
    script = lab()
    async with running(script, recordings=kept(tmp_path, a=whole_run(), b=at(2, [*opened(), *started()]))) as pilot:
        await shows(pilot, "2 recordings")
        await pilot.press("tab", "j", "enter")
        await shows(pilot, "REPLAY 1/")
        await pilot.press("G")
        await shows(pilot, "✗ DOES NOT HOLD  no balance below zero")
        script.say(*opening())
        await pilot.press("escape")
        await shows(pilot, "2 recordings", "▌ 01 Jan", "PostgreSQL 18.6 ready")
        assert script.sent == [], "a recording asks the lab's process for nothing"
        await pilot.press("escape", "enter")
        await shows(pilot, "Races › Double spend", "NEXT Space start", "LIVE")


async def test_what_cannot_be_read_says_why_and_is_not_opened(tmp_path: Path) -> None:
    async with running(lab(), recordings=kept(tmp_path, a=[])) as pilot:
        await shows(pilot, "1 recording")
        await pilot.press("tab", "enter")
        await shows(pilot, "a.jsonl cannot be shown. It is empty.", "9  Scale")


async def test_without_any_there_is_nothing_to_go_to(tmp_path: Path) -> None:
    async with running(lab(), recordings=tmp_path) as pilot:
        await shows(pilot, "PostgreSQL 18.6 ready")
        for key, reason in (
            ("tab", "There is no recording of Races"),
            ("b", "No run of Races was broken off"),
            ("D", "Choose a recording first"),
        ):
            await pilot.press(key)
            await shows(pilot, reason)
        assert "recording" not in text_of(pilot).split("▌ 5", 1)[0]


async def test_deleting_asks_and_only_the_letter_says_yes(tmp_path: Path) -> None:
    folder = kept(tmp_path, a=whole_run(), b=at(2, whole_run()))
    async with running(lab(), recordings=folder) as pilot:
        await shows(pilot, "2 recordings")
        await pilot.press("tab", "D")
        await shows(pilot, "b.jsonl is deleted", "type d to delete it")
        await pilot.press("y")
        await until(pilot, lambda: "type d" not in text_of(pilot))
        assert len([*folder.iterdir()]) == 2
        await pilot.press("D", "d")
        await shows(pilot, "1 recording ", "▌ 01 Jan")
        assert [path.name for path in folder.iterdir()] == ["a.jsonl"]


async def test_going_on_takes_the_recorded_steps_in_their_order_and_then_waits(tmp_path: Path) -> None:
    script = lab()
    async with running(script, recordings=kept(tmp_path, a=three_steps())) as pilot:
        await shows(pilot, "b goes on from there")
        await pilot.press("b")
        await shows(pilot, "Step 4 comes next, as when it was recorded.", "NEXT 4")
        assert script.sent == [
            OpenLab(lab="races"),
            RunExperiment(experiment="double_spend", parameters=WAY.parameters, stepped=True),
            *(Step(session=session) for session in WAY.sessions),
        ]
        await pilot.press("space")
        await until(pilot, lambda: script.sent[-1] == Step())


async def test_once_taken_and_finished_it_is_not_offered_again(tmp_path: Path) -> None:
    script = lab()
    async with running(script, lab(), recordings=kept(tmp_path, a=at(-1, three_steps()))) as pilot:
        await shows(pilot, "b goes on from there")
        await pilot.press("b")
        await shows(pilot, "NEXT 4")
        script.say(*ending(20))
        await shows(pilot, "✗ DOES NOT HOLD")
        await pilot.press("escape")
        await shows(pilot, "2 recordings")
        assert "goes on from there" not in text_of(pilot)


async def test_once_forgotten_it_is_not_offered_again_but_still_shown(tmp_path: Path) -> None:
    async with running(lab(), recordings=kept(tmp_path, a=three_steps())) as pilot:
        await shows(pilot, "B forgets it")
        await pilot.press("B")
        await shows(pilot, "– cancelled")
        assert "goes on from there" not in text_of(pilot)
        *_, last = read_recording(tmp_path / "a.jsonl")
        assert isinstance(last, ExperimentEnded)


@pytest.mark.parametrize("size", SIZES)
async def test_the_offer_to_go_on_is_whole_while_the_tour_is_on(tmp_path: Path, size: tuple[int, int]) -> None:
    folder = kept(tmp_path, a=at(2, whole_run()), b=at(3, three_steps()), c=[])
    async with running(lab(), size=size, recordings=folder) as pilot:
        await pilot.press("T")
        offer = "b goes on from there   B forgets it"
        await shows(pilot, "TOUR 1/12", "The last run stopped at step 4 of Double spend", offer, "ago.", "3 recordings")
        await pilot.press("tab")
        await shows(pilot, "▌", "unreadable", offer)


async def test_one_that_another_ninelabs_leaves_is_seen_to_be_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "AGAIN_S", 0.1)
    kept(tmp_path, a=three_steps())
    other = ExitStack()
    other.enter_context(held(tmp_path / "a.jsonl"))
    async with running(lab(), recordings=tmp_path) as pilot:
        await shows(pilot, "● being recorded")
        other.close()
        await shows(pilot, "… stopped at step 4", "b goes on from there")


@pytest.mark.parametrize(("key", "seen"), [("tab", "… stopped at step 4"), ("b", "Step 4 comes next")])
async def test_a_key_for_recordings_looks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, seen: str
) -> None:
    monkeypatch.setattr(catalogue, "AGAIN_S", 1000.0)
    kept(tmp_path, a=three_steps())
    other = ExitStack()
    other.enter_context(held(tmp_path / "a.jsonl"))
    async with running(lab(), recordings=tmp_path) as pilot:
        await shows(pilot, "● being recorded")
        other.close()
        await pilot.press(key)
        await shows(pilot, seen)


async def test_the_first_recording_is_found_by_the_key_that_goes_to_it(tmp_path: Path) -> None:
    async with running(lab(), recordings=tmp_path) as pilot:
        await shows(pilot, "PostgreSQL 18.6 ready")
        kept(tmp_path, a=at(2, whole_run()))
        await pilot.press("tab")
        await shows(pilot, "▌ 02 Jan 10:00")


async def test_the_cursor_stays_on_its_recording_when_another_one_comes(tmp_path: Path) -> None:
    async with running(lab(), recordings=kept(tmp_path, a=at(2, whole_run()))) as pilot:
        await shows(pilot, "1 recording")
        await pilot.press("tab")
        kept(tmp_path, b=at(3, whole_run()))
        await pilot.press("tab", "tab")
        await shows(pilot, "2 recordings")
        await pilot.press("down")
        kept(tmp_path, c=at(4, whole_run()))
        catalogue_screen = pilot.app.screen
        assert isinstance(catalogue_screen, catalogue.CatalogueScreen)
        catalogue_screen.on_screen_resume()
        await shows(pilot, "3 recordings", "▌ 02 Jan 10:00")


async def test_the_note_of_a_lab_and_its_list_have_one_count(tmp_path: Path) -> None:
    folder = kept(tmp_path, a=at(2, whole_run()), b=[])
    async with running(lab(), size=(200, 50), recordings=folder) as pilot:
        await shows(pilot, "2 recordings, the latest")
        assert text_of(pilot).count("2 recordings") == 2 and "1 recording" not in text_of(pilot)


async def test_forgetting_what_cannot_be_closed_off_says_why(tmp_path: Path) -> None:
    async with running(lab(), recordings=kept(tmp_path, a=three_steps())) as pilot:
        await shows(pilot, "B forgets it")
        (tmp_path / "a.jsonl").write_bytes(b'{"type": "Spoilt"}\n')
        await pilot.press("B")
        await shows(pilot, "a.jsonl is no recording", "9  Scale")


async def test_a_lab_that_cannot_be_recorded_says_so_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "recordings").write_text("in the way")
    script = lab()
    async with running(script, recordings=tmp_path / "recordings", size=(120, 40)) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT Space start")
        await pilot.press("space")
        await shows(pilot, "No recording is kept of this lab.", "NEXT 1")
        script.say(*step("A", 1, begins=True), *ending())
        await shows(pilot, "✗ DOES NOT HOLD", "No recording is kept of this lab.")


async def test_an_experiment_that_the_lab_has_no_more_is_not_gone_on_with(tmp_path: Path) -> None:
    events = [
        msgspec.structs.replace(event, experiment="triple_spend") if isinstance(event, ExperimentStarted) else event
        for event in three_steps()
    ]
    script = lab()
    async with running(script, recordings=kept(tmp_path, a=events)) as pilot:
        await shows(pilot, "stopped at step 4 of triple_spend")
        await pilot.press("b")
        await shows(pilot, "There is no experiment triple_spend in this lab any more")
        assert script.sent == [OpenLab(lab="races")]


@pytest.mark.parametrize(
    ("past", "told"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=47), "1 day ago"),
    ],
)
def test_how_long_ago(past: timedelta, told: str) -> None:
    assert recordings.ago(NOW, NOW - past) == told


@pytest.mark.parametrize("width", [60, 80, 109, 200])
def test_a_line_of_the_list_is_whole_at_every_width(width: int) -> None:
    hostile = Recording(Path("x"), NOW, NOW, "races", experiment="[/x]\x1b" + "長" * 90, runs=3, engine="[red]")
    unread = Recording(Path("x"), NOW, NOW, problem="\x1b]0;x\x07" * 50)
    drawn = recordings.lines([hostile, unread], 0, range(2), width)
    assert [line.cell_len for line in drawn] == [width] * 3
    assert "\x1b" not in plain(drawn) and "+2" in plain(drawn) and "… broken off" in plain(drawn)
