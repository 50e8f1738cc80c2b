"""The tables as committed, live: changed rows marked, and what must always hold."""

from __future__ import annotations

from functools import lru_cache
from itertools import zip_longest

from rich.cells import cell_len
from rich.text import Text

from labs.stream.events import COUNTED_ROWS, InvariantSampled, TableSampled
from tui.state import LabState
from tui.text import clean, fit, plural, spaced, styled, value, wrap
from tui.view import View
from tui.widgets.pane import Content

WIDEST_COLUMN_CELLS = 32
NARROWEST_CLAIM_CELLS = 32
"""With less room beside the first table, what must hold stands above it."""
_GAP = "    "
DRAWN = 32
"""So many drawn tables are kept."""

Block = tuple[Text, ...]
"""Lines that stand side by side with others."""


def rows_of(table: TableSampled) -> str:
    """How many rows a table has; where that is the server's estimate, it is said."""
    told = plural(table.row_count, "row")
    return f"about {told}" if table.row_count > COUNTED_ROWS else told


def lines(state: LabState, view: View, width: int) -> Content:
    """The tables, side by side where there is room; beside the first one, or else above it, what must hold."""
    spec = view.spec(state)
    if spec is not None and spec.tables == ():
        return Content([styled((" This experiment has tables of its own, which are gone when it ends.", "dim"))])
    named, kept = (spec.tables, spec.claims) if spec is not None else (None, ())
    blocks = [_table(sample, width - 1) for name, sample in state.tables.items() if named is None or name in named]
    samples = [sample for claim, sample in state.invariants.items() if named is None or claim in kept]
    beside = width - 1 - len(_GAP) - (_width(blocks[0]) if blocks else width)
    body: list[Text] = []
    if samples and beside >= NARROWEST_CLAIM_CELLS:
        claims = [line for sample in samples for line in invariant_lines(sample, beside)]
        widest = max(line.cell_len for line in claims)
        blocks.insert(1, tuple(fit(line, widest) for line in claims))
    else:
        body += [line for sample in samples for line in invariant_lines(sample, width)]
    shelf: list[Block] = []
    for block in blocks:
        if shelf and sum(_width(other) + len(_GAP) for other in shelf) + _width(block) > width - 1:
            body.extend(_side_by_side(shelf))
            shelf = []
        shelf.append(block)
    if shelf:
        body.extend(_side_by_side(shelf))
    return Content(body or [styled((" No table has been sampled yet.", "dim"))])


def invariant_lines(sample: InvariantSampled, width: int) -> list[Text]:
    """A claim about the data as it is now; with its numbers where they fit, or where it is broken."""
    mark = styled(("✓ ", "ok")) if sample.holds else styled(("! BROKEN ", "verdict.bad"), " ")
    claim, *more = wrap(clean(sample.claim), max(width - mark.cell_len, 10))
    block = [mark.append(claim), *(Text("  " + line) for line in more)]
    numbers = " · ".join(f"{spaced(label)} {value(number, 40)}" for label, number in sample.evidence.items())
    if block[-1].cell_len + 2 + cell_len(numbers) <= width:
        block[-1].append(f"  {numbers}", "dim")
    elif not sample.holds:
        block += [styled(("  " + line, "dim")) for line in wrap(numbers, width - 2)]
    return block


@lru_cache(maxsize=DRAWN)
def _table(sample: TableSampled, width: int) -> Block:
    """A table's lines, all of one width. A sample does not change, and is drawn many times until there is another."""
    columns = [clean(name) for name in sample.columns]
    rows = [[value(cell, WIDEST_COLUMN_CELLS) for cell in record] for record in sample.rows]
    widths = [
        min(max([cell_len(name), *(cell_len(record[i]) for record in rows if i < len(record))]), WIDEST_COLUMN_CELLS)
        for i, name in enumerate(columns)
    ]
    numeric = [
        all(isinstance(record[i], int | float | None) for record in sample.rows if i < len(record))
        for i in range(len(columns))
    ]
    keys = [sample.columns.index(name) for name in sample.key if name in sample.columns]
    changed = {tuple(key) for key in sample.changed}
    block = [styled((clean(sample.table), "title"), (f"  {rows_of(sample)}", "dim"))]
    if sample.problem:
        block.append(styled((f"! as last seen: {value(sample.problem, 60)}", "wait")))
    block.append(_record(columns, widths, numeric, "dim", " "))
    for record, shown in zip(sample.rows, rows, strict=True):
        touched = bool(keys) and tuple(record[i] for i in keys if i < len(record)) in changed
        block.append(_record(shown, widths, numeric, "changed" if touched else "", "*" if touched else " "))
    if sample.row_count > len(rows):
        block.append(styled((f"  … {plural(sample.row_count - len(rows), 'row')} more", "dim")))
    widest = min(max(line.cell_len for line in block), width)
    return tuple(fit(line, widest) for line in block)


def _record(cells: list[str], widths: list[int], numeric: list[bool], role: str, mark: str) -> Text:
    line = styled((mark, "changed"))
    for cell, width, right in zip(cells, widths, numeric, strict=False):
        space = " " * (width - cell_len(cell))
        line.append(" " + (space + cell if right else cell + space) + " ", role)
    return line


def _width(block: Block) -> int:
    return block[0].cell_len


def _side_by_side(blocks: list[Block]) -> list[Text]:
    if len(blocks) == 1:
        return [Text(" ").append_text(line) for line in blocks[0]]
    result = []
    for cells in zip_longest(*blocks):
        columns = [fit(cell or Text(), _width(block)) for block, cell in zip(blocks, cells, strict=True)]
        result.append(Text(" ").append_text(Text(_GAP).join(columns)))
    return result
