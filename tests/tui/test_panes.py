"""What the panes say, as pure functions of a state."""

from __future__ import annotations

import pytest

from labs.stream.events import (
    LabReset,
    LockHeld,
    LocksSampled,
    LockWait,
    RolledBack,
    StatementEnded,
    StatementStarted,
    TableSampled,
)
from tests.tui.screens import plain
from tests.tui.streams import ending, fold, opened, started, waiting, whole_run
from tui import header, narration
from tui.state import LabState
from tui.view import View
from tui.widgets import lanes, locks, sql, table, verdict, why
from tui.widgets.blocks import STATEMENT_LINES

VIEW = View(experiment="double_spend")
WAITING = [*opened(), *started(), *waiting()]


def lanes_of(state: LabState, width: int = 80) -> str:
    return plain(lanes.lines(state, VIEW, width))


def test_the_lanes_show_a_wait_as_long_as_it_lasts() -> None:
    state = fold(WAITING)
    state.tick(6.7)
    text = lanes_of(state)
    assert "B 4712  … WAITS for A" in text
    assert "… waits 3.2s for A" in text
    assert "▷ COMMIT" in text


def test_the_lanes_draw_a_wait_from_its_start_to_its_end() -> None:
    text = lanes_of(fold(whole_run()))
    before, after = text.split("└ ok 1 row, waited 4.6 s")
    assert "UPDATE accounts SET balance=20" in before and "┊" in before
    assert "COMMIT" in after


def test_the_lanes_show_a_single_value_and_a_refusal() -> None:
    state = fold(WAITING)
    state.apply(
        StatementEnded(
            t=5, session="B", number=3, milliseconds=1000, rows=None, sqlstate="40P01", message="deadlock detected"
        )
    )
    text = lanes_of(state)
    assert "ok 1 row → 100" in text
    assert "✗ 40P01 deadlock detected" in text


def test_the_chosen_lane_is_marked() -> None:
    text = plain(lanes.lines(fold(WAITING), View(lane="B"), 80))
    assert "►B 4712" in text and "►A" not in text


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_no_line_of_any_pane_is_wider_than_the_pane(width: int) -> None:
    for events in (opened(), WAITING, whole_run()):
        state = fold(events)
        for pane in (lanes, table):
            content = pane.lines(state, VIEW, width)
            assert all(line.cell_len <= width for line in [*content.head, *content.body])
        for pane in (sql, why, verdict):
            assert all(line.cell_len <= width for line in pane.lines(state, VIEW, width).body)


def test_a_long_statement_is_shortened_to_three_lines() -> None:
    state = fold([*opened(), *started()])
    state.apply(StatementStarted(t=3, session="A", number=1, sql="SELECT " + "a_long_column, " * 40))
    content = lanes.lines(state, VIEW, 80)
    assert sum("a_long_column" in line.plain for line in content.body) == STATEMENT_LINES


def test_locks_tell_edge_mode_object_and_age() -> None:
    state = fold(WAITING)
    state.tick(5.6)
    text = plain(locks.lines(state, VIEW, 80))
    assert " B waits for A   2.2s   until its transaction 812 ends" in text
    assert "A has  accounts: RowExclusive, changes rows" in text


def test_who_queues_for_a_row_of_postgresql_does_not_have_it() -> None:
    state = fold(WAITING)
    row = "row id=1 of accounts"
    waits = (
        LockWait(waiter="B", blocker="A", mode="ShareLock", object=f"{row}, transaction 782", milliseconds=200),
        LockWait(waiter="C", blocker="B", mode="ExclusiveLock", object=row, milliseconds=100),
    )
    held = (
        LockHeld(session="A", mode="RowShareLock", object="table accounts"),
        LockHeld(session="B", mode="AccessExclusiveLock", object=row),
    )
    state.apply(LocksSampled(t=5, waits=waits, held=held))
    lines = plain(locks.lines(state, VIEW, 80)).splitlines()
    text = " ".join(line.strip() for line in lines)
    assert max(map(len, lines)) <= 80
    assert "which has locked or changed row id=1 of accounts: until its transaction 782 ends" in text
    assert "which is ahead in the queue for row id=1 of accounts" in text
    assert "B is first in the queue for row id=1 of accounts" in text
    assert "B has" not in text and "AccessExclusive" not in text


