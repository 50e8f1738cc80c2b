"""Variants, isolation levels and engines, each run in every order: what broke, what it cost, the shortest order."""

from __future__ import annotations

from itertools import groupby

from rich.cells import cell_len
from rich.text import Text

from labs.stream.events import OrdersExplored
from tui.actions import keys_of
from tui.plan import ORDERS
from tui.state import LabState
from tui.survey import Key
from tui.text import clean, cut, engine_name, plural, styled, wrap
from tui.view import View
from tui.widgets import grid
from tui.widgets.pane import Content, Spot

HEADINGS = ("level", "broken", "waits", "retries", "ms", "refused", "shortest")
_LEFT = (0, 1, 5, 6)
"""The columns that hold words; the others hold numbers."""
_ELASTIC = (6, 5)
"""The columns that are cut where there is too little room, the first one first."""
_LEAST_CELLS = 8
_INDENT = "  "
_GAP = "  "

Cells = list[tuple[Key, OrdersExplored]]


def lines(state: LabState, view: View, width: int) -> Content:
    """A table an engine, a group of lines a variant, a line a level; below them what the chosen cell is about."""
    cells = state.orders.cells
    if not cells:
        return Content([styled((" No order has been explored yet.", "dim"))])
    rows = {key: _row(cell) for key, cell in cells.items()}
    widths = _widths(list(rows.values()), width)
    head = Text(_INDENT + _joined(HEADINGS, widths), "dim")
    tables = [
        _table([(key, cell) for key, cell in cells.items() if key[1] == engine], rows, widths, head)
        for engine in grid.engines(cells)
    ]
    shown = grid.content(tables, grid.cursor(state.orders, state, view, ORDERS), width)
    return grid.footed(shown, _told(cells[shown.cursor.key], width) if shown.cursor else [])


def _table(cells: Cells, rows: dict[Key, tuple[str, ...]], widths: list[int], head: Text) -> grid.Table:
    body: list[Text] = []
    spots: list[Spot] = []
    for variant, group in groupby(cells, key=lambda entry: entry[1].variant):
        body.append(styled((f" {clean(variant)}", "title"), (f"  {engine_name(cells[0][1].engine)}", "dim")))
        for key, cell in group:
            spots.append(Spot(key, 1, len(body), head.cell_len - 1))
            body.append(styled(_INDENT, (_joined(rows[key], widths), "error" if cell.violations else "")))
    return grid.Table((head,), body, spots)


def _row(cell: OrdersExplored) -> tuple[str, ...]:
    refused = ", ".join(f"{count}× {clean(code)}" for code, count in sorted(cell.refusals.items()))
    return (
        clean(cell.isolation).replace(" read, ", ", "),
        f"{'✗' if cell.violations else '✓'} {cell.violations}/{cell.orders}",
        str(cell.waits),
        str(cell.retries),
        f"{cell.milliseconds:.0f}",
        refused or "none",
        "–" if cell.failing is None else _order(cell.failing),
    )


def _told(cell: OrdersExplored, width: int) -> list[Text]:
    """The chosen cell in words, and how it is opened."""
    drawn = f", the first of them in turn, the rest drawn by lot from seed {cell.seed}" if cell.sampled else ""
    told = f"{clean(cell.variant)} at {clean(cell.isolation)}, on {engine_name(cell.engine)}: "
    told += f"{plural(cell.orders, 'order')} run{drawn}. "
    told += f"Turns left out: {cell.pruned} as equivalent, {cell.blocked} because the session waited."
    if cell.raced:
        told += f" {plural(cell.raced, 'order')} undecided: sessions raced on the server, each time anew."
    for claim, count in cell.broken.items():
        told += f" {clean(claim)}: not in {count}."
    key = (
        f"opens its shortest failing order, {_order(cell.failing)}; after these turns A runs to its end, then B"
        if cell.failing is not None
        else "opens it in its usual order: no order breaks a claim"
    )
    opens = keys_of("step_lane")
    return [Text(f" {line}") for line in wrap(told, width - 2)] + [
        styled(" ", (opens, "key"), f" {line}") if number == 0 else Text(f" {line}")
        for number, line in enumerate(wrap(key, width - 3 - cell_len(opens)))
    ]


def _order(failing: str) -> str:
    return clean(failing) or "serial"


def _widths(rows: list[tuple[str, ...]], width: int) -> list[int]:
    widths = [max(map(cell_len, column)) for column in zip(HEADINGS, *rows, strict=True)]
    for column in _ELASTIC:
        excess = len(_INDENT) + sum(widths) + len(_GAP) * (len(widths) - 1) - width
        widths[column] = max(widths[column] - max(excess, 0), min(widths[column], _LEAST_CELLS))
    return widths


def _joined(row: tuple[str, ...], widths: list[int]) -> str:
    return _GAP.join(
        cut(text, width).ljust(width) if at in _LEFT else text.rjust(width)
        for at, (text, width) in enumerate(zip(row, widths, strict=True))
    )
