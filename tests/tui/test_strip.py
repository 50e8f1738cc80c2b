"""Latency strips: a stall is never averaged away, and what stands still is not taken for nothing to do."""

from __future__ import annotations

import pytest
from rich.text import Text

from labs.stream.events import AnyEvent, ExperimentStarted, LatencySampled
from labs.stream.latency import stalls, usual
from tests.tui.streams import fold, opened, opened_on
from tui.measurements import MOST_COLUMNS
from tui.text import fit
from tui.view import View
from tui.widgets import chart
from tui.widgets.strip import HEIGHTS


def column(worst: float, median: float | None = 2.0, *, variant: str = "Naive", count: int = 9) -> LatencySampled:
    return LatencySampled(
        operation="writers", variant=variant, seconds=0.2, count=count, median=median, worst=worst, outstanding=1
    )


def stuck(worst: float, variant: str = "Naive") -> LatencySampled:
    """An interval in which nothing ended."""
    return column(worst, None, variant=variant, count=0)


def start() -> ExperimentStarted:
    return ExperimentStarted(t=2, experiment="double_spend", parameters={}, stepped=False)


def shown(*events: AnyEvent, width: int = 80) -> list[Text]:
    return list(chart.lines(fold([*opened(), start(), *events]), View(), width).body)


def strip(lines: list[Text], variant: str) -> tuple[str, str]:
    """The columns of a variant, and the marks below them, cell for cell."""
    at = next(number for number, line in enumerate(lines) if line.plain.startswith(f"  {variant} "))
    marks = lines[at + 1].plain if lines[at + 1].plain.startswith("   ✗") else ""
    return lines[at].plain[25:-16].rstrip(), marks[25:].rstrip()


def test_the_height_of_a_column_is_the_worst_of_its_interval_on_a_scale_of_tenths_of_three() -> None:
    bars, _ = strip(shown(*map(column, (0.5, 2, 5, 20, 50, 200, 500, 4000))), "Naive")
    assert bars.split()[0] == HEIGHTS
    legend = next(line.plain for line in shown(column(1)) if "ms, log scale" in line.plain)
    assert "▁ <1 " in legend and "▇ <1,000" in legend and "█ more" in legend


def test_a_stall_is_marked_below_its_columns_with_a_glyph_and_a_word_and_a_colour() -> None:
    lines = shown(*[column(4)] * 5, column(3000), column(3200), *[column(4)] * 3)
    bars, marks = strip(lines, "Naive")
    assert (
        [at for at, mark in enumerate(marks) if mark == "✗"]
        == [5, 6]
        == [at for at, glyph in enumerate(bars[:10]) if glyph == "█"]
    )
    marked = next(line for line in lines if "1 stall, 3.2 s" in line.plain)
    assert marked.plain.split()[0] == "✗" and {span.style for span in marked.spans} == {"wait"}
    (told,) = (line.plain for line in lines if "Naive" in line.plain)
    assert told.split()[-2:] == ["2.0", "3,200"]


def test_an_interval_in_which_nothing_ended_is_a_stall_and_does_not_look_like_no_latency() -> None:
    lines = shown(*[column(4)] * 5, stuck(60), *[column(4)] * 3)
    bars, marks = strip(lines, "Naive")
    assert marks == " " * 5 + "0" and bars[5] == "▅"
    assert "0 one in which nothing ended" in " ".join(line.plain.strip() for line in lines)


def test_an_interval_in_which_there_was_nothing_to_do_is_blank() -> None:
    idle = LatencySampled(operation="writers", variant="Naive", seconds=0.2, count=0, median=None, worst=0)
    bars, marks = strip(shown(column(4), idle, column(4)), "Naive")
    assert bars[:3] == "▃ ▃" and not marks


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ([column(45), column(4)], []),
        ([column(60), column(4), column(4)], [60]),
        ([column(60, 10), column(40, 10)], []),
        ([column(90, 90), column(900, 90)], [900]),
        ([column(900, 900), stuck(200), column(900, 900)], []),
        ([column(900, 900), stuck(1000), column(900, 900)], [1000]),
        ([stuck(200), stuck(400)], [400]),
        ([column(4), column(400), stuck(600), column(4), column(4), column(70)], [600, 70]),
    ],
)
def test_what_a_stall_is(columns: list[LatencySampled], found: list[float]) -> None:
    """Ten times the usual and not below 50 ms; or nothing ended for longer than the usual."""
    assert stalls(columns) == found


