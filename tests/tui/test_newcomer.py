"""What somebody who knows only the README must be able to see and to do."""

from __future__ import annotations

import pytest

from labs.catalogue import CATALOGUE
from labs.stream.commands import Cancel
from labs.stream.events import ExperimentStarted, LockHeld, LocksSampled, OrdersExplored, RolledBack
from tests.tui.screens import plain, running, shows, text_of, until
from tests.tui.streams import AMOUNT, DOUBLE_SPEND, ending, fold, opened, started, waiting, whole_run
from tests.tui.test_screens import lab
from tui import header, narration
from tui.form import Form
from tui.tape import Tape
from tui.text import shorten
from tui.view import View
from tui.widgets import lanes, locks, matrix, table, verdict
from tui.widgets.shelf import Shelf, entry_lines

VIEW = View(experiment="double_spend")


def test_each_step_of_a_recording_ends_with_something_to_see() -> None:
    events = whole_run()
    tape = Tape()
    for event in events:
        tape.add(event)
    assert tape.steps == 8 and tape.end(7) == len(events)
    assert tape.state(3).waiting
    assert tape.coming(3, fold(events)) == "A runs COMMIT"


def test_reads_stay_in_sight_where_the_lanes_overflow() -> None:
    state = fold(whole_run())
    full, short = lanes.lines(state, VIEW, 80), lanes.lines(state, VIEW, 80, 8)
    assert len(short.body) < len(full.body)
    assert "→ 100" in plain(short)


def test_what_is_left_out_is_in_the_middle() -> None:
    assert shorten("UPDATE accounts SET balance=20 WHERE id=1", 30).endswith("WHERE id=1")
    assert len(shorten("x" * 99, 30)) == 30


def test_the_first_table_has_what_must_hold_beside_it() -> None:
    text = plain(table.lines(fold(opened()), VIEW, 80)).splitlines()
    assert "accounts" in text[0] and "✓ no balance below zero" in text[0]


def test_locks_hide_what_every_transaction_has() -> None:
    state = fold([*opened(), *started()])
    held = tuple(
        LockHeld(session="A", mode=mode, object=thing)
        for mode, thing in (("AccessShareLock", "table a"), ("ExclusiveLock", "transaction 7"), ("RowShareLock", "b"))
    )
    state.apply(LocksSampled(t=3, waits=(), held=held))
    text = plain(locks.lines(state, VIEW, 80))
    assert "b: RowShare, reads rows to lock them" in text and "table a" not in text and "transaction" not in text


def test_after_a_rollback_old_verdicts_are_the_past() -> None:
    state = fold(whole_run())
    state.apply(RolledBack(t=9, experiment="double_spend", clean=True, how=(), differences=()))
    assert narration.next_line(state, VIEW, 80).plain.startswith(" rolled back · NEXT")
    assert "Before that: Double spend" in plain(verdict.lines(state, VIEW, 80))


@pytest.mark.parametrize(
    "view",
    [View(experiment="row_lock"), View(experiment="double_spend", parameters={"isolation": "SERIALIZABLE"})],
)
def test_another_choice_does_not_show_the_last_run_as_its_own(view: View) -> None:
    text = plain(lanes.lines(fold(whole_run()), view, 80))
    assert "Last run: Double spend, failed." in text and "UPDATE" not in text


@pytest.mark.parametrize("width", [80, 120])
def test_the_header_has_what_was_set(width: int) -> None:
    view = View(experiment="double_spend", parameters={"amount": 50})
    text = header.header_line(fold(opened()), view, width).plain
    assert "Double spend  amount=50" in text and "LIVE" in text and len(text) == width


def test_a_clean_up_before_a_run_is_told() -> None:
    state = fold(whole_run())
    state.apply(RolledBack(t=20, experiment="double_spend", clean=True, how=(), differences=()))
    state.apply(ExperimentStarted(t=20.1, experiment="row_lock", parameters={}, stepped=True))
    assert "The run before, Double spend, was rolled back first." in plain(
        narration.message_lines(state, VIEW, 80, 2)
    ).replace("\n  ", " ")


def test_the_catalogue_says_the_same_at_every_width() -> None:
    shelf = Shelf(CATALOGUE, tuple(entry.built for entry in CATALOGUE))
    wide, narrow = plain(entry_lines(shelf, 4, 200)), plain(entry_lines(shelf, 4, 80))
    assert wide == narrow and "Races          ● ready to open" in narrow


def test_explored_orders_fit_80_columns() -> None:
    state = fold(opened())
    for level in ("read committed", "serializable"):
        cell = OrdersExplored(
            variant="Double spend",
            isolation=level,
            engine="postgres",
            orders=40,
            violations=38,
            broken={},
            refusals={"40001": 38},
            waits=60,
            pruned=1,
            milliseconds=688.5,
            failing="AABB",
        )
        state.apply(cell)
    content = matrix.lines(state, VIEW, 80)
    assert all(line.cell_len <= 80 for line in [*content.head, *content.body])


def test_a_field_says_what_it_takes() -> None:
    form = Form((DOUBLE_SPEND,))
    form.move(2)
    assert form.parameter == AMOUNT
    form.type("0")
    assert "from 1 to 100" in form.problem


async def test_the_pane_that_teaches_most_comes_to_the_front_unless_one_was_chosen() -> None:
    for chosen, front in (("", "[Locks]"), ("s", "[SQL]")):
        script = lab(*started())
        async with running(script) as pilot:
            await pilot.press("5", "enter")
            await shows(pilot, "[Table]")
            await pilot.press(*chosen)
            script.say(*waiting())
            await shows(pilot, "WAITS for A", front)


async def test_a_refusal_goes_when_what_it_said_is_no_longer_so() -> None:
    script = lab(*started())
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT 1")
        await pilot.press("r")
        await shows(pilot, "An experiment is running.")
        await pilot.press("c")
        await until(pilot, lambda: script.sent[-1] == Cancel() and "is running." not in text_of(pilot))


async def test_no_key_does_anything_on_a_screen_that_is_too_small() -> None:
    script = lab(*started(), *ending())
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "DOES NOT HOLD")
        asked = len(script.sent)
        await pilot.resize_terminal(50, 10)
        await shows(pilot, "needs 60×16")
        await pilot.press("r", "space", "R", "question_mark")
        await pilot.pause()
        assert len(script.sent) == asked and len(pilot.app.screen_stack) == 2
        await pilot.press("q")
        await pilot.pause()
        assert pilot.app.return_code == 0


async def test_the_menu_finds_experiments_and_settings() -> None:
    async with running(lab()) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT Space start")
        await pilot.press("colon")
        await pilot.pause(0.2)
        await pilot.press(*"lock the")
        await shows(pilot, "experiment: Lock the row")


async def test_help_begins_with_the_glyphs_and_says_how_to_close_it() -> None:
    async with running(lab()) as pilot:
        await pilot.press("question_mark")
        await shows(pilot, "1-9", "Go to a lab by its number.", "Esc closes")
        await pilot.press("escape", "5", "enter", "question_mark")
        await shows(pilot, "► runs", "Esc closes", "more: ↓")
        await pilot.press("G")
        await shows(pilot, "Leave at once")
