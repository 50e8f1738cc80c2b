"""The lab's tables as the seed left them, and the way back to that from what a run did to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Table, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.workbench.footprint import touched
from labs.workbench.place import Place

HIDDEN_WRITES = text(
    "SELECT EXISTS (SELECT 1 FROM information_schema.triggers WHERE event_object_schema = :schema) "
    "OR EXISTS (SELECT 1 FROM information_schema.views WHERE table_schema = :schema)"
)
"""Whether a statement on one name may change what goes by another."""


class Seeded:
    """The rows of every table, for a run of which a great many are made: only what one has touched is put back."""

    def __init__(self, place: Place, rows: Mapping[str, Sequence[Mapping[str, Any]]], hidden_writes: bool) -> None:
        self._place = place
        self._tables = place.lab.metadata.sorted_tables
        self._rows = rows
        self._hidden_writes = hidden_writes
        self._touched = cache(self._find_touched)

    @classmethod
    async def take(cls, place: Place, connection: AsyncConnection) -> Seeded:
        """Bring all tables back to the seed, and keep what they then hold."""
        await place.restore(connection)
        rows = {
            table.name: [dict(row) for row in (await connection.execute(table.select())).mappings()]
            for table in place.lab.metadata.sorted_tables
        }
        hidden_writes = bool(await connection.scalar(HIDDEN_WRITES, {"schema": place.schema}))
        await connection.rollback()
        return cls(place, rows, hidden_writes)

    async def restore(self, connection: AsyncConnection, sent: Collection[str]) -> None:
        """Put back what those statements may have touched; ends the connection's transaction."""
        if self._hidden_writes:  # A trigger fires on what is put back as well, as it did on the seed.
            await self._place.restore(connection)
            return
        tables = self._touched(frozenset(sent))
        await self._place.server.empty(connection, tables)
        for table in tables:
            if rows := self._rows[table.name]:
                await connection.execute(insert(table), rows)
        await connection.commit()

    def _find_touched(self, sent: Collection[str]) -> list[Table]:
        """The tables that the statements may change, and those that refer to them."""
        names = frozenset[str]().union(*(touched(sql, self._tables) for sql in sent))
        found: list[Table] = []
        for table in self._tables:  # with those that refer to others last
            refers_to = {key.column.table for key in table.foreign_keys}
            if table.name in names or refers_to & {*found}:
                found.append(table)
        return found
