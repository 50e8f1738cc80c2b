from __future__ import annotations

from labs.stream.events import ErrorReported, LabReset, RolledBack, SessionChanged
from tests.tui.streams import ending, fold, opened, opening, started, waiting, whole_run


def test_before_a_lab_is_open_only_the_engine_is_known() -> None:
    state = fold(opening())
    assert state.engine is not None and state.engine.state == "ready"
    assert state.lab is None and not state.running and state.schema == ""


def test_a_started_run_shows_what_is_held_and_what_comes_next() -> None:
    state = fold([*opened(), *started()])
    assert state.stepping
    assert [session.held is not None for session in state.sessions.values()] == [True, True]
    assert state.schedule is not None and state.schedule.suggested == "A"


def test_a_wait_is_known_with_its_blocker_and_its_beginning() -> None:
    state = fold([*opened(), *started(), *waiting()])
    waiter = state.sessions["B"]
    assert (waiter.state, waiter.waiting_for, waiter.since) == ("waiting", ("A",), 3.5)
    assert waiter.statement is not None and waiter.statement.running
    assert waiter.statement.waited_since == 3.5
    assert state.waiting and state.open_transactions == ["A", "B"]


def test_a_statement_that_was_overtaken_knows_it() -> None:
    state = fold(whole_run())
    overtaken = state.statements[2]
    assert (overtaken.index, overtaken.ended_index) == (2, 4)


def test_the_end_of_a_run_leaves_nothing_open() -> None:
    state = fold(whole_run())
    assert not state.running and not state.waiting and not state.open_transactions
    assert state.undoable == "double_spend"
    assert [verdict.holds for verdict in state.verdicts] == [False, True]


def test_a_new_run_starts_afresh() -> None:
    state = fold([*whole_run(), *started(20.0)])
    assert state.statements == [] and state.verdicts == [] and state.notes == [] and state.upkeep is None


def test_rollback_and_reset_say_what_can_still_be_undone() -> None:
    state = fold(whole_run())
    state.apply(RolledBack(t=9, experiment="double_spend", clean=True, how=(), differences=(), undoable="row_lock"))
    assert state.undoable == "row_lock"
    state.apply(LabReset(t=10, seed=9, fingerprint="f"))
    assert state.undoable == ""


def test_time_passes_without_events_but_never_backwards() -> None:
    state = fold(opened())
    state.tick(5.0)
    state.tick(4.0)
    assert state.now == 5.0


def test_words_out_of_place_do_no_harm() -> None:
    state = fold(ending())
    state.apply(SessionChanged(t=1, session="Z", state="waiting"))
    state.apply(ErrorReported(title="t", cause="c", remedy="r"))
    assert len(state.errors) == 1
