"""An index that was built beside the work, and not to its end."""

from __future__ import annotations

import msgspec
from sqlalchemy import TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.migrations.loading import load
from labs.migrations.parameters import Rows
from labs.workbench.bench import Bench
from labs.workbench.lab import Watched, experiment
from labs.workbench.sessions import SessionMaker

DUPLICATES = text("INSERT INTO users (id, name) VALUES (0, 'The same'), (-1, 'The same')")
DISTINCT = text("UPDATE users SET name = name || ' ' || id WHERE id <= :rows")
UNIQUE = text("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS users_name_key ON users (name)")
PLAIN = text("CREATE INDEX CONCURRENTLY IF NOT EXISTS users_name ON users (name)")
IMPATIENT = text("SET lock_timeout = '200ms'")
PATIENT = text("SET lock_timeout = 0")
INVALID = text(
    "SELECT i.indexrelid::regclass::text FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid "
    "WHERE NOT i.indisvalid AND c.relnamespace = current_schema()::regnamespace ORDER BY 1"
)

UNIQUE_VIOLATION, LOCK_NOT_AVAILABLE = "23505", "55P03"


class Users(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the index is over."""

    rows: Rows = 10_000


async def invalid(connection: AsyncConnection) -> list[str]:
    """The indexes of the schema that the server keeps up to date, and never uses."""
    found = list((await connection.scalars(INVALID)).all())
    await connection.rollback()
    return found


async def sweep(sessions: SessionMaker, names: list[str]) -> None:
    """Drop those indexes, with nobody waiting for it."""
    async with sessions() as session:
        for name in names:
            await session.execute(text(f"DROP INDEX CONCURRENTLY {name}"))


class Indexes:
    """What CREATE INDEX CONCURRENTLY leaves behind."""

    @experiment(
        "Invalid index",
        stepped=False,
        watched=Watched(),
        question="CREATE INDEX CONCURRENTLY failed, and again with IF NOT EXISTS it succeeds: is there an index?",
        why="""
        CREATE INDEX CONCURRENTLY builds beside the work, over several transactions, so it cannot be rolled back. When
        it fails half way, because of a duplicate, a deadlock or a lock_timeout, the index stays behind as invalid:
        every writer keeps it up to date, and no query uses it. And IF NOT EXISTS finds an index of that name, says so
        in a notice, and does nothing: the migration is green.

        A lock_timeout, so good for every other statement, is wrong for this one. At its end it waits for every older
        snapshot, also that of a transaction which never touched this table; here an idle report is enough. It is at
        REPEATABLE READ, and so holds its snapshot to its end; at READ COMMITTED one is held only while a statement or
        a cursor is open.

        So: no lock_timeout for CREATE INDEX CONCURRENTLY, a look into pg_index afterwards, and the invalid ones swept
        by DROP INDEX CONCURRENTLY before it is tried again.
        """,
        lacking={
            "mariadb": "Its ALTER TABLE … ADD INDEX is undone as a whole when it fails: there is nothing to sweep up."
        },
    )
    async def invalid_index(self, bench: Bench, parameters: Users) -> None:
        """Failed by a duplicate, failed by a timeout, found, swept, built."""
        async with (
            bench.empty_tables() as connection,
            bench.sessions("report") as (report,),
            bench.sessions("migration", isolation="autocommit") as (migration,),
        ):
            await load(bench, connection, parameters.rows)
            await connection.execute(DISTINCT, {"rows": parameters.rows})
            await connection.execute(DUPLICATES)
            await connection.commit()

            bench.note("A unique index over names, two of which are the same.")
            duplicate = await self._refusal(bench, migration, UNIQUE)
            left = await invalid(connection)
            again = await self._refusal(bench, migration, UNIQUE)
            still = await invalid(connection)
            bench.verdict(
                "After a duplicate the index is there, invalid, and IF NOT EXISTS passes over it",
                duplicate == UNIQUE_VIOLATION and not again and left == still == ["users_name_key"],
                first=duplicate or "built",
                again=again or "no error",
                invalid=", ".join(still) or "none",
            )

            bench.note("An index with a lock_timeout, while a report on another table is idle.")
            async with report() as reading:
                await reading.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
                await reading.execute(text("SELECT count(*) FROM signups"))
                timeout = await self._refusal(bench, migration, PLAIN, before=IMPATIENT)
            left = await invalid(connection)
            bench.verdict(
                "A snapshot held elsewhere is enough for a lock_timeout to leave an invalid index",
                timeout == LOCK_NOT_AVAILABLE and "users_name" in left,
                refusal=timeout or "built",
                invalid=", ".join(left) or "none",
            )

            bench.note("Found in pg_index, swept, the duplicate resolved, and built again with no lock_timeout.")
            await sweep(migration, left)
            await connection.execute(text("UPDATE users SET name = name || ' ' || id WHERE id <= 0"))
            await connection.commit()
            refusals = [await self._refusal(bench, migration, index, before=PATIENT) for index in (UNIQUE, PLAIN)]
            left = await invalid(connection)
            built = await connection.scalar(
                text("SELECT count(*) FROM pg_indexes WHERE schemaname = current_schema() AND tablename = 'users'")
            )
            await connection.rollback()
        bench.verdict(
            "Swept and built again, every index is valid",
            not any(refusals) and not left and built == 3,
            indexes=built or 0,
            invalid=", ".join(left) or "none",
        )

    async def _refusal(
        self, bench: Bench, sessions: SessionMaker, statement: TextClause, before: TextClause | None = None
    ) -> str:
        """The server's code for it; empty when it went through."""
        async with sessions() as session:
            if before is not None:
                await session.execute(before)
            try:
                await session.execute(statement)
            except DBAPIError as error:
                if bench.server.lost(error):
                    raise
                return bench.server.sqlstate(error) or ""
        return ""
