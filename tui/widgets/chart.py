"""Measured figures as bars: a group a metric, a line a variant; above them how far the run has come."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from labs.stream.events import Measured, ProgressAdvanced
from labs.stream.figures import alike, grouped, number, spread
from tui.state import LabState
from tui.text import clean, engine_name, fit, seconds, styled, wrap
from tui.view import View
from tui.widgets import grid
from tui.widgets.pane import Content

ALIKE = "≈"
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LONGEST_NAME = 26
_LONGEST_PROGRESS = 24
_GAP = "  "


def lines(state: LabState, view: View, width: int) -> Content:
    """The bars of a group have one scale, over all engines that have been measured."""
    cells = state.figures.cells
    engines = grid.engines(cells)
    shown = [(engine, figure) for engine in engines for (_, of, _), figure in cells.items() if of == engine]
    name_cells = min(max((cell_len(clean(figure.variant)) for _, figure in shown), default=0), _LONGEST_NAME)
    number_cells = max((len(number(figure.value)) for _, figure in shown), default=0)
    spread_cells = max((len(spread(figure)) for _, figure in shown), default=0)
    bar_cells = max(width - name_cells - number_cells - spread_cells - 4 * len(_GAP) - 1, 4)
    body: list[Text] = []
    for (metric, unit), group in grouped(figure for _, figure in shown).items():
        body.append(styled((f" {clean(metric)}", "title"), (f"{_GAP}{clean(unit)}", "dim")))
        most = max(figure.value for figure in group)
        for engine in engines:
            of_engine = [figure for of, figure in shown if of == engine and figure in group]
            if len(engines) > 1 and of_engine:
                body.append(Text(f"  {engine_name(engine)}", "dim"))
            for figure in of_engine:
                same = figure is not of_engine[0] and alike(figure, of_engine[0])
                body.append(
                    Text("  ")
                    .append_text(fit(Text(clean(figure.variant)), name_cells))
                    .append(_GAP)
                    .append(_bar(figure.value / most if most > 0 else 0, bar_cells), "dim" if same else "ok")
                    .append(f" {ALIKE if same else ' '} ", "dim")
                    .append(number(figure.value).rjust(number_cells), "title")
                    .append(f"{_GAP}{spread(figure)}", "dim")
                )
    return Content(body + _legend([figure for _, figure in shown], width), _progress(state.progress, width))


def _legend(figures: Sequence[Measured], width: int) -> list[Text]:
    """What the sign says, in words."""
    if not figures:
        return []
    first = clean(figures[0].variant)
    told = f"{ALIKE} no difference from {first}: each lies in the other's spread, lowest to highest round."
    return [styled((f" {line}", "dim")) for line in wrap(told, width - 2)]


def _progress(progress: ProgressAdvanced | None, width: int) -> tuple[Text, ...]:
    if progress is None:
        return ()
    share = min(progress.done / progress.total, 1) if progress.total else 0.0
    told = f"{int(progress.done)} of {number(progress.total)} {clean(progress.unit)}".rstrip()
    if progress.rate:
        told += f" · {number(progress.rate)} {clean(progress.unit)}/s"
    if progress.eta_s is not None:
        told += f" · {seconds(progress.eta_s)} left"
    task = f" {clean(progress.task)}{_GAP}"
    wide = max(min(width - cell_len(task + _GAP + told) - 1, _LONGEST_PROGRESS), 0)
    full = round(share * wide)
    return (
        styled(
            (task, "title"),
            ("▰" * full, "ok"),
            ("▱" * (wide - full), "rule"),
            _GAP + told,
        ),
    )


def _bar(share: float, width: int) -> str:
    """So much of the width, to an eighth of a cell; what is not nothing can be seen."""
    eighths = max(round(share * width * 8), 1 if share > 0 else 0)
    full, rest = divmod(eighths, 8)
    return ("█" * full + _EIGHTHS[rest] * (rest > 0)).ljust(width)
