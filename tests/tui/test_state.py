from __future__ import annotations

from labs.stream.events import (
    ErrorReported,
    ExperimentStarted,
    LabReset,
    LatencySampled,
    Measured,
    ProgressAdvanced,
    RolledBack,
    SessionChanged,
    Version,
    VersionsSampled,
)
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


def test_versions_outlive_a_run_as_tables_do_and_the_latest_sample_of_an_entity_counts() -> None:
    def sample(entity: str, number: int) -> VersionsSampled:
        return VersionsSampled(entity=entity, key=(1,), columns=(), versions=(Version(values=()),) * number)

    state = fold([*opened(), sample("prices", 1), sample("accounts", 1), *started(), sample("prices", 2)])
    assert [len(one.versions) for one in state.versions.cells.values()] == [2, 1]
    assert state.versions.run is state.run
    state.apply(ExperimentStarted(t=9, experiment="row_lock", parameters={}, stepped=False))
    assert len(state.versions.cells) == 2 and state.versions.run is not state.run


def test_what_a_run_measures_takes_the_place_of_what_another_one_did_whatever_comes_first() -> None:
    figure = Measured(metric="m", variant="v", value=1, unit="")
    column = LatencySampled(operation="o", variant="v", seconds=0.2, count=1, median=1, worst=1)
    words = (figure, column, ProgressAdvanced(task="t", done=1, total=2))
    for first in words:
        state = fold([*opened(), *started(), *words])
        assert len(state.measured.figures.cells) == len(state.measured.latencies.cells) == 1
        state.apply(ExperimentStarted(t=9, experiment="row_lock", parameters={}, stepped=False))
        assert state.measured.figures.cells, "they stay until there are others"
        state.apply(first)
        found = len(state.measured.figures.cells), len(state.measured.latencies.cells)
        assert found == (int(first is figure), int(first is column))


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
