"""The app under a pilot, fed by scripts."""

from __future__ import annotations

import pytest

from labs.stream.commands import (
    AnyCommand,
    Cancel,
    Close,
    OpenLab,
    PlayOn,
    Reset,
    RollBack,
    RunExperiment,
    Step,
)
from labs.stream.events import AnyEvent, EngineChanged, ErrorReported, LabReset, RolledBack
from tests.tui.screens import SIZES, running, shows, text_of, until
from tests.tui.streams import Script, ending, opened, opening, recording, started, waiting, whole_run
from tui import player


def lab(*more: AnyEvent) -> Script:
    """A runner that opens its lab when asked."""

    def answer(command: AnyCommand) -> list[AnyEvent]:
        return [*opened()[3:], *more] if isinstance(command, OpenLab) else []

    return Script(opening(), answer=answer)


@pytest.mark.parametrize("size", SIZES)
async def test_the_catalogue_lists_nine_labs_and_the_server(size: tuple[int, int]) -> None:
    async with running(lab(), size=size) as pilot:
        await shows(pilot, "1  Migrations", "5  Races", "9  Scale", "PostgreSQL 18.6 ready", "? keys")


async def test_a_lab_that_is_not_built_says_so_and_stays_closed() -> None:
    script = lab()
    async with running(script) as pilot:
        await pilot.press("1", "enter")
        await shows(pilot, "Migrations is not built yet, so it cannot be opened.")
        assert script.sent == []


async def test_a_server_that_cannot_be_had_is_explained_on_the_catalogue() -> None:
    script = Script([ErrorReported(title="No PostgreSQL", cause="The wheel is broken.", remedy="Reinstall it.")])
    async with running(script) as pilot:
        await shows(pilot, "✗ no server", "No PostgreSQL", "The wheel is broken.", "Reinstall it.")


async def test_five_enter_space_space_shows_the_double_spend() -> None:
    script = lab()
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "Races › Double spend", "NEXT Space start")
        await pilot.press("space")
        await until(pilot, lambda: isinstance(script.sent[-1], RunExperiment))
        script.say(*started())
        await shows(pilot, "Space: A runs SELECT balance FROM accounts WHERE id=1")
        await pilot.press("space")
        await until(pilot, lambda: script.sent[-1] == Step())
        script.say(*waiting())
        await shows(pilot, "B waits for A", "B waits for A   ", "▷ COMMIT")
        script.say(*ending())
        await shows(pilot, "[Verdict]", "✗ DOES NOT HOLD  no balance below zero", "✗ VERDICT")
        assert script.sent[:2] == [
            OpenLab(lab="races"),
            RunExperiment(experiment="double_spend", parameters={}, stepped=True),
        ]


@pytest.mark.parametrize("size", SIZES)
async def test_a_run_is_legible_at_every_size(size: tuple[int, int]) -> None:
    async with running(lab(*started(), *waiting(), *ending()), size=size) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "waited 4.6 s", "DOES NOT HOLD", "? keys", "Space step", "r run", "u rollback", "R reset")
        if size == (200, 50):
            await shows(pilot, "─ Sessions", "─ Locks", "─ Table", "─ SQL", "─ Why", "[Verdict]", "alice")


async def test_a_wait_grows_on_the_screen_by_itself() -> None:
    async with running(lab(*started(), *waiting())) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "waits 0.")
        await shows(pilot, "waits 1.")


async def test_lanes_are_chosen_with_arrows_and_stepped_with_enter() -> None:
    script = lab(*started())
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT 1")
        await pilot.press("enter")
        await shows(pilot, "Choose a lane first")
        await pilot.press("right", "right")
        await shows(pilot, "►B 4712")
        await pilot.press("enter")
        await until(pilot, lambda: script.sent[-1] == Step(session="B"))


async def test_play_on_and_cancel() -> None:
    script = lab(*started())
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT 1")
        await pilot.press("a", "c")
        await until(pilot, lambda: script.sent[-2:] == [PlayOn(), Cancel()])


async def test_a_key_that_cannot_act_says_why() -> None:
    script = lab()
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT Space start")
        for key, reason in (
            ("c", "Nothing is running."),
            ("u", "There is nothing to roll back"),
            ("a", "Nothing is being stepped."),
            ("right", "There are no lanes yet."),
        ):
            await pilot.press(key)
            await shows(pilot, reason)
        assert script.sent == [OpenLab(lab="races")]


async def test_reset_asks_and_enter_is_no() -> None:
    script = lab()
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT Space start")
        await pilot.press("R")
        await shows(
            pilot,
            "Schema ninelabs_ada_races is dropped",
            "accounts (2 rows)",
            "type r to reset; anything else keeps it",
        )
        await pilot.press("enter")
        await shows(pilot, "NEXT Space start")
        await pilot.press("R", "r")
        await shows(pilot, "being reset")
        script.say(LabReset(t=30, seed=9, fingerprint="abcdef"))
        await shows(pilot, "RESET", "seed 9")
        assert script.sent == [OpenLab(lab="races"), Reset()]


