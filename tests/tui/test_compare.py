"""The same order run again elsewhere: what came out otherwise is marked, and nothing else is."""

from __future__ import annotations

from labs.stream.events import (
    AnyEvent,
    ExperimentEnded,
    ExperimentStarted,
    Noted,
    SessionChanged,
    StatementEnded,
    StatementStarted,
)
from tests.tui.screens import plain
from tests.tui.streams import READ, WRITE, fold, opened, opened_on
from tui import narration
from tui.compare import counterpart, differences, sentence, where
from tui.view import View
from tui.widgets import lanes

INSERT = "INSERT INTO transfers (amount) VALUES ($1::INTEGER) RETURNING transfers.id"


def run(
    t: float,
    isolation: str,
    *,
    refused: str = "",
    waits: bool = False,
    key: int = 1,
    read: int = 100,
    amount: int = 80,
    outcome: str = "failed",
    begin: bool = True,
) -> list[AnyEvent]:
    """A inserts and reads; B writes, which may wait or be refused; then B ends."""
    parameters = {"isolation": isolation, "amount": amount}
    events: list[AnyEvent] = [
        ExperimentStarted(t=t, experiment="double_spend", parameters=parameters, stepped=False)  # type: ignore[arg-type]
    ]
    if begin:
        events += [
            StatementStarted(t=t, session="A", number=90, sql="BEGIN ISOLATION LEVEL SERIALIZABLE"),
            StatementEnded(t=t, session="A", number=90, milliseconds=None),
        ]
    events += [
        StatementStarted(t=t, session="A", number=1, sql=INSERT, parameters=(80,)),
        StatementEnded(t=t, session="A", number=1, milliseconds=1, rows=1, preview=((key,),)),
        StatementStarted(t=t, session="A", number=2, sql=READ, parameters=(1,)),
        StatementEnded(t=t, session="A", number=2, milliseconds=1, rows=1, preview=((read,),)),
        StatementStarted(t=t, session="B", number=3, sql=WRITE, parameters=(20, 1)),
    ]
    if waits:
        events.append(SessionChanged(t=t, session="B", state="waiting", waiting_for=("A",)))
    end = "ROLLBACK" if refused else "COMMIT"
    return [
        *events,
        StatementEnded(
            t=t,
            session="B",
            number=3,
            milliseconds=2,
            rows=None if refused else 1,
            sqlstate=refused or None,
            message="could not serialize" if refused else "",
        ),
        StatementStarted(t=t, session="B", number=4, sql=end),
        StatementEnded(t=t, session="B", number=4, milliseconds=1),
        ExperimentEnded(t=t, experiment="double_spend", outcome=outcome, seconds=0.1),  # type: ignore[arg-type]
    ]


def told(*events: AnyEvent) -> str:
    state = fold(events)
    return sentence(state, differences(state), 200)


def test_a_refusal_is_told_with_its_step_and_not_what_follows_from_it() -> None:
    events = [*opened(), *run(2, "read committed"), *run(9, "repeatable read", refused="40001", key=7)]
    assert told(*events) == "differs from read committed on PostgreSQL: B refused 40001 at step 3"
    text = plain(lanes.lines(fold(events), View(experiment="double_spend", parameters={"isolation": "x"}), 80))
    assert "≠" not in text, "another choice does not show the last run as its own"
    shown = View(experiment="double_spend", parameters={"isolation": "repeatable read"})
    lines = plain(lanes.lines(fold(events), shown, 80)).splitlines()
    assert lines[0] == " ≠ differs from read committed on PostgreSQL: B refused 40001 at step 3"
    assert [line for line in lines[1:] if "≠" in line] == [
        lines[1 + next(i for i, x in enumerate(lines[1:]) if "≠" in x)]
    ]
    assert "≠ before: 1 row" in plain(lanes.lines(fold(events), shown, 80))


def test_the_marks_survive_where_the_lanes_are_shortened() -> None:
    events = [*opened(), *run(2, "read committed"), *run(9, "repeatable read", refused="40001")]
    view = View(experiment="double_spend", parameters={"isolation": "repeatable read"})
    assert "≠ before: 1 row" in plain(lanes.lines(fold(events), view, 80, 4))


def test_a_wait_a_value_and_a_refusal_that_are_gone_are_told() -> None:
    first = run(2, "read committed", waits=True, read=100)
    assert told(*opened(), *first, *run(9, "serializable", read=20)) == (
        "differs from read committed on PostgreSQL: A 1 row → 20 at step 2, B did not wait at step 3"
    )
    refused = run(2, "serializable", refused="40001")
    assert "B not refused at step 3" in told(*opened(), *refused, *run(9, "read committed"))


def test_keys_that_a_server_hands_out_do_not_count() -> None:
    assert told(*opened(), *run(2, "read committed", key=1), *run(9, "serializable", key=99)) == (
        "as at read committed on PostgreSQL, statement by statement"
    )


def test_the_run_before_survives_another_engine_which_sends_no_begin() -> None:
    events = [*opened(), *run(2, "read committed"), *opened_on("mariadb", 9), *run(10, "read committed", begin=False)]
    assert told(*events) == "as at read committed on PostgreSQL, statement by statement"
    refused = [*opened(), *run(2, "serializable", refused="40001"), *opened_on("mariadb", 9)]
    refused += run(10, "serializable", refused="1213", begin=False)
    assert told(*refused) == "as at serializable on PostgreSQL, statement by statement", "codes differ, outcomes do not"


def test_only_the_same_order_is_compared() -> None:
    one = run(2, "read committed")
    assert told(*opened(), *one) == ""
    assert told(*opened(), *one, *run(9, "read committed", refused="40001")) == "", "the same settings are no elsewhere"
    assert told(*opened(), *one, *run(9, "serializable", amount=10)) == ""
    assert told(*opened(), *run(2, "read committed", outcome="cancelled"), *run(9, "serializable")) == ""


def test_a_run_again_is_still_compared_with_the_one_elsewhere() -> None:
    again = [*run(9, "serializable", refused="40001"), *run(12, "serializable", refused="40001")]
    state = fold([*opened(), *run(2, "read committed"), *again])
    before = counterpart(state)
    assert before is not None and where(before) == "read committed on PostgreSQL" and len(differences(state)) == 1


def test_more_differences_than_fit_are_counted() -> None:
    state = fold([*opened(), *run(2, "read committed", waits=True), *run(9, "serializable", read=20)])
    assert sentence(state, differences(state), 80).endswith("A 1 row → 20 at step 2, and 1 more")


def test_after_a_change_of_engine_the_screen_says_what_a_run_will_be_compared_with() -> None:
    state = fold([*opened(), *run(2, "read committed"), *opened_on("mariadb", 9)])
    text = plain(narration.message_lines(state, View(experiment="double_spend"), 120, 2))
    assert "Before: read committed on PostgreSQL. r runs the same here" in text


def test_what_is_noted_between_transactions_parts_the_lanes() -> None:
    start, first, second = run(2, "read committed"), run(2, "read committed")[3:-1], run(3, "read committed")[3:]
    state = fold([*opened(), *start[:3], *first, Noted(t=3, text="Permutation 2 of 2: a b"), *second])
    view = View(experiment="double_spend", parameters={"isolation": "read committed"})
    body = plain(lanes.lines(state, view, 80)).splitlines()
    (at,) = (number for number, line in enumerate(body) if line.startswith(" ── Permutation 2 of 2: a b ──"))
    assert "COMMIT" in body[at - 1] and "INSERT" in body[at + 1]
    assert "Permutation" in plain(lanes.lines(state, view, 80, 4)), "also where writes in a row share a line"
