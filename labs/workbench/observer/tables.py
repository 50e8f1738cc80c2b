"""A lab's tables as committed, row by row, with the keys of those that changed since the last look."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.stream.events import COUNTED_ROWS, TableSampled
from labs.stream.specs import Cell
from labs.workbench.engines.engine import Engine

ROW_LIMIT = 100
"""Rows of one sample; a table pane shows no more."""

CELL_LIMIT = 4096
"""Characters of one cell that travel; a pane shows far fewer."""


async def sample(
    server: Engine, connection: AsyncConnection, table: Table, previous: TableSampled | None
) -> TableSampled | None:
    """Look at a table; none when it looks as it did."""
    key = tuple(table.primary_key.columns)
    found = await connection.execute(select(table).order_by(*key).limit(ROW_LIMIT))
    columns = tuple(found.keys())
    whole = [tuple(map(_cell, row)) for row in found]
    rows = tuple(tuple(cell[:CELL_LIMIT] if isinstance(cell, str) else cell for cell in row) for row in whole)
    count = len(rows)
    if count == ROW_LIMIT:
        some = select(literal(1)).select_from(table).limit(COUNTED_ROWS).subquery()
        count = await connection.scalar(select(func.count()).select_from(some)) or 0
    if count == COUNTED_ROWS:
        count = max(count, await server.estimated_rows(connection, table))
    if previous is not None and (previous.rows, previous.row_count, previous.problem) == (rows, count, ""):
        return None
    key_names = tuple(column.name for column in key)
    places = [columns.index(name) for name in key_names]
    before = set(previous.rows) if previous is not None else set(rows)
    return TableSampled(
        table=table.name,
        columns=columns,
        key=key_names,
        rows=rows,
        row_count=count,
        cut=any(isinstance(cell, str) and len(cell) > CELL_LIMIT for row in whole for cell in row),
        changed=tuple(tuple(row[place] for place in places) for row in rows if row not in before),
    )


def _cell(value: Any) -> Cell:
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)