def test_who_waits_for_a_row_of_innodb_waits_for_a_lock_of_it() -> None:
    state = fold(WAITING)
    row = "row 1 of accounts"
    waits = (LockWait(waiter="B", blocker="A", mode="X,REC_NOT_GAP", object=row, milliseconds=200),)
    held = (LockHeld(session="A", mode="X,REC_NOT_GAP", object=row),)
    state.apply(LocksSampled(t=5, waits=waits, held=held))
    lines = plain(locks.lines(state, VIEW, 80)).splitlines()
    text = " ".join(line.strip() for line in lines)
    assert max(map(len, lines)) <= 80
    assert "for row 1 of accounts: X,REC_NOT_GAP, to change, without the gap before it" in text
    assert "A has  row 1 of accounts: X,REC_NOT_GAP" in text and "queue" not in text


def test_a_circle_of_waits_is_called_a_deadlock() -> None:
    state = fold(WAITING)
    edges = [("A", "B"), ("B", "C"), ("C", "A"), ("D", "A")]
    waits = tuple(LockWait(waiter=w, blocker=b, mode="m", object="o", milliseconds=1) for w, b in edges)
    state.apply(LocksSampled(t=5, waits=waits))
    assert "DEADLOCK  A → B → C → A" in plain(locks.lines(state, VIEW, 80))


def test_the_table_marks_what_changed_and_what_broke() -> None:
    text = plain(table.lines(fold(whole_run()), VIEW, 80))
    assert "! BROKEN  no balance below zero  lowest -60" in text
    assert " *  1  alice      -60" in text
    assert "    2  bob         50" in text


def test_tables_stand_side_by_side_where_there_is_room() -> None:
    state = fold(opened())
    state.apply(TableSampled(t=2, table="ledger", columns=("id",), key=("id",), rows=((1,),), row_count=9))
    wide = plain(table.lines(state, VIEW, 80)).splitlines()
    assert any("accounts" in line and "ledger" in line for line in wide)
    narrow = plain(table.lines(state, VIEW, 30)).splitlines()
    assert not any("accounts" in line and "ledger" in line for line in narrow)
    assert "… 8 rows more" in "\n".join(narrow)


def test_the_sql_pane_has_statements_exactly_as_sent() -> None:
    text = plain(sql.lines(fold(whole_run()), VIEW, 200))
    assert "UPDATE ninelabs_ada_races.accounts SET balance=$1::INTEGER" in text
    assert "[20, 1]  ok 1 row  4.6 s" in text


def test_why_explains_the_selected_experiment_and_its_parameters() -> None:
    text = plain(why.lines(fold(opened()), View(experiment="row_lock"), 80))
    assert "SELECT … FOR UPDATE makes the second session wait." in text
    assert "isolation = READ COMMITTED" in text


def test_the_verdict_pane_has_claims_evidence_and_upkeep() -> None:
    state = fold(whole_run())
    text = plain(verdict.lines(state, VIEW, 80))
    assert "✗ DOES NOT HOLD  no balance below zero" in text and "✓ HOLDS  ledger equals balances" in text
    assert "ledger 90 · balances 90" in text
    state.apply(
        RolledBack(t=9, experiment="double_spend", clean=False, how=("Wrote two entries.",), differences=("rows: 3",))
    )
    text = plain(verdict.lines(state, VIEW, 80))
    assert "✗ NOT ROLLED BACK" in text and "Wrote two entries." in text and "! rows: 3" in text
    state.apply(LabReset(t=10, seed=9, fingerprint="abc"))
    assert "✓ RESET  from seed 9" in plain(verdict.lines(state, VIEW, 80))


