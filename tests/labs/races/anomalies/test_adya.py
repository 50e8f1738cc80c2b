"""From histories made by hand to the circle that they have, or have not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from labs.races.anomalies.adya import (
    Class,
    Condition,
    Cycle,
    History,
    Value,
    aborted_read,
    classified,
    cycles,
    dependencies,
    flaw,
    intermediate_read,
    vanished,
)
from labs.races.anomalies.anomaly import lost_update, misled_reader, skew_by_condition
from labs.stream.cycles import drawn

EVEN = Condition("value % 2 = 0", lambda value: value % 2 == 0)

Did = tuple[str, str, str, Value] | tuple[str, dict[str, int]]


def history(*did: Did, aborted: str = "", before: dict[str, int] | None = None) -> History:
    """Of reads and writes, as (transaction, "r" or "w", row, value), and searches for even values, as (who, found)."""
    made = History({"x": 1, "y": 1} if before is None else before)
    for step in did:
        if len(step) == 2:
            made.found(step[0], EVEN, step[1])
        else:
            name, what, key, value = step
            (made.read if what == "r" else made.wrote)(name, key, value)
    made.committed = frozenset(step[0] for step in did) - set(aborted)
    return made


def edges(of: History) -> set[str]:
    return {drawn((edge,)) for edge in dependencies(of)}


CIRCLES: list[tuple[Class, str, History]] = [
    (
        "G0",
        "A ─ww(x)→ B ─ww(y)→ A",
        history(("A", "w", "x", 2), ("B", "w", "x", 3), ("B", "w", "y", 3), ("A", "w", "y", 2)),
    ),
    (
        "G1c",
        "A ─wr(x)→ B ─wr(y)→ A",
        history(("A", "w", "x", 2), ("B", "w", "y", 2), ("A", "r", "y", 2), ("B", "r", "x", 2)),
    ),
    (
        "G1c",
        "A ─ww(x)→ B ─wr(y)→ A",
        history(("A", "w", "x", 2), ("B", "w", "x", 3), ("B", "w", "y", 2), ("A", "r", "y", 2)),
    ),
    (
        "G-single",
        "A ─rw(x)→ B ─wr(y)→ A",
        history(("A", "r", "x", 1), ("B", "w", "x", 2), ("B", "w", "y", 2), ("A", "r", "y", 2)),
    ),
    (
        "G-single",
        "A ─rw(value % 2 = 0)→ B ─wr(value % 2 = 0)→ A",
        history(("A", {}), ("B", "w", "z", 2), ("A", {"z": 2})),
    ),
    (
        "G2-item",
        "A ─rw(y)→ B ─rw(x)→ A",
        history(("A", "r", "y", 1), ("B", "r", "x", 1), ("A", "w", "x", 2), ("B", "w", "y", 2)),
    ),
    (
        "G2",
        "A ─rw(value % 2 = 0)→ B ─rw(value % 2 = 0)→ A",
        history(("A", {}), ("B", {}), ("A", "w", "z", 2), ("B", "w", "v", 2)),
    ),
    (
        "G2-item",
        "A ─rw(y)→ B ─wr(y)→ C ─rw(x)→ A",
        history(
            ("A", "r", "y", 1), ("B", "w", "y", 2), ("C", "r", "x", 1), ("C", "r", "y", 2), ("A", "w", "x", 2)
        ),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "circle", "made"), CIRCLES, ids=[circle for _, circle, _ in CIRCLES])
def test_a_circle_is_found_and_classified(kind: Class, circle: str, made: History) -> None:
    assert drawn(flaw(made)) == circle
    assert classified(flaw(made)) == kind


@pytest.mark.parametrize("made", [made for *_, made in CIRCLES], ids=[circle for _, circle, _ in CIRCLES])
@pytest.mark.parametrize("aborted", "AB")
def test_with_one_of_them_rolled_back_there_is_no_circle(
    made: History, aborted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made, "committed", made.committed - {aborted})
    assert cycles(dependencies(made)) == []


SERIAL = [
    history(("A", "r", "x", 1), ("A", "w", "x", 2), ("B", "r", "x", 2), ("B", "w", "x", 3)),
    # Statements of both by turns, and yet as if one had come after the other.
    history(("A", "w", "x", 2), ("B", "r", "y", 1), ("B", "r", "x", 1), ("A", "w", "y", 2)),
    # Its own writes are no other's, also where they change what a search finds.
    history(("A", {}), ("A", "w", "z", 2), ("A", {"z": 2}), ("A", "w", "z", 3), ("A", {}), ("B", "r", "x", 1)),
    # What it wrote itself in between is no intermediate read.
    history(("A", "w", "x", 2), ("A", "r", "x", 2), ("A", "w", "x", 3), ("B", "r", "x", 3)),
    # A change that makes no difference to the search.
    history(("A", {}), ("B", "w", "x", 3), ("B", "w", "y", 3), ("A", {})),
    # Two readers of what neither of them wrote.
    history(("A", "r", "x", 1), ("B", "r", "x", 1), ("C", "w", "x", 2)),
]


@pytest.mark.parametrize("made", SERIAL, ids=range(len(SERIAL)))
def test_what_fits_into_a_serial_order_is_left_alone(made: History) -> None:
    recognised: list[Callable[[History], Cycle]] = [
        flaw, aborted_read, intermediate_read, vanished, lost_update, skew_by_condition, misled_reader,
    ]  # fmt: skip
    assert [recognise(made) for recognise in recognised] == [()] * len(recognised)


def test_a_version_depends_on_the_one_before_and_its_reader_on_both_sides() -> None:
    made = history(("A", "w", "x", 2), ("B", "w", "x", 3), ("C", "r", "x", 2))
    assert edges(made) == {"A ─ww(x)→ B", "A ─wr(x)→ C", "C ─rw(x)→ B"}


def test_a_rolled_back_version_is_not_in_the_order() -> None:
    made = history(("A", "w", "x", 2), ("B", "w", "x", 3), ("C", "w", "x", 4), aborted="B")
    assert edges(made) == {"A ─ww(x)→ C"}


def test_of_several_writes_of_a_transaction_the_last_is_the_version() -> None:
    made = history(("A", "w", "x", 2), ("A", "w", "x", 3), ("B", "r", "x", 3), ("C", "r", "x", 1))
    assert edges(made) == {"A ─wr(x)→ B", "C ─rw(x)→ A"}


def test_a_search_depends_on_who_made_a_row_meet_its_condition_or_cease_to() -> None:
    appeared = history(("A", "w", "z", 2), ("B", {"z": 2}))
    assert edges(appeared) == {"A ─wr(value % 2 = 0)→ B", "A ─wr(z)→ B"}
    ceased = history(("A", "w", "x", 3), ("B", {}), before={"x": 2})
    assert edges(ceased) == {"A ─wr(value % 2 = 0)→ B"}
    deleted = history(("A", "w", "x", None), ("B", {}), before={"x": 2})
    assert edges(deleted) == {"A ─wr(value % 2 = 0)→ B"}
    still_there = history(("B", {"x": 2}), ("A", "w", "x", 3), before={"x": 2})
    assert edges(still_there) == {"B ─rw(value % 2 = 0)→ A", "B ─rw(x)→ A"}


def test_where_a_row_was_not_found_only_what_is_certain_counts() -> None:
    """The search saw the row before A or after B: who of them came first cannot be told."""
    made = history(("C", {}), ("A", "w", "z", 2), ("B", "w", "z", 3))
    assert edges(made) == {"A ─ww(z)→ B"}


def test_a_read_of_what_was_rolled_back_is_one_and_so_is_a_search_that_found_it() -> None:
    assert drawn(aborted_read(history(("A", "w", "x", 2), ("B", "r", "x", 2), aborted="A"))) == "A ─wr(x)→ B"
    assert drawn(aborted_read(history(("A", "w", "x", 2), ("B", {"x": 2}), aborted="A"))) == "A ─wr(x)→ B"
    assert not aborted_read(history(("A", "w", "x", 2), ("B", "r", "x", 1), aborted="A"))
    assert not aborted_read(history(("A", "w", "x", 2), ("B", "r", "x", 2), aborted="AB")), "nobody acted upon it"


def test_a_read_of_what_was_overwritten_by_its_own_writer_is_one() -> None:
    made = history(("A", "w", "x", 2), ("B", "r", "x", 2), ("A", "w", "x", 3))
    assert drawn(intermediate_read(made)) == "A ─wr(x)→ B"
    assert not intermediate_read(history(("A", "w", "x", 2), ("A", "w", "x", 3), ("B", "r", "x", 3)))


def test_to_have_seen_and_then_missed_is_not_to_have_missed_and_then_seen() -> None:
    writer: list[Did] = [("A", "w", "x", 2), ("A", "w", "y", 2)]
    assert drawn(vanished(history(*writer, ("B", "r", "x", 2), ("B", "r", "y", 1)))) == "A ─wr(x)→ B ─rw(y)→ A"
    skewed = history(*writer, ("B", "r", "y", 1), ("B", "r", "x", 2))
    assert not vanished(skewed)
    assert classified(flaw(skewed)) == "G-single"


def test_a_lost_update_is_of_one_row() -> None:
    lost = history(("A", "r", "x", 1), ("B", "w", "x", 2), ("A", "w", "x", 3))
    assert drawn(lost_update(lost)) == "A ─rw(x)→ B ─ww(x)→ A"
    of_two_rows = history(("A", "r", "x", 1), ("B", "w", "x", 2), ("B", "w", "y", 2), ("A", "w", "y", 3))
    assert classified(flaw(of_two_rows)) == "G-single"
    assert not lost_update(of_two_rows)


def test_without_anti_dependencies_the_skews_and_the_lost_update_would_go_unseen() -> None:
    """The checker itself, broken: what is found above is found by its rw edges."""
    for kind, circle, made in CIRCLES:
        blind = frozenset(edge for edge in dependencies(made) if edge.kind != "rw")
        assert [drawn(cycle) for cycle in cycles(blind)] == ([circle] if kind in {"G0", "G1c"} else [])


def test_every_circle_is_found_once_and_the_shortest_comes_first() -> None:
    made = history(
        ("A", "w", "x", 2), ("B", "w", "x", 3), ("C", "w", "x", 4),
        ("C", "w", "y", 2), ("B", "w", "y", 3), ("A", "w", "y", 4),
    )  # fmt: skip
    assert [drawn(cycle) for cycle in cycles(dependencies(made))] == [
        "A ─ww(x)→ B ─ww(y)→ A",
        "B ─ww(x)→ C ─ww(y)→ B",
    ]
    round_the_three = history(
        ("A", "w", "x", 2), ("B", "r", "x", 2), ("B", "w", "y", 2), ("C", "r", "y", 2),
        ("C", "w", "z", 2), ("A", "r", "z", 2),
    )  # fmt: skip
    assert drawn(flaw(round_the_three)) == "A ─wr(x)→ B ─wr(y)→ C ─wr(z)→ A"


def test_a_value_that_a_row_has_had_cannot_be_written_again() -> None:
    for value in (1, 2):
        with pytest.raises(ValueError, match=f"x has been {value} before"):
            history(("A", "w", "x", 2), ("B", "w", "x", value))


def test_nothing_is_drawn_as_nothing() -> None:
    assert drawn(()) == ""