async def test_rollback_asks_and_tells_how_it_went() -> None:
    script = lab(*started(), *ending())
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "DOES NOT HOLD")
        await pilot.press("u")
        await shows(pilot, "What Double spend has written", "y yes, roll it back", "Enter no, leave it as it is")
        await pilot.press("y")
        await until(pilot, lambda: script.sent[-1] == RollBack())
        script.say(RolledBack(t=40, experiment="double_spend", clean=True, how=("Two entries.",), differences=()))
        await shows(pilot, "ROLLED BACK", "Two entries.")


async def test_the_setup_window_chooses_parameters_and_runs() -> None:
    script = lab()
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT Space start")
        await pilot.press("e")
        await shows(pilot, "Double spend  (1 of 2)", "READ COMMITTED")
        await pilot.press("down", "right", "down", "left", "r")
        await until(pilot, lambda: isinstance(script.sent[-1], RunExperiment))
        assert script.sent[-1] == RunExperiment(
            experiment="double_spend", parameters={"isolation": "REPEATABLE READ", "amount": 79}, stepped=False
        )


async def test_n_selects_the_next_experiment() -> None:
    async with running(lab()) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "Races › Double spend")
        await pilot.press("n")
        await shows(pilot, "Races › Lock the row", "SELECT … FOR UPDATE makes the second session wait.")
        await pilot.press("N")
        await shows(pilot, "Races › Double spend")


async def test_panes_are_reached_with_tab_letters_and_mouse() -> None:
    async with running(lab()) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "[Why]")
        await pilot.press("L", "tab")
        await shows(pilot, "[Table]", "alice")
        await pilot.press("shift+tab", "shift+tab")
        await shows(pilot, "[Sessions]")
        for key, pane in (("t", "Table"), ("L", "Locks"), ("v", "Verdict"), ("s", "SQL"), ("S", "Sessions")):
            await pilot.press(key)
            await shows(pilot, f"[{pane}]")
        await pilot.press("w")
        await shows(pilot, "[Why]")
        row = next(y for y, text in enumerate(text_of(pilot).splitlines()) if "[Why]" in text)
        await pilot.click(offset=(text_of(pilot).splitlines()[row].index("SQL"), row))
        await shows(pilot, "[SQL]")


async def test_the_footers_buttons_can_be_clicked() -> None:
    script = lab()
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT Space start")
        last = text_of(pilot).splitlines()[-1]
        await pilot.click(offset=(last.index("Space"), 23))
        await until(pilot, lambda: isinstance(script.sent[-1], RunExperiment))


async def test_help_lists_every_key_of_its_screen() -> None:
    async with running(lab(), size=(120, 60)) as pilot:
        await pilot.press("question_mark")
        await shows(pilot, "Open the selected lab.", "Leave the program.")
        await pilot.press("escape", "5", "enter", "question_mark")
        await shows(pilot, "Shift+Tab", "Drop the lab's own schema", "its next statement, held")


async def test_the_menu_finds_an_action_and_runs_it() -> None:
    async with running(lab()) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT Space start")
        await pilot.press("colon")
        await pilot.pause(0.2)
        await pilot.press(*"why")
        await pilot.pause(0.5)
        await pilot.press("enter")
        await shows(pilot, "[Why]")


async def test_leaving_a_lab_closes_its_runner_and_warms_another() -> None:
    first, second = lab(), lab()
    async with running(first, second) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT Space start")
        await pilot.press("escape")
        await shows(pilot, "9  Scale", "PostgreSQL 18.6 ready")
        assert first.sent[-1] == Close()
        await pilot.press("enter")
        await until(pilot, lambda: second.sent == [OpenLab(lab="races")])


async def test_leaving_asks_while_a_transaction_is_open() -> None:
    async with running(lab(*started(), *waiting()), lab()) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "B waits for A")
        await pilot.press("escape")
        await shows(pilot, "Open transactions are rolled back: A, B.")
        await pilot.press("enter")
        await shows(pilot, "B waits for A")
        await pilot.press("q")
        await shows(pilot, "Double spend is still running")
        await pilot.press("escape", "escape", "y")
        await shows(pilot, "9  Scale")


async def test_a_lost_runner_is_explained_and_opened_again() -> None:
    first, second = lab(*started(), *waiting()), lab()
    async with running(first, second) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "B waits for A")
        first.end("The lab's process was ended from outside, by SIGKILL.")
        await shows(pilot, "The lab's process is gone", "SIGKILL", "rolled back", "Enter open the lab again")
        await pilot.press("enter")
        await shows(pilot, "NEXT Space start")
        assert second.sent == [OpenLab(lab="races")]


