"""Measured figures on the screen: bars of one scale, with number, spread and the sign for no difference."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from labs.stream.events import AnyEvent, ExperimentEnded, ExperimentStarted, LabOpened, Measured, ProgressAdvanced
from labs.stream.figures import alike, number, spread
from tests.tui.streams import fold, opened
from tui.state import LabState
from tui.view import View
from tui.widgets import chart

VIEW = View(experiment="double_spend")
PROGRESS = ProgressAdvanced(task="Under load", done=7.5, total=30, unit="rounds", rate=2.5, eta_s=9.0)


def rate(variant: str, value: float, low: float, high: float, metric: str = "Throughput") -> Measured:
    return Measured(metric=metric, variant=variant, value=value, unit="payments/s", samples=100, low=low, high=high)


def run(*events: AnyEvent, seconds: str = "1") -> list[AnyEvent]:
    return [
        ExperimentStarted(t=2, experiment="double_spend", parameters={"seconds": seconds}, stepped=False),
        *events,
        ExperimentEnded(t=3, experiment="double_spend", outcome="passed", seconds=1),
    ]


def on_mariadb() -> LabOpened:
    (lab,) = (event for event in opened() if isinstance(event, LabOpened))
    return LabOpened(**{name: getattr(lab, name) for name in lab.__struct_fields__} | {"engine": "mariadb"})


def text_of(state: LabState, width: int = 80) -> str:
    content = chart.lines(state, VIEW, width)
    return "\n".join(line.plain for line in [*content.head, *content.body])


RATES = (rate("Double spend", 200, 95, 220), rate("Row lock", 100, 90, 205), rate("Version", 50, 40, 60))


def test_a_bar_is_as_long_as_its_figure_and_figures_in_each_others_spread_are_no_difference() -> None:
    lines = text_of(fold([*opened(), *run(*RATES)])).splitlines()
    assert lines[0].split() == ["Throughput", "payments/s"]
    bars = [line.count("█") for line in lines[1:4]]
    assert bars[0] == pytest.approx(2 * bars[1], abs=1) and bars[0] == pytest.approx(4 * bars[2], abs=2)
    assert ["≈" in line for line in lines[1:4]] == [False, True, False]
    assert lines[2].split()[-2:] == ["100", "90–205"]
    assert "no difference from Double spend" in lines[4]


def test_a_later_figure_takes_the_place_of_an_earlier_one() -> None:
    state = fold([*opened(), *run(*RATES, rate("Version", 75, 70, 80))])
    assert "70–80" in text_of(state) and "40–60" not in text_of(state)
    assert text_of(state).count("Version") == 1


def test_both_engines_stand_side_by_side_until_the_parameters_change() -> None:
    events = [*opened(), *run(*RATES), on_mariadb(), *run(rate("Double spend", 400, 390, 410))]
    lines = text_of(fold(events)).splitlines()
    at = {line.strip(): number for number, line in enumerate(lines)}
    assert at["PostgreSQL"] < at["MariaDB"]
    postgres, mariadb = (line for line in lines if "Double spend " in line and "█" in line)
    assert mariadb.count("█") == pytest.approx(2 * postgres.count("█"), abs=1)
    other = fold([*events, *run(rate("Double spend", 7, 6, 8), seconds="2")])
    assert "PostgreSQL" not in text_of(other) and "400" not in text_of(other)


def test_progress_is_told_while_the_run_goes_on_and_what_was_measured_before_is_gone() -> None:
    state = fold([*opened(), *run(*RATES), *run(PROGRESS)[:-1]])
    told = text_of(state)
    assert "7 of 30 rounds · 9.0s left" in told and "2.5 rounds/s on average" in told
    assert told.count("▰") == round(told.count("▱") / 3) > 0
    assert "Throughput" not in told
    assert state.run is not None
    state.run.dials = {"paused": True}
    assert "7 of 30 rounds · paused" in text_of(state)
    state.apply(ExperimentEnded(t=4, experiment="double_spend", outcome="cancelled", seconds=1))
    assert text_of(state) == ""


def advanced(t: float, done: float, task: str = "Under load") -> ProgressAdvanced:
    return ProgressAdvanced(t=t, task=task, done=done, total=30, unit="rounds", rate=done / t)


def test_the_sparkline_is_of_the_rate_from_word_to_word_and_not_of_the_average() -> None:
    load = [advanced(3, 0), advanced(4, 8), advanced(5, 12), advanced(5, 12), advanced(6, 12), advanced(8, 20)]
    lines = text_of(fold([*opened(), *run(*load)[:-1]])).splitlines()
    assert [glyph for glyph in lines[1] if glyph in "▁▂▃▄▅▆▇█"] == ["█", "▄", "▁", "▄"]
    assert "2.5 rounds/s on average" in lines[1] and "20 of 30 rounds" in lines[0]
    other = text_of(fold([*opened(), *run(*load), *run(advanced(9, 1), advanced(10, 2))[:-1]])).splitlines()
    assert [glyph for glyph in other[1] if glyph in "▁▂▃▄▅▆▇█"] == ["█"]


@pytest.mark.parametrize("width", [80, 120, 200])
def test_how_to_cancel_is_shown_where_there_is_something_to_cancel(width: int) -> None:
    state = fold([*opened(), *run(PROGRESS)[:-1]])
    live, replayed = (chart.lines(state, View(live=live), width).head for live in (True, False))
    assert live[1].plain.endswith("c cancels ") and live[1].cell_len == width
    assert "cancel" not in replayed[1].plain


@pytest.mark.parametrize("width", [80, 120, 200])
def test_no_line_is_wider_than_the_pane_and_nothing_is_obeyed(width: int) -> None:
    hostile = rate("\x1b[31m" + "漢字" * 30, 1e12, -1, 1e12, metric="m\x1b]0;x\x07")
    state = fold([*opened(), *run(*RATES, hostile, PROGRESS)[:-1]])
    told = text_of(state, width)
    assert "\x1b" not in told and "\x07" not in told
    assert max(map(cell_len, told.splitlines())) <= width


def test_figures_are_written_to_be_compared() -> None:
    assert [number(value) for value in (0, 0.25, 9.94, 10.4, 5376.3)] == ["0", "0.2", "9.9", "10", "5,376"]
    assert spread(rate("one", 1, 1, 1)) == "" and spread(rate("one", 15, 9.5, 1200)) == "9.5–1,200"
    assert alike(rate("a", 1, 0, 3), rate("b", 3, 1, 4)) and not alike(rate("a", 1, 0, 2), rate("b", 3, 0, 4))
    assert not alike(Measured(metric="m", variant="v", value=1, unit=""), rate("b", 1, 0, 2))
