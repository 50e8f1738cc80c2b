"""The customers to be loaded, in the forms in which strategies want them, and what they amount to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain, islice
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from labs.workbench.apart import apart
from labs.workbench.dataset import checksum, customers
from labs.workbench.dataset.block import Block
from labs.workbench.dataset.checksum import Digest
from labs.workbench.engines.engine import Engine

Item = TypeVar("Item")

LAST = 19
"""The niceness of a process that everybody else comes before."""

NAMES = tuple(column.name for column in customers.Customers.columns)


@dataclass(frozen=True, slots=True)
class Customers:
    """Some customers of a data set. The same seed and size give the same on every machine."""

    seed: int
    rows: int
    first: int = 1
    """The first key; the others follow it without gaps."""
    size: int = 0
    """Of the data set; by default these customers are its last."""

    @property
    def last(self) -> int:
        """The last key."""
        return self.first + self.rows - 1

    @property
    def where(self) -> str:
        """The condition, in SQL, that a row is one of them."""
        return f"id BETWEEN {self.first} AND {self.last}"

    @property
    def table(self) -> customers.Customers:
        """The data set's whole table."""
        return _table(self.seed, self.size or self.last)

    def blocks(self) -> Iterator[Block]:
        """A few thousand rows at a time: no more than that is in memory."""
        return self.table.between(self.first, self.last)

    def prepare(self) -> None:
        """Have the vocabulary ready, so that it is not counted as part of a load."""
        next(self.blocks())

    def copy_text(self) -> Iterator[bytes]:
        """Lines for COPY in text format."""
        return (block.copy_text() for block in self.blocks())

    def load_data_text(self) -> Iterator[bytes]:
        """Lines for LOAD DATA."""
        return (block.load_data() for block in self.blocks())

    def tuples(self) -> Iterator[tuple[Any, ...]]:
        """Row by row, as Python's values in the order of the columns."""
        return chain.from_iterable(block.tuples() for block in self.blocks())

    def tuples_by(self, number: int) -> Iterator[list[tuple[Any, ...]]]:
        """The same, so many at a time."""
        return _by(number, self.tuples())

    def dicts(self) -> Iterator[dict[str, Any]]:
        """Row by row, values by column."""
        return (dict(zip(NAMES, row, strict=True)) for row in self.tuples())

    def dicts_by(self, number: int) -> Iterator[list[dict[str, Any]]]:
        """The same, so many at a time."""
        return _by(number, self.dicts())

    def halves(self) -> tuple[Customers, Customers]:
        """The same customers in two parts."""
        half, size = self.rows // 2, self.size or self.last
        return (
            replace(self, rows=half, size=size),
            replace(self, rows=self.rows - half, first=self.first + half, size=size),
        )

    def digest(self) -> Digest:
        """Their checksum."""
        return _digest(self)

    async def digest_apart(self) -> Digest:
        """The same, while this process goes on: of ten million it takes a while."""
        return (await apart(_digest_of, self)).value

    @staticmethod
    async def stored(server: Engine, connection: AsyncConnection, where: str = "") -> Digest:
        """The checksum of what the server has, of the rows that fulfil a condition."""
        rows = f"{customers.Customers.name} WHERE {where}" if where else customers.Customers.name
        return await checksum.read(connection, server.name, customers.Customers.columns, rows)


@cache
def _table(seed: int, size: int) -> customers.Customers:
    return customers.Customers(seed, size)


@cache
def _digest(some: Customers) -> Digest:
    return sum((block.digest() for block in some.blocks()), Digest())


async def _digest_of(some: Customers) -> Digest:
    os.nice(LAST)  # Nobody waits for it as for an answer.
    return some.digest()


def _by(number: int, rows: Iterator[Item]) -> Iterator[list[Item]]:
    while block := list(islice(rows, number)):
        yield block