@pytest.mark.parametrize("at", [0, 1, 499, 2400, 4999])
@pytest.mark.parametrize("one", [column(3000), stuck(300)])
def test_a_stall_in_a_long_run_is_never_averaged_away(one: LatencySampled, at: int) -> None:
    columns = [column(4)] * 5000
    columns[at] = one
    state = fold([*opened(), start(), *columns])
    (kept,) = state.measured.latencies.cells.values()
    assert len(kept.columns) <= MOST_COLUMNS and stalls(kept.columns) == [one.worst] and kept.stalls == (1, one.worst)
    assert sum(part.seconds for part in kept.columns) == pytest.approx(1000)
    bars, marks = strip(list(chart.lines(state, View(), 80).body), "Naive")
    (place,) = (number for number, mark in enumerate(marks) if mark != " ")
    assert bars[place] in "▇█" and place / len(bars) == pytest.approx(at / 5000, abs=0.06)


@pytest.mark.parametrize("cycles", [99, 100, 101, 400, 1300])
def test_stalls_are_counted_one_by_one_however_many_intervals_share_a_column(cycles: int) -> None:
    lines = shown(*[column(4), column(900), stuck(700), column(4)] * cycles)
    assert any(line.plain.startswith((f"   ✗ {cycles} stalls ", f"   ✗ {cycles} stalls, 900.0 ms ")) for line in lines)


def test_a_stall_that_goes_on_when_intervals_are_joined_is_one() -> None:
    quiet = [column(4)] * (MOST_COLUMNS - 2)
    lines = shown(*quiet, *[column(900)] * 5, *quiet)
    assert any("✗ 1 stall, 900.0 ms" in line.plain for line in lines)


@pytest.mark.parametrize("count", [20, 200, 1200, 9000])
def test_strips_of_several_variants_begin_under_each_other_and_share_the_time_of_a_column(count: int) -> None:
    longer = "Lock the row first"
    lines = shown(*[column(4)] * count, *[column(4, variant=longer)] * (count // 2))
    first, second = (next(line.plain for line in lines if name in line.plain) for name in ("Naive", longer))
    assert first.index("▃") == second.index("▃")
    assert first.count("▃") == pytest.approx(2 * second.count("▃"), abs=1)


def test_engines_stand_side_by_side_and_a_run_of_something_else_clears_them() -> None:
    on_mariadb = [*opened_on("mariadb", 3), start(), column(700)]
    state = fold([*opened(), start(), column(4), *on_mariadb])
    told = [line.plain for line in chart.lines(state, View(), 80).body]
    assert told.index("  PostgreSQL") < told.index("  MariaDB")
    state.apply(ExperimentStarted(t=9, experiment="row_lock", parameters={}, stepped=False))
    state.apply(column(4, variant="Other"))
    assert not any("Naive" in line.plain for line in chart.lines(state, View(), 80).body)


@pytest.mark.parametrize("width", [80, 116, 200])
def test_every_line_fits(width: int) -> None:
    lines = shown(column(1e9, variant="漢字" * 40), *[stuck(3)] * 999, column(0, variant="e\u0301" * 9), width=width)
    assert {fit(line, width).cell_len for line in lines} == {width}
    assert max(line.cell_len for line in lines) <= width


def test_the_usual_is_the_median_of_the_medians() -> None:
    assert usual([column(9, 1), column(9, 2), column(9, 900), stuck(9)]) == 2
    assert usual([stuck(9)]) == 0
