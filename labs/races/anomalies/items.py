"""The items: what a transaction can do with them, a statement a method, and how they are put back."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from labs.races.anomalies.adya import Condition, History
from labs.races.anomalies.models import Item
from labs.workbench.lab import Rows

AT_FIRST = {"x": 10, "y": 20}


class Items:
    """The items in one transaction. What it is told, and what it writes, it enters into the history."""

    def __init__(self, session: AsyncSession, transaction: str, history: History) -> None:
        self._session = session
        self._transaction = transaction
        self._history = history

    async def read(self, name: str) -> int | None:
        """The value of an item; none when there is no such item."""
        value = await self._session.scalar(select(Item.value).where(Item.name == name))
        self._history.read(self._transaction, name, value)
        return value

    async def find(self, condition: Condition) -> None:
        """The items whose values meet a condition."""
        found = await self._session.execute(select(Item.name, Item.value).where(condition.test(Item.value)))
        self._history.found(self._transaction, condition, {row.name: row.value for row in found})

    async def write(self, name: str, value: int) -> None:
        """Give an item another value."""
        await self._session.execute(update(Item).where(Item.name == name).values(value=value))
        self._history.wrote(self._transaction, name, value)

    async def add(self, name: str, value: int) -> None:
        """A further item."""
        await self._session.execute(insert(Item).values(name=name, value=value))
        self._history.wrote(self._transaction, name, value)

    async def delete(self, condition: Condition) -> None:
        """Delete the items whose values meet a condition."""
        deleted = await self._session.execute(
            delete(Item).where(condition.test(Item.value)).returning(Item.name, Item.value)
        )
        rows = {row.name: row.value for row in deleted}
        self._history.found(self._transaction, condition, rows)
        for name in rows:
            self._history.wrote(self._transaction, name, None)


async def lay_out(connection: AsyncConnection) -> None:
    """The items as they are at first."""
    await connection.execute(insert(Item), [{"name": name, "value": value} for name, value in AT_FIRST.items()])


def state() -> dict[str, Rows]:
    """What the items amount to: each as it is."""
    return {Item.__tablename__: select(Item.name, Item.value)}


async def put_back(connection: AsyncConnection) -> Sequence[str]:
    """Make the items what they are at first; one sentence if anything had to be done."""
    if {row.name: row.value for row in await connection.execute(select(Item.name, Item.value))} == AT_FIRST:
        return ()
    await connection.execute(delete(Item))
    await lay_out(connection)
    return (f"Items set back to {', '.join(f'{name} = {value}' for name, value in AT_FIRST.items())}.",)
