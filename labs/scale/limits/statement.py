"""How much goes into one statement: binds, and bytes. Asked of the servers and drivers, not of their manuals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.workbench.bench import Bench

MOST_BINDS = 1 << 18
MOST_BYTES = 1 << 28


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that may be too large."""

    what: str
    unit: str
    works: Callable[[int], Awaitable[bool]]
    end: int


def limits(bench: Bench, connection: AsyncConnection) -> list[Limit]:
    """What there is to find on this server."""
    if bench.server.name == "mariadb":
        return [
            Limit("Binds of a statement that the server prepares", "binds", Prepared(connection).works, MOST_BINDS),
            Limit("Bytes of a statement", "bytes", Sent(bench).works, MOST_BYTES),
        ]
    return [
        Limit("Binds of a statement, sent by asyncpg", "binds", Asyncpg(connection).works, MOST_BINDS),
        Limit("Binds of a statement, sent by psycopg", "binds", Psycopg(bench).works, MOST_BINDS),
    ]


@dataclass(frozen=True, slots=True)
class Asyncpg:
    """What this program's own driver sends."""

    connection: AsyncConnection

    async def works(self, binds: int) -> bool:
        """Whether a statement with so many is answered."""
        numbered = ", ".join(f"${number}::int" for number in range(1, binds + 1))
        driver = (await self.connection.get_raw_connection()).driver_connection
        assert driver is not None
        try:
            await driver.fetchval(f"SELECT cardinality(ARRAY[{numbered}])", *range(binds))
        except Exception as error:  # The driver's own refusal has another class than the server's.
            return _refused(error)
        return True


@dataclass(frozen=True, slots=True)
class Psycopg:
    """What libpq sends: the number of binds is an unsigned word of 16 bits to it, and to the server."""

    bench: Bench

    async def works(self, binds: int) -> bool:
        """Whether a statement with so many is answered."""
        url = self.bench.server.url
        where = {"host": url.host or url.query["host"], "port": str(url.port or url.query.get("port", 5432))}
        names = {"user": url.username, "password": url.password, "dbname": url.database}
        async with await psycopg.AsyncConnection.connect(**where, **names) as connection:  # type: ignore[arg-type]
            try:
                marks = ", ".join(["%s::int"] * binds)
                await connection.execute(f"SELECT cardinality(ARRAY[{marks}])".encode(), range(binds))
            except psycopg.Error as error:
                return _refused(error)
        return True


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the server prepares. The driver here writes values into the statement's text, and has no binds."""

    connection: AsyncConnection

    async def works(self, binds: int) -> bool:
        """Whether a statement with so many can be prepared."""
        statement = f"SELECT 1 IN ({', '.join('?' * binds)})"
        try:
            await self.connection.exec_driver_sql(f"PREPARE wide FROM '{statement}'")
        except DBAPIError as error:
            return _refused(error)
        await self.connection.exec_driver_sql("DEALLOCATE PREPARE wide")
        return True


@dataclass(frozen=True, slots=True)
class Sent:
    """What the server takes as one packet: `max_allowed_packet`. It ends the connection over any more."""

    bench: Bench

    async def works(self, size: int) -> bool:
        """Whether a statement of so many bytes is answered."""
        statement = "SELECT length('')"
        async with self.bench.reading() as connection:
            filler = "x" * (size - len(statement))
            try:
                await connection.exec_driver_sql(f"SELECT length('{filler}')")
            except (DBAPIError, OSError) as error:
                await connection.invalidate()
                return _refused(error)
        return True


LIMIT_WORDS = (
    "argument",
    "parameter",
    "placeholder",
    "packet",
    "lost connection",
    "broken pipe",
    "gone away",
    "went away",
    "reset by peer",
)


def _refused(error: Exception) -> bool:
    """False; but what is refused in words that tell of no limit is raised, for then something else is wrong."""
    words = str(error).partition("[SQL")[0].casefold()
    if not any(word in words for word in LIMIT_WORDS):
        raise error
    return False
