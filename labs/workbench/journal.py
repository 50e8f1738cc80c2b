"""The workbench's own table in a lab's schema: which experiments ran, and what was there before.

It is what lets a rollback be done, and proved, by another process after a crash.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Column, Integer, MetaData, String, Table, Text, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.workbench.fingerprint import Fingerprint

BUILT = "(built)"
"""The first row's experiment; its definition tells whether the schema is the one that today's code would build."""

TAKEN_OVER = "(taken over)"
"""The only row's experiment while a run has the schema for tables of its own."""

metadata = MetaData()
table = Table(
    "ninelabs_journal",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("experiment", String(64), nullable=False),
    Column("definition", String(64), nullable=False),
    Column("watermark", Integer, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("undone", Integer, nullable=False),
)


class Entry(msgspec.Struct, frozen=True):
    """An experiment that can be undone."""

    id: int
    experiment: str
    watermark: int
    before: Fingerprint


async def begin(
    connection: AsyncConnection, experiment: str, watermark: int, before: Fingerprint, definition: str = ""
) -> None:
    """Write down, ahead of an experiment, what must be there again after its rollback."""
    last = await connection.scalar(select(func.coalesce(func.max(table.c.id), 0)))
    await connection.execute(
        insert(table).values(
            id=(last or 0) + 1,
            experiment=experiment,
            definition=definition,
            watermark=watermark,
            fingerprint=msgspec.json.encode(before).decode(),
            undone=0,
        )
    )


async def definition(connection: AsyncConnection) -> str | None:
    """The definition that the schema was built from; none when it was never built to its end."""
    value: str | None = await connection.scalar(select(table.c.definition).where(table.c.experiment == BUILT))
    return value


async def taken_over(connection: AsyncConnection) -> bool:
    """Whether a run has the schema for tables of its own, or had it when it was broken off."""
    return bool(await connection.scalar(select(func.count()).where(table.c.experiment == TAKEN_OVER)))


async def latest(connection: AsyncConnection) -> Entry | None:
    """The latest experiment that has not been undone."""
    row = (
        await connection.execute(
            select(table.c.id, table.c.experiment, table.c.watermark, table.c.fingerprint)
            .where(table.c.undone == 0, table.c.experiment != BUILT)
            .order_by(table.c.id.desc())
            .limit(1)
        )
    ).first()
    if row is None:
        return None
    return Entry(row.id, row.experiment, row.watermark, msgspec.json.decode(row.fingerprint, type=Fingerprint))


async def undone(connection: AsyncConnection, entry: Entry) -> None:
    """Mark an experiment as undone."""
    await connection.execute(update(table).where(table.c.id == entry.id).values(undone=1))
