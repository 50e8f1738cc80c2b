"""MariaDB from 10.6 on, and what speaks like it: the SQL that the workbench needs from it."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from sqlalchemy import URL, LargeBinary, Numeric, Select, String, Table, cast, event, func, literal, select
from sqlalchemy.dialects.mysql import INTEGER
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.schema import DropSchema
from sqlalchemy.sql import quoted_name

from labs.stream.events import LockHeld, LockWait
from labs.workbench.engines import urls
from labs.workbench.engines.engine import NO_WAIT, ConnectingError, Engine, Probe, Scheduled
from labs.workbench.engines.mariadb import probing, refusals
from labs.workbench.engines.mariadb.locks import LockWatch
from labs.workbench.engines.mariadb.statements import statement
from labs.workbench.engines.scripts import Heard, ScriptConnection
from labs.workbench.errors import LabError

DEADLOCK, LOCK_WAIT_TIMEOUT, RECORD_CHANGED = "1213", "1205", "1020"

NO_SUCH_THREAD, NO_SUCH_DATABASE = "1094", "1049"

LOST = frozenset({"1053", "1152", "1184", "1927", "2006", "2013", "2014", "2055", "4031"})
"""The server shuts down, has ended the connection, or the driver has lost it."""

LEVELS = ("read uncommitted", "read committed", "repeatable read", "serializable")

SNAPSHOT = ", snapshot "
"""In the name of a level, before ``on`` or ``off``: what `innodb_snapshot_isolation` is to be."""

CONNECT_S = 10
"""How long a server may take from being called to letting one in."""

YEAR_S = 365 * 24 * 3600
"""The longest that a server lets a connection be idle. By default it ends one, and so a claim, after eight hours."""

ORDERED_BY_CODE_POINT = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
"""Compares as PostgreSQL does here, and the same on every server; the defaults differ between versions."""


class MariaDB(Engine):
    """A MariaDB server, or one that speaks like it. What it can do is asked of it, not concluded from its name.

    Its codes are the numbers that it gives its errors: SQLSTATE is ``HY000`` for most that a lab is about.
    """

    name: ClassVar[str] = "mariadb"
    schemes: ClassVar[frozenset[str]] = frozenset({"mariadb", "mysql"})
    levels: tuple[str, ...] = LEVELS
    transient_sqlstates: ClassVar[frozenset[str]] = frozenset({DEADLOCK, LOCK_WAIT_TIMEOUT, RECORD_CHANGED})
    deadlock_code: ClassVar[str] = DEADLOCK
    commit_sql: ClassVar[str] = "COMMIT"
    rollback_sql: ClassVar[str] = "ROLLBACK"
    ddl_commits: ClassVar[bool] = True

    def __init__(self, url: URL) -> None:
        super().__init__(url)
        self._watch = LockWatch()

    @classmethod
    def driver_url(cls, url: URL) -> URL:
        """See `Engine.driver_url`; the server may be named by its socket."""
        options = urls.options(url, {"unix_socket": ()})
        return url.set(drivername="mariadb+aiomysql", query=options | {"charset": "utf8mb4"})

    def accepts(self, level: str) -> bool:
        """See `Engine.accepts`; without a word on snapshots it is what the server's own setting makes of it."""
        return level in self.levels or level in LEVELS

    def create(
        self,
        *,
        application: str,
        schema: str | None = None,
        isolation: str | None = None,
        patience_s: float | None = None,
        scheduled: Scheduled | None = None,
        connections: int = 1,
    ) -> AsyncEngine:
        """See `Engine.create`. A level's name may end in ``, snapshot on`` or ``, snapshot off``.

        The schema is the current database from when it exists; MariaDB has no search path that could name it before.
        Patience counts in whole seconds, rounded down.
        """
        level, _, snapshot = (isolation or "").partition(SNAPSHOT)
        options: dict[str, Any] = {"pool_size": connections, "max_overflow": 0}
        if level:
            options["isolation_level"] = level.upper()
        if scheduled is not None:
            options |= NO_WAIT

        async def connect(**arguments: Any) -> Any:
            try:
                # The driver's own limit ends when the server accepts, which a stopped one does too.
                async with asyncio.timeout(CONNECT_S):
                    return await engine.dialect.loaded_dbapi.aiomysql.connect(**arguments)
            except (OSError, TimeoutError, RuntimeError, engine.dialect.loaded_dbapi.Error) as error:
                raise ConnectingError from error

        connect_args = {
            "async_creator_fn": connect,
            "program_name": application,
            "local_infile": True,  # a server may ask for any file then, and gets none: see `streaming`
        }
        engine = create_async_engine(self.url, connect_args=connect_args, **options)
        settings = {"time_zone": "'+00:00'", "wait_timeout": YEAR_S}
        if snapshot:
            settings["innodb_snapshot_isolation"] = snapshot.upper()
        if patience_s is not None:
            settings |= dict.fromkeys(("lock_wait_timeout", "innodb_lock_wait_timeout"), int(patience_s))

        @event.listens_for(engine.sync_engine, "connect")
        def connected(connection: Any, _record: Any) -> None:
            cursor = connection.cursor()
            cursor.execute("SET " + ", ".join(f"{name} = {value}" for name, value in settings.items()))
            if schema is not None:
                engine.dialect.default_schema_name = schema
                try:
                    cursor.execute(_use(schema))
                except engine.dialect.loaded_dbapi.Error as error:
                    if _code(error) != NO_SUCH_DATABASE:
                        raise
            cursor.close()

        return engine

    async def probe(self, connection: AsyncConnection) -> Probe:
        """See `Engine.probe`."""
        found = await probing.probe(connection)
        self._watch = LockWatch.able(found.capabilities)
        if SNAPSHOT in found.isolation_default:
            uncommitted, committed, repeatable, serializable = LEVELS
            snapshots = (f"{repeatable}{SNAPSHOT}{switch}" for switch in ("off", "on"))
            self.levels = (uncommitted, committed, *snapshots, serializable)
        return found

    def begin_sql(self, isolation: str | None) -> str:
        """See `Engine.begin_sql`. None is sent: with autocommit off, a transaction begins with its first statement."""
        return ""

    def grant(self) -> str:
        """See `Engine.grant`."""
        return refusals.grant(self.url)

    def backend_pid(self, dbapi_connection: Any) -> int:
        """See `Engine.backend_pid`; the connection's id."""
        number: int = dbapi_connection.driver_connection.thread_id()
        return number

    async def blockers(self, connection: AsyncConnection, pids: Sequence[int]) -> dict[int, tuple[int, ...]]:
        """See `Engine.blockers`; with nobody where the server says that one waits, but not for whom."""
        return await self._watch.blockers(connection, pids)

    async def scripts(self, *, application: str, schema: str, heard: Heard) -> ScriptConnection:
        """See `Engine.scripts`; the schema is the current database."""
        # Loads the driver, which a session on another engine has no use for.
        from labs.workbench.engines.mariadb.scripts import MariaDBScripts

        return await MariaDBScripts.open(self.url, application, schema, CONNECT_S, heard)

    async def locks(
        self, connection: AsyncConnection, sessions: Mapping[int, str], schema: str
    ) -> tuple[tuple[LockWait, ...], tuple[LockHeld, ...]]:
        """See `Engine.locks`."""
        return await self._watch.locks(connection, sessions, schema)

    async def cancel(self, connection: AsyncConnection, pids: Sequence[int]) -> None:
        """See `Engine.cancel`."""
        for pid in pids:
            try:
                await connection.exec_driver_sql(f"KILL QUERY {int(pid)}")
            except DBAPIError as error:
                if self.sqlstate(error) != NO_SUCH_THREAD:
                    raise

    async def claim(self, connection: AsyncConnection, schema: str) -> str | None:
        """See `Engine.claim`; a named lock of the connection."""
        if await connection.scalar(select(func.get_lock(schema, 0))):
            return None
        try:
            holder = await connection.scalar(statement("claimed_by"), {"name": schema})
        except DBAPIError as error:
            if self.lost(error):
                raise
            holder = None
        return str(holder) if holder else "another session"

    async def recreate_schema(self, connection: AsyncConnection, schema: str) -> None:
        """See `Engine.recreate_schema`; each of these statements commits by itself."""
        await connection.execute(DropSchema(quoted_name(schema, quote=True), if_exists=True))
        await connection.exec_driver_sql(f"CREATE DATABASE {_quoted(schema)} {ORDERED_BY_CODE_POINT}")
        await connection.exec_driver_sql(_use(schema))

    async def empty(self, connection: AsyncConnection, tables: Sequence[Table]) -> None:
        """See `Engine.empty`. A row that refers to another of its table is in the way of that one's deletion."""
        await connection.exec_driver_sql("SET foreign_key_checks = OFF")
        await super().empty(connection, tables)
        await connection.exec_driver_sql("SET foreign_key_checks = ON")

    async def estimated_rows(self, connection: AsyncConnection, table: Table) -> int:
        """See `Engine.estimated_rows`."""
        return await connection.scalar(statement("estimated_rows"), {"table": table.name}) or 0

    async def table_digest(self, connection: AsyncConnection, rows: Select[*tuple[Any, ...]]) -> tuple[int, str]:
        """See `Engine.table_digest`; a sum of 64 bits of each row's MD5, which is that of its values' MD5s."""
        row = rows.subquery("q")
        values = [func.coalesce(func.md5(cast(column, LargeBinary)), "-") for column in row.columns]
        bits = func.conv(func.left(func.md5(func.concat(*values)), 16), 16, 10)
        checksum = func.coalesce(func.sum(cast(bits, INTEGER(unsigned=True)), type_=Numeric(65)), literal(0))
        query = select(func.count(), cast(checksum, String(80))).select_from(row)
        count, total = (await connection.execute(query)).one()
        return count, str(total)

    async def schema_digest(self, connection: AsyncConnection, schema: str) -> str:
        """See `Engine.schema_digest`."""
        lines = (await connection.scalars(statement("schema_digest"), {"schema": schema})).all()
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:32]

    def sqlstate(self, error: DBAPIError) -> str | None:
        """See `Engine.sqlstate`; the number of the error."""
        return _code(error.orig)

    def message(self, error: DBAPIError) -> str:
        """See `Engine.message`; with the SQLSTATE where it says more than that there was an error."""
        words = str(error.orig.args[-1]) if error.orig is not None and error.orig.args else str(error.orig)
        state = getattr(error.orig, "sqlstate", None)
        return words if state in {None, "HY000"} else f"{words} (SQLSTATE {state})"

    def ends_transaction(self, error: DBAPIError) -> bool:
        """Whether the server has rolled back the whole transaction; after any other refusal it goes on."""
        return self.lost(error) or self.sqlstate(error) in {DEADLOCK, RECORD_CHANGED}

    def lost(self, error: Exception) -> bool:
        """See `Engine.lost`."""
        return not isinstance(error, DBAPIError) or error.connection_invalidated or self.sqlstate(error) in LOST

    def explain(self, error: Exception) -> LabError:
        """See `Engine.explain`."""
        if not isinstance(error, DBAPIError):
            cause = error.__cause__ or error
            return refusals.unreachable(cause, _code(cause), self.url)
        if self.lost(error):
            return refusals.lost(self.message(error))
        return refusals.refused(error, self.sqlstate(error), self.message(error), self.url)


def _code(error: BaseException | None) -> str | None:
    """The number that begins the driver's errors."""
    number = error.args[0] if error is not None and error.args else None
    return str(number) if isinstance(number, int) and number else None


def _quoted(name: str) -> str:
    return "`" + re.sub("`", "``", name).replace("%", "%%") + "`"


def _use(schema: str) -> str:
    return f"USE {_quoted(schema)}"
