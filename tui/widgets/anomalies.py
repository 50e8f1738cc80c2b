"""The catalogue of anomalies: which of them occurs at which isolation level of which engine, and by what circle."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from labs.stream.cycles import drawn
from labs.stream.events import AnomalyMeasured
from tui.actions import keys_of
from tui.plan import ANOMALIES
from tui.state import LabState
from tui.survey import Key
from tui.text import clean, cut, engine_name, styled, wrap
from tui.view import View
from tui.widgets import grid
from tui.widgets.pane import Content, Spot

_GAP = "  "
_NARROWEST_NAME = 16
_LEVEL_CELLS = 12
"""A level's name is broken into lines of so many cells, where there is room for them."""

Cells = dict[str, AnomalyMeasured]


def lines(state: LabState, view: View, width: int) -> Content:
    """A table an engine, a line an anomaly, a column a level; below them the chosen cell, its circle drawn."""
    cells = state.anomalies.cells
    if not cells:
        return Content([styled((" No anomaly has been measured yet.", "dim"))])
    of_engines = [{key: cell for key, cell in cells.items() if key[1] == engine} for engine in grid.engines(cells)]
    tables = [_table(of_engine, width, spelled=True) for of_engine in of_engines]
    if any(table.width > width for table in tables):
        tables = [_table(of_engine, width, spelled=False) for of_engine in of_engines]
    shown = grid.content(tables, grid.cursor(state.anomalies, state, view, ANOMALIES), width)
    return grid.footed(shown, _told(cells[shown.cursor.key], width) if shown.cursor else [])


def _table(cells: dict[Key, AnomalyMeasured], width: int, *, spelled: bool) -> grid.Table:
    """The cells of one engine; levels by their initials unless they are to be spelled."""
    (engine,) = {key[1] for key in cells}
    names = {key[0]: f"{clean(cell.code)} {clean(cell.anomaly)}".lstrip() for key, cell in cells.items()}
    columns = [
        _column([(key[0], cell) for key, cell in cells.items() if key[2] == level], level, spelled=spelled)
        for level in dict.fromkeys(key[2] for key in cells)
    ]
    high = max(len(column.head) for column in columns)
    taken = sum(column.width + len(_GAP) for column in columns)
    label = max(map(cell_len, [engine_name(engine), *names.values()]))
    label = min(label, max(width - 1 - taken, _NARROWEST_NAME))
    head = []
    for line in range(high):
        left = styled((f" {engine_name(engine) if line == high - 1 else '':<{label}}", "title"))
        for column in columns:
            padded = [""] * (high - len(column.head)) + column.head
            left.append(_GAP + padded[line].ljust(column.width), "dim")
        head.append(left)
    body: list[Text] = []
    spots: list[Spot] = []
    for anomaly, name in names.items():
        row = Text(f" {cut(name, label):<{label}}")
        for column in columns:
            row.append(_GAP)
            cell = column.cells.get(anomaly)
            if cell is not None:
                spots.append(Spot((anomaly, engine, column.level), row.cell_len, len(body), column.width))
            row.append((_word(cell) if cell else "").ljust(column.width), "error" if cell and cell.occurred else "ok")
        body.append(row)
    return grid.Table(tuple(head), body, spots)


@dataclass(frozen=True, slots=True)
class Column:
    """One level: its name in lines, and its cells by anomaly."""

    level: str
    head: list[str]
    cells: Cells
    width: int


def _column(found: list[tuple[str, AnomalyMeasured]], level: str, *, spelled: bool) -> Column:
    head = wrap(clean(level), _LEVEL_CELLS) if spelled else [initials(clean(level))]
    return Column(level, head, dict(found), max(map(cell_len, [*head, *(_word(cell) for _, cell in found)])))


def initials(level: str) -> str:
    """A level as the field abbreviates it: ``RC``; the setting of snapshots after it."""
    name, _, snapshot = level.partition(", ")
    words = name.split()
    short = "".join(word[0] for word in words).upper() if len(words) > 1 else name[:3].upper()
    return f"{short} {snapshot.rpartition(' ')[2]}".rstrip()


def _word(cell: AnomalyMeasured) -> str:
    """What came of a cell, as short as it can be told."""
    if cell.occurred:
        return "✗ occurs"
    return f"✓ {clean(cell.prevented_by).removeprefix('a ') or 'unseen'}"


def _told(cell: AnomalyMeasured, width: int) -> list[Text]:
    """The chosen cell in words, its circle, and how it is opened."""
    code = f" ({clean(cell.code)})" if cell.code else ""
    told = f"{clean(cell.anomaly)}{code} at {clean(cell.isolation)}, on {engine_name(cell.engine)}: "
    if cell.occurred:
        told += "occurs"
    elif cell.prevented_by.strip():
        told += f"prevented by {clean(cell.prevented_by)}"
    else:
        told += "does not occur: the reads see nothing wrong"
    circle = wrap(clean(drawn(cell.cycle)), width - 4)
    return [
        *(Text(f" {line}") for line in wrap(told, width - 2)),
        *(styled((f"   {line}", "title")) for line in circle if line),
        styled(" ", (keys_of("step_lane"), "key"), " shows it in the lanes"),
    ]
