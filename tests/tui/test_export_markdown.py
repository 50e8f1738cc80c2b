"""A run as a page of Markdown: with its numbers, and nothing in it but text."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from markdown_it import MarkdownIt

from labs.stream.events import (
    AnomalyMeasured,
    Dependency,
    ErrorReported,
    LatencySampled,
    Measured,
    OrdersExplored,
    RolledBack,
    Version,
    VersionsSampled,
)
from tests.tui.streams import fold, opened, started, waiting, whole_run
from tests.tui.test_hostile import HOSTILE, saying
from tui.export.markdown import code, markdown, text
from tui.text import clean

EVIL = (
    *HOSTILE,
    "a | b",
    "`a`",
    "<script>alert(1)</script>",
    "a\nb",
    "# a",
    "- a",
    "![a](http://b/c.png)",
    "&lt;",
    "\\|",
    "12. foo",
    "12) x",
    "1.",
    "    four spaces",
    "- [ ] a",
    "a | b\n--- | ---",
)


def test_it_has_what_was_asked_and_where_it_ran() -> None:
    page = markdown(fold(whole_run()))
    assert page.startswith("# Races › Double spend\n\nCan the same money be spent twice?\n")
    for fact in (
        "| server | 18.6 |",
        "| isolation | READ COMMITTED |",
        "| outcome | failed after 6.3s |",
        "| stream began | 2026-01-01T00:00:00+00:00 |",
    ):
        assert fact in page


def test_every_statement_is_in_its_sessions_column_with_its_numbers() -> None:
    rows = [line.split(" | ") for line in markdown(fold(whole_run())).splitlines() if "<code>" in line]
    assert [(row[0], bool(row[1]), bool(row[2])) for row in rows] == [
        ("| 1.000", True, False),
        ("| 1.200", True, False),
        ("| 1.400", False, True),
        ("| 6.000", True, False),
        ("| 6.030", False, True),
    ]
    assert rows[0][3] == "1 row → 100, 0.8 ms |"
    assert rows[2][3] == "1 row, waited for A, 4.6 s |"


def test_what_goes_on_is_told_as_such() -> None:
    page = markdown(fold([*opened(), *started(), *waiting()]))
    assert "no answer yet, waited for A |" in page
    assert "| outcome | running |" in page


def test_it_has_the_verdict_with_its_evidence_and_the_rows_that_were_left() -> None:
    page = markdown(fold(whole_run()))
    assert "- ✗ **does not hold**: no balance below zero (lowest -60)" in page
    assert "- ✓ holds: ledger equals balances (ledger 90, balances 90)" in page
    assert "### accounts, 2 rows\n\n| id | owner | balance |\n| --- | --- | --- |\n| 1 | alice | -60 |" in page
    assert "- Both transfers were accepted, and each took 80 of 100.\n" in page


def test_cells_and_figures_are_tables() -> None:
    page = markdown(
        fold(
            [
                *whole_run(),
                OrdersExplored(
                    t=9,
                    variant="double spend",
                    isolation="read committed",
                    engine="postgres",
                    orders=70,
                    violations=12,
                    broken={"Money": 12},
                    refusals={"40001": 3},
                    waits=5,
                    pruned=1,
                    milliseconds=10,
                    failing="AB",
                ),
                AnomalyMeasured(
                    t=9,
                    anomaly="lost update",
                    code="P4",
                    isolation="read committed",
                    engine="postgres",
                    occurred=True,
                    cycle=(Dependency(source="A", target="B", kind="rw", item="x"),),
                ),
                AnomalyMeasured(
                    t=9,
                    anomaly="lost update",
                    code="P4",
                    isolation="serializable",
                    engine="postgres",
                    occurred=False,
                    prevented_by="40001",
                ),
                Measured(
                    t=9,
                    metric="transfers a second",
                    variant="row lock",
                    value=1234,
                    unit="1/s",
                    samples=5,
                    low=1100,
                    high=1300,
                ),
                RolledBack(t=9, experiment="double_spend", clean=True, how=("One reversed.",), differences=()),
            ]
        )
    )
    assert "| double spend | PostgreSQL | read committed | ✗ 12 of 70 | 5 | 0 | 3× 40001 | AB |" in page
    assert "|  | read committed | serializable |\n| --- | --- | --- |\n| lost update | ✗ occurs | ✓ no 40001 |" in page
    assert "- lost update, read committed: A ─rw(x)→ B" in page
    assert "## transfers a second on PostgreSQL\n" in page
    assert "| row lock | 1,234 | 1,100–1,300 | 5 |" in page
    assert "- Double spend rolled back: One reversed." in page


def test_a_lab_in_which_nothing_has_run_has_its_tables() -> None:
    page = markdown(fold(opened()))
    assert page.startswith("# Races › no experiment has run\n")
    assert "### accounts, 2 rows" in page


def test_a_strip_of_latencies_is_its_usual_its_worst_and_its_stalls() -> None:
    waits = [(2.0, 5.0), (2.0, 900.0), (2.0, 1200.0), (4.0, 6.0), (2.0, 300.0)]
    strip = [
        LatencySampled(
            t=9, operation="payments", variant="lock_timeout", seconds=0.5, count=3, median=median, worst=worst
        )
        for median, worst in waits
    ]
    page = markdown(fold([*whole_run(), *strip]))
    assert "## Latencies\n" in page
    assert "| payments | PostgreSQL | lock_timeout | 2.0 | 1,200 | 2 | 1,200 | 2.5s |" in page


def test_versions_are_rows_with_the_times_that_they_have() -> None:
    versions = (
        Version((90,), system_from=701, system_to=705, who="alice", operation="INSERT"),
        Version((80,), system_from=705),
    )
    page = markdown(
        fold([*whole_run(), VersionsSampled(t=9, entity="prices", key=(7,), columns=("amount",), versions=versions)])
    )
    assert "### prices 7\n\n| amount | system from | system to | who | operation |\n" in page
    assert "| 90 | 701 | 705 | alice | INSERT |\n| 80 | 705 |  |  |  |" in page


def test_an_error_has_its_code_and_its_sql() -> None:
    error = ErrorReported(
        t=9,
        title="It was refused",
        cause="No room.",
        remedy="Free some.",
        sqlstate="53100",
        sql="INSERT INTO t VALUES (1)",
    )
    page = markdown(fold([*whole_run(), error]))
    assert "- ✗ It was refused: No room. Free some. 53100 <code>INSERT INTO t VALUES (1)</code>" in page


def cells(row: str) -> int:
    """How many cells a reader of Markdown sees in a line of a table."""
    return len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) - 1


@pytest.mark.parametrize("evil", EVIL)
def test_what_is_hostile_stays_text_and_in_its_cell(evil: str) -> None:
    page = markdown(fold(saying(evil)))
    assert all(clean(line) == line for line in page.splitlines())
    head = 0
    for line in page.splitlines():
        if line.startswith("|"):
            head = head or cells(line)
            assert cells(line) == head, line
        else:
            head = 0
    assert not re.search(r"(?<!\\)<(?!/?code>)", page)


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("write", [text, code])
def test_a_reader_of_markdown_sees_nothing_but_text(write: Callable[[str], str], evil: str) -> None:
    reader = MarkdownIt("gfm-like", {"linkify": False})
    for line in (write(evil), f"- {write(evil)}"):
        tokens = reader.parse(line)
        kinds = {token.type.removesuffix("_open").removesuffix("_close") for token in tokens}
        assert kinds <= {"paragraph", "inline"} | ({"bullet_list", "list_item"} if line.startswith("- ") else set())
        assert [token.type for token in tokens].count("list_item_open") == line.startswith("- ")
        inline = [child for token in tokens for child in token.children or ()]
        assert {child.type for child in inline} <= {"text", "html_inline", "text_special"}
        assert {child.content for child in inline if child.type == "html_inline"} <= {"<code>", "</code>"}
        assert "".join(child.content for child in inline if child.type != "html_inline") == clean(evil).strip()


@pytest.mark.parametrize("write", [text, code])
def test_nothing_of_it_is_markup(write: object) -> None:
    assert callable(write)
    written = write("<b>*x*</b> `y` [z](http://a) |  ![i](b) :smile: www.a.b &amp; _e_ snake_case")
    assert "snake_case" in written
    bare = re.sub(r"\\.|&#\d+;|</?code>", "", written)
    assert not set("<>*`[]|&") & set(bare)
    assert "http:" not in written and ":smile" not in bare and "www." not in bare and " _e" not in bare
