"""Cells of a survey in tables, one an engine; and the cursor that goes from one cell to the next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from rich.text import Text

from labs.stream.engines import ENGINES
from tui.state import LabState
from tui.survey import Key, Survey
from tui.text import fit
from tui.view import View
from tui.widgets.pane import Content, Spot

GAP = "   "
"""Between tables that stand side by side."""

Lines = tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """The cells of one engine: headings, lines, and where each cell is in these lines."""

    head: Lines
    lines: list[Text]
    spots: list[Spot]

    @property
    def width(self) -> int:
        """In cells."""
        return max(line.cell_len for line in [*self.head, *self.lines])


def engines(keys: Iterable[Key]) -> list[str]:
    """The engines that have cells, in the order in which the labs name them; others after those."""
    found = dict.fromkeys(engine for _, engine, _ in keys)
    return [*(engine for engine in ENGINES if engine in found), *(engine for engine in found if engine not in ENGINES)]


def cursor(survey: Survey[Any], state: LabState, view: View, pane: str) -> Key | None:
    """The cell that the cursor is to be on: the one chosen; else the latest one filled in, afterwards the first."""
    if pane in view.cells:
        return view.cells[pane]
    if state.running and survey.run is state.run:
        return next(reversed(survey.cells), None)
    engine = survey.run.engine if survey.run is not None else ""
    return next((key for key in survey.cells if key[1] == engine), None)


def moved(spots: Sequence[Spot], here: Spot, right: int, down: int) -> Key:
    """The cell next to one; that one where there is none."""
    if right:
        row = sorted((spot for spot in spots if spot.y == here.y), key=lambda spot: spot.x)
        return row[min(max(row.index(here) + right, 0), len(row) - 1)].key
    lines = sorted({spot.y for spot in spots})
    line = lines[min(max(lines.index(here.y) + down, 0), len(lines) - 1)]
    return min((spot for spot in spots if spot.y == line), key=lambda spot: abs(spot.x - here.x)).key


def content(tables: Sequence[Table], key: Key | None, width: int) -> Content:
    """The tables side by side where there is room, else one below the other; the cursor on its cell, or the first."""
    beside = sum(table.width for table in tables) + len(GAP) * (len(tables) - 1) <= width
    whole, heads = (_side_by_side(tables), []) if beside else _stacked(tables)
    spot = next((spot for spot in whole.spots if spot.key == key), whole.spots[0] if whole.spots else None)
    if spot is not None:
        whole.lines[spot.y].stylize("cursor", spot.x, spot.x + spot.width)
    return Content(whole.lines, whole.head, spots=tuple(whole.spots), cursor=spot, heads=tuple(heads))


def footed(shown: Content, foot: Sequence[Text]) -> Content:
    """The same, with a rule and these lines below it."""
    return replace(shown, foot=(Text(), *foot))


def _side_by_side(tables: Sequence[Table]) -> Table:
    gap = Text(GAP)
    widths = [table.width for table in tables]
    left = [sum(widths[:at]) + len(GAP) * at for at in range(len(tables))]

    def joined(columns: Iterable[Sequence[Text]]) -> list[Text]:
        rows = zip_longest(*columns, fillvalue=Text())
        return [gap.join(fit(cell, wide) for cell, wide in zip(row, widths, strict=True)) for row in rows]

    spots = [replace(spot, x=spot.x + x) for table, x in zip(tables, left, strict=True) for spot in table.spots]
    return Table(tuple(joined(table.head for table in tables)), joined(table.lines for table in tables), spots)


def _stacked(tables: Sequence[Table]) -> tuple[Table, list[tuple[int, Lines]]]:
    """Each table beneath its headings, unless all have the same; and from which line on which headings are to stay."""
    high = max(len(table.head) for table in tables)
    heads: list[tuple[int, Lines]] = []
    lines: list[Text] = []
    spots: list[Spot] = []
    for table in tables:
        head = (*[Text()] * (high - len(table.head)), *table.head)
        if heads and _plain(head) != _plain(heads[-1][1]):
            lines += head
        heads.append((len(lines), head))
        spots += [replace(spot, y=spot.y + len(lines)) for spot in table.spots]
        lines += table.lines
    return Table(heads[0][1], lines, spots), heads


def _plain(lines: Lines) -> list[str]:
    return [line.plain for line in lines]
