"""A cell of the catalogue on paper: a line that ends in the circle."""

from __future__ import annotations

import io

from labs.report import report_sink
from labs.stream.events import AnomalyMeasured, Dependency

CIRCLE = (
    Dependency(source="A", target="B", kind="rw", item="x"),
    Dependency(source="B", target="A", kind="rw", item="y"),
)


def line(*, occurred: bool, prevented_by: str = "", cycle: tuple[Dependency, ...] = ()) -> str:
    paper = io.BytesIO()
    report_sink(paper)(
        AnomalyMeasured(
            anomaly="write skew",
            code="G2-item",
            isolation="repeatable read",
            engine="postgres",
            occurred=occurred,
            prevented_by=prevented_by,
            cycle=cycle,
        )
    )
    return paper.getvalue().decode().strip()


def test_what_occurred_ends_in_its_circle() -> None:
    assert line(occurred=True, cycle=CIRCLE) == (
        "repeatable read: write skew (G2-item) occurs  A ─rw(x)→ B ─rw(y)→ A"
    )  # fmt: skip


def test_what_did_not_says_what_prevented_it_where_that_was_seen() -> None:
    assert line(occurred=False, prevented_by="40001") == "repeatable read: write skew (G2-item) does not occur: 40001"
    assert line(occurred=False) == "repeatable read: write skew (G2-item) does not occur"