async def test_an_error_has_title_cause_remedy_sqlstate_and_sql() -> None:
    error = ErrorReported(title="T", cause="Because.", remedy="Do this.", sqlstate="57P01", sql="SELECT\n 1")
    async with running(lab(error)) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "[Error]", "✗ ERROR T", "Because.", "Do this.", "57P01", "SELECT 1", "NEXT Space start")
        await pilot.press("S")
        await shows(pilot, "[Sessions]", "Error")
        await pilot.press("!")
        await shows(pilot, "[Error]")


async def test_the_engine_that_is_lost_shows_in_the_header() -> None:
    script = lab()
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT Space start")
        script.say(EngineChanged(t=9, engine="postgres", state="lost"))
        await shows(pilot, "PostgreSQL lost")


async def test_a_recording_starts_paused_and_is_stepped_to_and_fro() -> None:
    script = recording(whole_run())
    async with running(replay=script) as pilot:
        await shows(pilot, "REPLAY 1/8", "NEXT 2/8  Space: A runs SELECT balance FROM accounts WHERE id=1")
        await pilot.press("space", "space", "space")
        await shows(pilot, "REPLAY 4/8", "B waits for A", "A runs COMMIT", "[Locks]")
        await pilot.press("left")
        await shows(pilot, "REPLAY 3/8", "[Table]")
        await until(pilot, lambda: "waits" not in text_of(pilot))
        for key in ("r", "u", "R", "c", "e"):
            await pilot.press(key)
            await shows(pilot, "This is a recording")
        await pilot.press("G")
        await shows(pilot, "REPLAY 8/8", "waited 4.6 s", "✗ DOES NOT HOLD", "END ← back")
        await pilot.press("space")
        await shows(pilot, "This is the end of the recording")
        await pilot.press("g")
        await shows(pilot, "REPLAY 1/8")
        assert "step" in text_of(pilot).splitlines()[-1] and "rollback" not in text_of(pilot)
        assert script.sent == []
        await pilot.press("escape")
        await pilot.pause()
        assert pilot.app.return_code == 0


async def test_a_recording_plays_by_itself_until_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "PACE_S", 0.05)
    monkeypatch.setattr(player, "LONGEST_PAUSE_S", 0.2)
    async with running(replay=recording(whole_run())) as pilot:
        await shows(pilot, "REPLAY 1/8")
        await pilot.press("a")
        await shows(pilot, "PLAYING", "Space pause")
        await pilot.press("space")
        await shows(pilot, "NEXT ")
        await pilot.press("a")
        await shows(pilot, "REPLAY 8/8", "END")


async def test_a_recording_of_several_experiments_goes_from_one_to_the_next() -> None:
    async with running(replay=recording([*whole_run(), *started(20.0), *waiting(21.0), *ending(26.0)])) as pilot:
        await shows(pilot, "REPLAY 1/16")
        await pilot.press("n")
        await shows(pilot, "REPLAY 9/16", "NEXT 10/16")
        await pilot.press("left")
        await shows(pilot, "REPLAY 8/16", "DOES NOT HOLD", "next experiment: Double spend")
        await pilot.press("N")
        await shows(pilot, "REPLAY 1/16")


async def test_live_and_replayed_screens_differ_in_two_lines_only() -> None:
    async with running(lab(*started(), *waiting(), *ending())) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "✗ DOES NOT HOLD")
        await pilot.pause(0.3)
        live = text_of(pilot).splitlines()
    async with running(replay=recording(whole_run())) as pilot:
        await shows(pilot, "REPLAY 1/8")
        await pilot.press("G")
        await shows(pilot, "✗ DOES NOT HOLD")
        await pilot.pause(0.3)
        replayed = text_of(pilot).splitlines()
    assert "\n".join(live[2:-1]) == "\n".join(replayed[2:-1])


async def test_a_terminal_that_shrinks_says_what_is_needed_until_it_grows() -> None:
    async with running(lab()) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT Space start")
        await pilot.resize_terminal(50, 10)
        await shows(pilot, "needs 60×16")
        assert "NEXT" not in text_of(pilot)
        await pilot.resize_terminal(80, 24)
        await shows(pilot, "NEXT Space start")


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (99, 24), (100, 24), (160, 40), (200, 50)])
async def test_any_resize_shows_every_pane_it_should(size: tuple[int, int]) -> None:
    async with running(lab(*started(), *waiting())) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "B waits for A")
        await pilot.resize_terminal(*size)
        await shows(pilot, "Sessions", "Locks", "B waits for A", "? keys")


async def test_quit_and_interrupt_have_their_statuses() -> None:
    for key, status in (("q", 0), ("ctrl+c", 130)):
        async with running(lab()) as pilot:
            await pilot.press(key)
            await pilot.pause()
            assert pilot.app.return_code == status
