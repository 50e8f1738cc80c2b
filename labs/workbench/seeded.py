"""The lab's tables as the seed left them, and the way back to that from what a run did to them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Table, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.workbench.place import Place

_SAYS_WHAT_IT_TOUCHES = re.compile(
    r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|MERGE|REPLACE|LOCK|BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|SET|SHOW)\b",
    re.IGNORECASE,
)


class Seeded:
    """The rows of every table, for a run of which a great many are made: only what one has touched is put back."""

    def __init__(self, place: Place, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        self._server = place.server
        self._tables = place.lab.metadata.sorted_tables
        self._rows = rows
        self._touched = cache(self._find_touched)

    @classmethod
    async def take(cls, place: Place, connection: AsyncConnection) -> Seeded:
        """Bring all tables back to the seed, and keep what they then hold."""
        await place.restore(connection)
        rows = {
            table.name: [dict(row) for row in (await connection.execute(table.select())).mappings()]
            for table in place.lab.metadata.sorted_tables
        }
        await connection.rollback()
        return cls(place, rows)

    async def restore(self, connection: AsyncConnection, sent: Collection[str]) -> None:
        """Put back what those statements may have touched; ends the connection's transaction."""
        touched = self._touched(frozenset(sent))
        await self._server.empty(connection, touched)
        for table in touched:
            if rows := self._rows[table.name]:
                await connection.execute(insert(table), rows)
        await connection.commit()

    def _find_touched(self, sent: Collection[str]) -> list[Table]:
        """The tables that are named in the statements, and those that refer to them; all where one may hide a name."""
        if not all(_SAYS_WHAT_IT_TOUCHES.match(sql) for sql in sent):
            return self._tables
        words = {word for sql in sent for word in re.findall(r"\w+", sql)}
        touched: list[Table] = []
        for table in self._tables:  # with those that refer to others last
            refers_to = {key.column.table for key in table.foreign_keys}
            if table.name in words or refers_to & {*touched}:
                touched.append(table)
        return touched
