"""Strategies that are wrong, each in one row, to be loaded by name in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from labs.scale.customers import Customers
from labs.scale.models import Customer

Rows = list[dict[str, Any]]


async def _load(engine: AsyncEngine, customers: Customers, spoil: Callable[[Rows], Rows]) -> None:
    async with engine.begin() as connection:
        for block in _blocks(customers):
            await connection.execute(insert(Customer), block if block[0]["id"] != 1 else spoil(block))


def _blocks(customers: Customers) -> Iterator[Rows]:
    return customers.dicts_by(1_000)


async def drops(engine: AsyncEngine, customers: Customers) -> None:
    await _load(engine, customers, lambda rows: rows[:-1])


async def doubles(engine: AsyncEngine, customers: Customers) -> None:
    def spoil(rows: Rows) -> Rows:
        return [*rows, rows[0] | {"id": 99_999_999, "email": "again@nobody.example"}]

    await _load(engine, customers, spoil)


async def mangles(engine: AsyncEngine, customers: Customers) -> None:
    """Takes the space at the end of a text for an accident."""

    def spoil(rows: Rows) -> Rows:
        awkward = next(row for row in rows if row["name"] != row["name"].rstrip())
        awkward["name"] = awkward["name"].rstrip()
        return rows

    await _load(engine, customers, spoil)


async def takes_null_for_empty(engine: AsyncEngine, customers: Customers) -> None:
    def spoil(rows: Rows) -> Rows:
        next(row for row in rows if row["note"] is None)["note"] = ""
        return rows

    await _load(engine, customers, spoil)


async def raises(engine: AsyncEngine, customers: Customers) -> None:
    raise ValueError("no more today")