def next_of(state: LabState, view: View = VIEW) -> str:
    return narration.next_line(state, view, 80).plain


def message_of(state: LabState, view: View = VIEW) -> str:
    return plain(narration.message_lines(state, view, 80, 2))


def test_the_next_useful_key_is_always_said() -> None:
    assert "opening the lab" in next_of(LabState())
    assert "Space start" in next_of(fold(opened()))
    assert "Space: A runs SELECT balance FROM accounts WHERE id=1" in next_of(fold([*opened(), *started()]))
    assert "Space: A runs COMMIT" in next_of(fold(WAITING))
    assert "c cancel" in next_of(fold([*opened(), *started(stepped=False)]))
    assert "✗ failed" in next_of(fold(whole_run()))
    assert "Space start" in next_of(fold(whole_run()), View(experiment="row_lock"))


def test_a_recording_offers_its_own_keys_only() -> None:
    view = View(live=False, over=True, experiment="double_spend", step=3, steps=9, coming="A runs COMMIT")
    for events in (WAITING, whole_run()):
        assert "NEXT 4/9  Space: A runs COMMIT" in next_of(fold(events), view)
        assert "rollback" not in next_of(fold(events), view)
    assert "REPLAY 3/9" in header.header_line(fold(opened()), view, 80).plain
    view.coming = ""
    assert "END ← back · g start · Esc leave" in next_of(fold(whole_run()), view)


def test_the_message_line_tells_waits_then_the_verdict() -> None:
    assert "B waits for A" in message_of(fold(WAITING))
    assert "VERDICT  does not hold: no balance below zero" in message_of(fold(whole_run()))
    state = fold([*WAITING, *ending()])
    state.apply(RolledBack(t=9, experiment="double_spend", clean=True, how=(), differences=()))
    assert "ROLLED BACK  Double spend" in message_of(state)


def test_the_header_says_where_and_on_what() -> None:
    text = header.header_line(fold(WAITING), VIEW, 80).plain
    assert text.startswith(" Races › Double spend")
    assert "PostgreSQL 18.6 · read committed · 1s · LIVE" in text
    assert header.engine_label("postgres", "PostgreSQL 18.6") == "PostgreSQL 18.6"


def test_a_wait_that_ended_in_a_refusal_has_room_for_both() -> None:
    state = fold([*WAITING, StatementStarted(t=4, session="A", number=4, sql="COMMIT")])
    state.apply(
        StatementEnded(t=5, session="B", number=3, milliseconds=1600, sqlstate="40001", message="could not serialize")
    )
    assert "└ ✗ 40001 could not serialize" in lanes_of(state) and "waited 1.6 s" in lanes_of(state)


def test_after_the_runner_is_gone_no_wait_is_told_any_more() -> None:
    view = View(over=True, experiment="double_spend")
    assert "has ended" in next_of(fold(WAITING), view)
    assert "waits" not in message_of(fold(WAITING), view)


def test_a_commit_whose_answer_came_after_anothers_is_not_drawn_as_lasting() -> None:
    state = fold([*WAITING, StatementStarted(t=8, session="A", number=4, sql="COMMIT")])
    for session, number in (("B", 3), ("A", 4)):
        state.apply(StatementEnded(t=8.1, session=session, number=number, milliseconds=1, rows=None))
    (line,) = (line for line in lanes_of(state).splitlines() if "└ ok" in line)
    assert "┊" not in line


def test_of_a_long_run_only_the_lines_in_sight_are_made() -> None:
    state = fold([*opened(), *started()])
    for number in range(1, 3001):
        session = "AB"[number % 2]
        state.apply(StatementStarted(t=number, session=session, number=number, sql=f"SELECT {number}"))
        state.apply(StatementEnded(t=number, session=session, number=number, milliseconds=1, rows=1))
    body = lanes.lines(state, VIEW, 80, 12).body
    assert len(body) > 3000 and len(body[-12:]) == 12
    assert "SELECT 3000" in plain(list(body[-12:])) and "SELECT 1 " in body[0].plain
