"""Variants and isolation levels, each run in every order: what broke, what it cost, the shortest order to see it."""

from __future__ import annotations

from itertools import groupby

from rich.text import Text

from labs.stream.events import OrdersExplored
from tui.state import LabState
from tui.text import clean, styled
from tui.view import View
from tui.widgets.pane import Content

HEADINGS = ("level", "orders", "broken", "waits", "refused", "ms", "shortest")


def lines(state: LabState, view: View, width: int) -> Content:
    """A group of lines a variant, a line a level."""
    rows = [_row(cell) for cell in state.matrix]
    widths = [max(map(len, column)) for column in zip(HEADINGS, *rows, strict=True)]
    body: list[Text] = []
    for (engine, variant), cells in groupby(
        zip(state.matrix, rows, strict=True), key=lambda cell: (cell[0].engine, cell[0].variant)
    ):
        body.append(styled((f" {clean(variant)}", "title"), (f"  {clean(engine)}", "dim")))
        for cell, row in cells:
            body.append(styled("   ", (_joined(row, widths), "error" if cell.violations else "")))
    return Content(body, (styled(("   " + _joined(HEADINGS, widths), "dim")),))


def _row(cell: OrdersExplored) -> tuple[str, ...]:
    refused = ", ".join(f"{count}× {clean(code)}" for code, count in sorted(cell.refusals.items()))
    return (
        clean(cell.isolation),
        f"{cell.orders}{' drawn' if cell.sampled else ''}",
        f"✗ {cell.violations}" if cell.violations else "✓ none",
        str(cell.waits),
        refused or "none",
        f"{cell.milliseconds:.0f}",
        "–" if cell.failing is None else clean(cell.failing) or "serial",
    )


def _joined(row: tuple[str, ...], widths: list[int]) -> str:
    return "  ".join(
        text.ljust(width) if at in (0, 2, 6) else text.rjust(width)
        for at, (text, width) in enumerate(zip(row, widths, strict=True))
    )
