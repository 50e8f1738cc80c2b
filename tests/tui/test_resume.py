"""The way through a run, found in its stream, and taken again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from labs.stream.commands import RunExperiment, Step, UseEngine
from labs.stream.events import (
    AnyEvent,
    ErrorReported,
    ExperimentStarted,
    ScheduleChanged,
    SessionChanged,
    StatementEnded,
    StatementHeld,
    StatementStarted,
)
from tests.tui.streams import READ, WRITE, ending, fold, opened, opened_on, started
from tui.driver import Driver
from tui.recordings.resume import Resumption, steps_taken
from tui.state import LabState
from tui.view import View

WAY = Resumption("double_spend", {"isolation": "READ COMMITTED"}, "postgres", ("A", "B", "A"))


def step(session: str, number: int, *, begins: bool = False, answered: bool = True) -> Iterable[AnyEvent]:
    """A statement that was held goes out, with a BEGIN before the first."""
    if begins:
        yield StatementStarted(t=number, session=session, number=10 * number, sql="BEGIN")
        yield StatementEnded(t=number, session=session, number=10 * number, milliseconds=None)
    yield StatementStarted(t=number, session=session, number=number, sql=WRITE)
    if answered:
        yield StatementEnded(t=number, session=session, number=number, milliseconds=1.0)
        yield StatementHeld(t=number, session=session, sql=WRITE)


def rest(number: int, *steppable: str) -> ScheduleChanged:
    return ScheduleChanged(t=number, suggested=steppable[0] if steppable else None, steppable=steppable, step=number)


def three_steps() -> list[AnyEvent]:
    """A and B read, then A writes: as a runner tells of a stepped run."""
    return [
        *opened(),
        *started(),
        *step("A", 1, begins=True),
        rest(1, "A", "B"),
        *step("B", 2, begins=True),
        rest(2, "A", "B"),
        *step("A", 3),
        rest(3, "A", "B"),
    ]


def sessions(events: Sequence[AnyEvent]) -> tuple[str, ...]:
    way = steps_taken(events)
    assert way is not None
    return way.sessions


def test_each_step_is_the_session_whose_statement_was_let_go() -> None:
    assert steps_taken(three_steps()) == WAY
    assert WAY.step == 4, "as the screen numbers what comes next"


def test_a_step_counts_as_soon_as_its_statement_has_gone_out() -> None:
    assert sessions([*three_steps(), *step("B", 4, answered=False)]) == ("A", "B", "A", "B")


def test_who_goes_on_after_a_wait_without_a_step_takes_none() -> None:
    waits = SessionChanged(t=4, session="B", state="waiting", waiting_for=("A",))
    freed: list[AnyEvent] = [
        StatementEnded(t=5, session="B", number=4, milliseconds=900.0),
        StatementHeld(t=5, session="B", sql=WRITE),
    ]
    events = [*three_steps(), *step("B", 4, answered=False), waits, rest(4, "A"), *step("A", 5), *freed, rest(5, "B")]
    assert sessions(events) == ("A", "B", "A", "B", "A")


def test_a_rest_told_twice_is_no_step_and_neither_is_what_runs_between_two_plays() -> None:
    outside: list[AnyEvent] = [StatementStarted(t=4, session="B", number=9, sql=READ)]
    again: list[AnyEvent] = [
        StatementHeld(t=5, session="B", sql=READ),
        rest(0, "B"),
        rest(0, "B"),
        *step("B", 6, begins=True),
    ]
    events: list[AnyEvent] = [one for one in three_steps() if not isinstance(one, StatementHeld) or one.session == "A"]
    assert sessions([*events, *outside, *again])[-1:] == ("B",)
    assert len(sessions([*events, *outside, *again])) == len(sessions(events)) + 1


def test_only_the_latest_run_counts_and_none_of_another_engine() -> None:
    assert sessions([*three_steps(), *ending(), *started(20)]) == ()
    assert steps_taken([*three_steps(), *opened_on("mariadb", 20)]) is None
    assert steps_taken(opened()) is None
    assert sessions([*three_steps(), *opened_on("postgres", 20)]) == WAY.sessions


def test_of_a_run_by_itself_every_statement_would_have_been_a_step() -> None:
    run = ExperimentStarted(t=2, experiment="double_spend", parameters={}, stepped=False)
    assert sessions([*opened(), run, *step("A", 1, begins=True), *step("B", 2, begins=True), *step("A", 3)]) == (
        "A",
        "B",
        "A",
    )


def retraced(state: LabState, *news: Sequence[AnyEvent]) -> list[object]:
    """What the driver asks for or says, after each part of what the runner answers."""
    driver = Driver(View())
    said: list[object] = [driver.retrace(state, WAY)]
    for events in news:
        for event in events:
            state.apply(event)
        said.append(driver.moved(state))
    return said


def test_the_way_is_taken_step_by_step_and_then_the_person_is_waited_for() -> None:
    said = retraced(
        fold(opened()),
        started(),
        [*step("A", 1, begins=True)],
        [rest(1, "A", "B")],
        [*step("B", 2, begins=True), rest(2, "A", "B")],
        [*step("A", 3), rest(3, "A", "B")],
        [],
    )
    assert said[:5] == [
        RunExperiment(experiment="double_spend", parameters={"isolation": "READ COMMITTED"}, stepped=True),
        Step(session="A"),
        None,
        Step(session="B"),
        Step(session="A"),
    ]
    assert said[5:] == ["Step 4 comes next, as when it was recorded. Space goes on.", None]


def test_a_run_that_goes_another_way_is_left_to_the_person() -> None:
    waits = SessionChanged(t=2, session="B", state="waiting", waiting_for=("A",))
    said = retraced(fold(opened()), started(), [*step("A", 1), waits, rest(1, "A")], [*step("A", 2), rest(2, "A", "B")])
    assert said[2] == (
        "At step 2 it went another way than recorded: B waits for A; step that one first. Space goes on."
    )
    assert said[3] is None


def test_on_another_engine_it_goes_to_the_recorded_one_first() -> None:
    said = retraced(fold([*opened(), *opened_on("mariadb", 3)]), opened_on("postgres", 4), started(5))
    assert said[0] == UseEngine(engine="postgres")
    assert isinstance(said[1], RunExperiment) and said[1].stepped
    assert said[2] == Step(session="A")


def test_where_that_engine_cannot_be_had_nothing_is_run_by_itself() -> None:
    state = fold([*opened(), *opened_on("mariadb", 3)])
    refused = ErrorReported(t=4, title="No PostgreSQL", cause="It is gone.", remedy="")
    assert retraced(state, [refused], started(5)) == [UseEngine(engine="postgres"), None, None]


def test_nobody_steps_in_between_by_accident() -> None:
    driver, state = Driver(View()), fold(opened())
    driver.retrace(state, WAY)
    for event in started():
        state.apply(event)
    assert driver.moved(state) == Step(session="A")
    assert driver.step(state) == "It goes on by itself to step 4, as it was recorded; c ends it."
    for event in ending():
        state.apply(event)
    assert driver.moved(state) is None
    for event in started(20):
        state.apply(event)
    assert driver.moved(state) is None, "the next run is the person's own"
