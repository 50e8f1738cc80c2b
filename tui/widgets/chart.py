"""What a run measured: how far it has come, latency strips, and bars, a group a metric, a line a variant."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from labs.stream.events import Measured
from labs.stream.figures import alike, grouped, number, spread
from tui.actions import keys_of
from tui.state import LabState
from tui.text import engine_name, fit, seconds, styled, value, wrap
from tui.text import spread as side_by_side
from tui.view import View
from tui.widgets import grid, strip
from tui.widgets.pane import Content

ALIKE = "≈"
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LONGEST_NAME = 26
_LONGEST_UNIT = 12
_LONGEST_PROGRESS = 24
_GAP = "  "


def lines(state: LabState, view: View, width: int) -> Content:
    """The bars of a group have one scale, over all engines that have been measured."""
    cells = state.measured.figures.cells
    engines = grid.engines(cells)
    shown = [(engine, figure) for engine in engines for (_, of, _), figure in cells.items() if of == engine]
    name_cells = min(max((cell_len(_name(figure.variant)) for _, figure in shown), default=0), _LONGEST_NAME)
    number_cells = max((len(number(figure.value)) for _, figure in shown), default=0)
    spread_cells = max((len(spread(figure)) for _, figure in shown), default=0)
    bar_cells = max(width - name_cells - number_cells - spread_cells - 4 * len(_GAP) - 1, 4)
    body: list[Text] = []
    any_alike = False
    for (metric, unit), group in grouped(figure for _, figure in shown).items():
        body.append(styled((f" {_name(metric)}", "title"), (f"{_GAP}{_name(unit)}", "dim")))
        most = max(figure.value for figure in group)
        for engine in engines:
            of_engine = [figure for of, figure in shown if of == engine and figure in group]
            if len(engines) > 1 and of_engine:
                body.append(Text(f"  {engine_name(engine)}", "dim"))
            for figure in of_engine:
                same = figure is not of_engine[0] and alike(figure, of_engine[0])
                any_alike = any_alike or same
                body.append(
                    Text("  ")
                    .append_text(fit(Text(_name(figure.variant)), name_cells))
                    .append(_GAP)
                    .append(_bar(figure.value / most if most > 0 else 0, bar_cells), "dim" if same else "ok")
                    .append(f" {ALIKE if same else ' '} ", "dim")
                    .append(number(figure.value).rjust(number_cells), "title")
                    .append(f"{_GAP}{spread(figure)}", "dim")
                )
    strips = strip.lines(state.measured.latencies.cells, width)
    legend = _legend([figure for _, figure in shown], width) if any_alike else []
    return Content([*strips, *body, *legend], _progress(state, view, width))


def _legend(figures: Sequence[Measured], width: int) -> list[Text]:
    """What the sign says, in words."""
    first = _name(figures[0].variant)
    told = f"{ALIKE} no difference from {first}: each lies in the other's spread, lowest to highest round."
    return [styled((f" {line}", "dim")) for line in wrap(told, width - 2)]


def _progress(state: LabState, view: View, width: int) -> tuple[Text, ...]:
    """How far, and until when; below it how fast, and how to end it."""
    measured = state.measured
    progress = measured.progress
    if progress is None or progress.done >= progress.total:  # What comes next is something else.
        return ()
    unit = value(progress.unit, _LONGEST_UNIT)
    share = min(progress.done / progress.total, 1) if progress.total else 0.0
    told = f"{int(progress.done):,} of {progress.total:,.0f} {unit}".rstrip()
    if state.run is not None and state.run.paused:
        told += " · paused"
    elif progress.eta_s is not None:
        told += f" · {seconds(progress.eta_s)} left"
    task = f" {_name(progress.task)}{_GAP}"
    wide = max(min(width - cell_len(task + _GAP + told) - 1, _LONGEST_PROGRESS), 0)
    full = round(share * wide)
    how_far = styled((task, "title"), ("▰" * full, "ok"), ("▱" * (wide - full), "rule"), _GAP + told)
    how_fast = Text(" " * cell_len(task))
    how_fast.append(_sparkline(measured.rates[progress.task].recent, wide), "ok")
    if progress.rate is not None:
        how_fast.append(f"{_GAP}{number(progress.rate)} {unit}/s on average")
    how_to_end = styled((f"{keys_of('cancel')} ", "key"), "cancels ") if view.live else Text()
    return (how_far, side_by_side(how_fast, how_to_end, width))


def _sparkline(rates: Sequence[float], width: int) -> str:
    """The latest of them, up to the fastest; nothing where there are none."""
    shown = list(rates)[-width:] if width else []
    most = max(shown, default=0) or 1
    return "".join(strip.HEIGHTS[int(rate / most * (len(strip.HEIGHTS) - 1))] for rate in shown).rjust(width)


def _name(text: str) -> str:
    return value(text, _LONGEST_NAME)


def _bar(share: float, width: int) -> str:
    """So much of the width, to an eighth of a cell; what is not nothing can be seen."""
    eighths = max(round(share * width * 8), 1 if share > 0 else 0)
    full, rest = divmod(eighths, 8)
    return ("█" * full + _EIGHTHS[rest] * (rest > 0)).ljust(width)
