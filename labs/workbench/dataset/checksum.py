"""A checksum of rows in any order that comes out the same from the generator, from PostgreSQL and from MariaDB.

It is the sum, modulo 2**64, of the first 64 bits of the MD5 of each row's canonical text: its fields in the table's
order with U+001F between them and U+001D for NULL, numbers as both servers write them, timestamps as
``2024-02-29 23:59:59`` in UTC (with a fraction only where there is one), 1 and 0 for true and false. Sums of parts add
up to the sum of the whole, so blocks can be checked one by one, and in parallel.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

Kind: TypeAlias = Literal["integer", "text", "numeric", "timestamp", "boolean"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column's name and what it holds.

    For the checksum to come out, an integer is any integer type, text is ``text`` or ``varchar(255)`` (in MariaDB of
    the character set ``utf8mb4``), a numeric has two decimals, a timestamp is ``timestamptz`` or MariaDB's
    ``datetime`` in UTC, a boolean is MariaDB's ``tinyint``.
    """

    name: str
    kind: Kind
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Digest:
    """How many rows, and their checksum."""

    rows: int = 0
    total: int = 0

    @classmethod
    def of(cls, rows: Iterable[bytes]) -> Digest:
        """The digest of rows given by their canonical texts."""
        # S324: nothing is to be kept from anybody; it is what both servers have.
        md5 = b"".join([hashlib.md5(row).digest() for row in rows])  # noqa: S324
        words = np.frombuffer(md5, dtype=">u8")[::2]
        return cls(len(words), int(words.sum(dtype=np.uint64)))

    def __add__(self, other: Digest) -> Digest:
        """Of both parts together."""
        return Digest(self.rows + other.rows, (self.total + other.total) % 2**64)

    def __str__(self) -> str:
        return f"{self.total:016x}"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a server says it."""

    character: str
    """The one with a code."""
    text: str
    """The type that a cast makes a text of."""
    between: str
    row: str
    """What strings fields together, and goes around all; comes to NULL when one of them is NULL."""
    texts: Mapping[Kind, str]
    """By kind, what a column's canonical text is; the column itself where nothing is said."""
    word: str
    """The first 64 bits of a text's MD5 as a number, which is taken modulo 2**64 in the end."""


DIALECTS = {
    "postgres": Dialect(
        character="chr({})",
        text="text",
        between=" || ",
        row="{}",
        texts={
            "timestamp": "replace(to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), '.000000', '')",
            "boolean": "CAST({} AS int)",
        },
        word="CAST(CAST('x' || left(md5({}), 16) AS bit(64)) AS bigint)",
    ),
    "mariadb": Dialect(
        character="char({} USING utf8mb4)",
        text="char",
        between=", ",
        row="concat({})",
        texts={"timestamp": "replace({}, '.000000', '')"},
        word="CAST(conv(left(md5({}), 16), 16, 10) AS unsigned)",
    ),
}


def sql(engine: str, columns: Sequence[Column], rows: str) -> str:
    """The query of a digest, a scan of the table: how many rows, and the sum of their words, as text.

    Args:
        engine: ``postgres`` or ``mariadb``.
        columns: the table's, or some of them.
        rows: what comes after FROM: a table's name as it is written in SQL, and a WHERE if need be.
    """
    dialect = DIALECTS[engine]
    separator, null = (dialect.character.format(code) for code in (31, 29))
    fields = []
    for column in columns:
        text = dialect.texts.get(column.kind, "{}").format(column.name)
        fields.append(f"coalesce(CAST({text} AS {dialect.text}), {null})" if column.nullable else text)
    row = dialect.row.format(f"{dialect.between}{separator}{dialect.between}".join(fields))
    word = dialect.word.format(row)
    return f"SELECT count(*), CAST(coalesce(sum({word}), 0) AS {dialect.text}) FROM {rows}"  # noqa: S608


async def read(connection: AsyncConnection, engine: str, columns: Sequence[Column], rows: str) -> Digest:
    """The digest of what a server holds; the arguments are those of `sql`."""
    answer: Sequence[Any] = (await connection.exec_driver_sql(sql(engine, columns, rows))).one()
    count, total = answer
    return Digest(count, int(total) % 2**64)
