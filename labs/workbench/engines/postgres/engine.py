"""PostgreSQL, from 14 on: the SQL that the workbench needs from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar

import asyncpg
from sqlalchemy import URL, Integer, RowMapping, Select, Table, bindparam, column, func, select, text, type_coerce
from sqlalchemy import table as sql_table
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.schema import CreateSchema, DropSchema
from sqlalchemy.sql import quoted_name
from sqlalchemy.sql.elements import TextClause

from labs.stream.events import LockHeld, LockWait
from labs.workbench.engines import urls
from labs.workbench.engines.engine import NO_WAIT, ConnectingError, Engine, Probe, Scheduled
from labs.workbench.engines.postgres import refusals
from labs.workbench.engines.scripts import Heard, ScriptConnection
from labs.workbench.errors import EngineError, LabError

OLDEST_VERSION = 14
"""`pg_locks.waitstart` and `client_connection_check_interval` came with it."""

CONNECT_TIMEOUT_S = 10

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

CHECK_INTERVAL = "client_connection_check_interval"

TELLS_WAITS = {"log_lock_waits": "on", "lc_messages": "C", "client_min_messages": "log", "log_min_messages": "fatal"}
"""Have a backend tell its client, and not the server's log, that it waits for a lock, once it has looked for a circle
behind the wait."""

_PIDS = bindparam("pids", type_=ARRAY(Integer))
_PID = func.unnest(_PIDS).column_valued("pid")
BLOCKERS = select(_PID, func.pg_blocking_pids(_PID))
_WAITED_FOR = func.pg_blocking_pids(_PID).op("||")(func.pg_safe_snapshot_blocking_pids(_PID))
WAITING_AMONG = select(_PID, type_coerce(_WAITED_FOR, ARRAY(Integer))).where(
    func.pg_isolation_test_session_is_blocked(_PID, _PIDS)
)

STILL_WAITING = "still waiting for"
"""What it says of the process; how the wait ends is told in other words."""


@cache
def statement(name: str) -> TextClause:
    """The SQL in a file beside this one; the screen can show the same file."""
    return text(files(__package__).joinpath(f"{name}.sql").read_text("utf-8"))


def check_version(version_number: int) -> None:
    """Refuse a server older than the labs can stand on; ``version_number`` as in ``server_version_num``."""
    if version_number < OLDEST_VERSION * 10_000:
        raise EngineError(
            "This server is too old",
            f"It is PostgreSQL {version_number // 10_000}; the labs need {OLDEST_VERSION} or newer, which first tells "
            "how long a lock has been waited for.",
            "Use a newer server, or leave --url out: ninelabs brings PostgreSQL 18 with it.",
        )


class Postgres(Engine):
    """A PostgreSQL server, or one that speaks like it."""

    name: ClassVar[str] = "postgres"
    schemes: ClassVar[frozenset[str]] = frozenset({"postgresql", "postgres"})
    levels = ("read committed", "repeatable read", "serializable")
    transient_sqlstates: ClassVar[frozenset[str]] = frozenset({"40001", "40P01"})
    deadlock_code: ClassVar[str] = "40P01"
    commit_sql: ClassVar[str] = "COMMIT;"
    rollback_sql: ClassVar[str] = "ROLLBACK;"
    ddl_commits: ClassVar[bool] = False

    def __init__(self, url: URL) -> None:
        super().__init__(url)
        self._notices_vanished_clients = False
        self._tells_waits = False
        self._looked: dict[int, bool] = {}
        """By backend of a scheduled session, whether it has looked for a circle behind the wait that it is in."""

    @classmethod
    def driver_url(cls, url: URL) -> URL:
        """See `Engine.driver_url`; the options are those of libpq that say where the server is, and how securely."""
        options = urls.options(url, {"host": (), "port": (), "sslmode": SSL_MODES})
        if not options.get("port", "1").isdecimal():
            raise urls.refused("The server's URL names no possible port", "After port= stands no number.")
        if "sslmode" in options:
            options["ssl"] = options.pop("sslmode")
        return url.set(drivername="postgresql+asyncpg", query=options)

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
        """See `Engine.create`. A backend whose client has vanished notices it even while it waits for a lock."""
        settings = {"application_name": application, "timezone": "UTC"}
        if self._notices_vanished_clients:
            settings[CHECK_INTERVAL] = "500ms"
        if schema is not None:
            settings["search_path"] = schema
        if patience_s is not None:
            settings["lock_timeout"] = f"{patience_s * 1000:.0f}ms"
        options: dict[str, Any] = {}
        connect = _connect
        if scheduled is not None:
            options |= NO_WAIT
            if not scheduled.durable:
                settings["synchronous_commit"] = "off"
            if self._tells_waits:
                connect = self._connect_telling
                settings |= TELLS_WAITS | {"deadlock_timeout": f"{scheduled.deadlock_s * 1000:.0f}ms"}
        engine = create_async_engine(
            self.url,
            pool_size=connections,
            max_overflow=0,
            connect_args={"server_settings": settings, "timeout": CONNECT_TIMEOUT_S, "async_creator_fn": connect},
            **options,
        )
        return engine if isolation is None else engine.execution_options(isolation_level=isolation.upper())

    async def probe(self, connection: AsyncConnection) -> Probe:
        """See `Engine.probe`."""
        row = (
            await connection.execute(
                text(
                    "SELECT current_setting('server_version_num')::int, split_part(version(), ' on ', 1), "
                    "current_setting('default_transaction_isolation'), "
                    "has_database_privilege(current_database(), 'CREATE')"
                )
            )
        ).one()
        number, version, isolation, may_create = row
        check_version(number)
        self._notices_vanished_clients = await self._can(connection, f"SET LOCAL {CHECK_INTERVAL} = '500ms'")
        telling = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in TELLS_WAITS.items())
        self._tells_waits = await self._can(connection, f"SELECT set_config('deadlock_timeout', '1s', true), {telling}")
        return Probe(
            server_version=version,
            isolation_default=isolation,
            capabilities={
                "wait-for graph": await self._can(connection, "SELECT pg_blocking_pids(pg_backend_pid())"),
                "lock details": await self._can(connection, "SELECT waitstart FROM pg_locks LIMIT 1"),
                "create schema": may_create,
            },
        )

    async def _can(self, connection: AsyncConnection, sql: str) -> bool:
        try:
            async with connection.begin_nested():
                await connection.execute(text(sql))
        except DBAPIError as error:
            if self.lost(error):
                raise
            return False
        return True

    def begin_sql(self, isolation: str | None) -> str:
        """See `Engine.begin_sql`; the text that asyncpg sends."""
        return f"BEGIN ISOLATION LEVEL {isolation.upper()};" if isolation else "BEGIN;"

    def grant(self) -> str:
        """See `Engine.grant`."""
        return refusals.grant(self.url)

    def backend_pid(self, dbapi_connection: Any) -> int:
        """See `Engine.backend_pid`."""
        pid: int = dbapi_connection.driver_connection.get_server_pid()
        return pid

    async def blockers(self, connection: AsyncConnection, pids: Sequence[int]) -> dict[int, tuple[int, ...]]:
        """See `Engine.blockers`."""
        rows = await connection.execute(BLOCKERS, {"pids": list(pids)})
        return {waiter: tuple(blocking) for waiter, blocking in rows if blocking}

    def has_looked(self, pid: int) -> bool:
        """See `Engine.has_looked`; it is known of the sessions that tell so."""
        return self._looked.get(pid, True)

    async def _connect_telling(self, *arguments: Any, **settings: Any) -> asyncpg.Connection:
        """A connection that hears of its own waits."""
        connection = await _connect(*arguments, **settings)
        pid: int = connection.get_server_pid()

        def hear(_connection: object, told: asyncpg.PostgresLogMessage) -> None:
            self._looked[pid] = told.message.startswith(f"process {pid} {STILL_WAITING}")

        self._looked[pid] = False
        connection.add_log_listener(hear)
        connection.add_termination_listener(lambda _: self._looked.pop(pid, None))
        return connection

    async def waiting_among(self, connection: AsyncConnection, pids: Sequence[int]) -> dict[int, tuple[int, ...]]:
        """See `Engine.waiting_among`; the server has this very question, which counts waits for a safe snapshot too."""
        rows = await connection.execute(WAITING_AMONG, {"pids": list(pids)})
        return {waiter: tuple(blocking) for waiter, blocking in rows}

    async def scripts(self, *, application: str, schema: str, heard: Heard) -> ScriptConnection:
        """See `Engine.scripts`."""
        # Only scripts need libpq, and its loading takes a while.
        from labs.workbench.engines.postgres.scripts import PostgresScripts

        # What a script leaves in the schema is dropped at the run's end: nothing that a crash could take must last.
        settings = {"search_path": schema, "synchronous_commit": "off"}
        if self._notices_vanished_clients:
            settings[CHECK_INTERVAL] = "500ms"
        return await PostgresScripts.open(self.url, application, settings, CONNECT_TIMEOUT_S, heard)

    async def locks(
        self, connection: AsyncConnection, sessions: Mapping[int, str], schema: str
    ) -> tuple[tuple[LockWait, ...], tuple[LockHeld, ...]]:
        """See `Engine.locks`."""
        pids = list(sessions)
        waits = (await connection.execute(statement("locks"), {"pids": pids})).mappings().all()
        held = (await connection.execute(statement("held"), {"pids": pids, "schema": schema})).mappings().all()
        keys = await self._row_keys(connection, schema, [*waits, *held])
        return (
            tuple(
                LockWait(
                    waiter=sessions.get(row["waiter"], f"pid {row['waiter']}"),
                    blocker=sessions.get(row["blocker"], f"pid {row['blocker']}"),
                    mode=row["mode"],
                    object=_described(row, keys),
                    milliseconds=float(row["milliseconds"]),
                )
                for row in waits
            ),
            tuple(
                LockHeld(session=sessions[row["pid"]], mode=row["mode"], object=_described(row, keys)) for row in held
            ),
        )

    async def _row_keys(
        self, connection: AsyncConnection, schema: str, locks: Sequence[RowMapping]
    ) -> dict[tuple[str, str], str]:
        """The primary keys of locked rows, by table and place in it, as far as they can be seen."""
        keys = {}
        for table, place in {(lock["table_name"], _place(lock)) for lock in locks if lock["tuple"] is not None}:
            if table is None:
                continue
            columns = (await connection.execute(statement("key_columns"), {"schema": schema, "table": table})).scalars()
            if names := list(columns):
                rows = sql_table(table, *(column(name) for name in names), schema=schema)
                found = await connection.execute(
                    select(*rows.c).where(text("ctid = CAST(CAST(:place AS text) AS tid)")), {"place": place}
                )
                if row := found.first():
                    keys[table, place] = ", ".join(f"{name}={value}" for name, value in zip(names, row, strict=True))
        return keys

    async def cancel(self, connection: AsyncConnection, pids: Sequence[int]) -> None:
        """See `Engine.cancel`."""
        for pid in pids:
            await connection.execute(select(func.pg_cancel_backend(pid)))

    async def claim(self, connection: AsyncConnection, schema: str) -> str | None:
        """See `Engine.claim`; an advisory lock of the session."""
        key = func.hashtextextended(schema, 0)
        if await connection.scalar(select(func.pg_try_advisory_lock(key))):
            return None
        holder = await connection.execute(
            text(
                "SELECT format('%s (backend %s, since %s)', a.application_name, a.pid, "
                "a.backend_start::time(0)) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) "
                "WHERE l.locktype = 'advisory' AND l.granted "
                "AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended(:schema, 0)"
            ),
            {"schema": schema},
        )
        return holder.scalar() or "another session"

    async def recreate_schema(self, connection: AsyncConnection, schema: str) -> None:
        """See `Engine.recreate_schema`."""
        await connection.execute(DropSchema(quoted_name(schema, quote=True), cascade=True, if_exists=True))
        await connection.execute(CreateSchema(quoted_name(schema, quote=True)))

    async def estimated_rows(self, connection: AsyncConnection, table: Table) -> int:
        """See `Engine.estimated_rows`."""
        return await connection.scalar(statement("estimated_rows"), {"table": table.name}) or 0

    async def table_digest(self, connection: AsyncConnection, rows: Select[*tuple[Any, ...]]) -> tuple[int, str]:
        """See `Engine.table_digest`; a sum of 64-bit hashes of each row's text."""
        row = rows.subquery("q")
        checksum = func.coalesce(func.sum(func.hashtextextended(text("q::text"), 0)), 0)
        count, total = (await connection.execute(select(func.count(), checksum).select_from(row))).one()
        return count, str(total)

    async def schema_digest(self, connection: AsyncConnection, schema: str) -> str:
        """See `Engine.schema_digest`."""
        digest: str = (await connection.execute(statement("schema_digest"), {"schema": schema})).scalar_one()
        return digest

    def sqlstate(self, error: DBAPIError) -> str | None:
        """See `Engine.sqlstate`."""
        return getattr(error.orig, "sqlstate", None)

    def ends_transaction(self, error: DBAPIError) -> bool:
        """See `Engine.ends_transaction`; PostgreSQL takes no further statement after any refusal."""
        return True

    def message(self, error: DBAPIError) -> str:
        """See `Engine.message`; the driver puts its exception's class first."""
        words = str(error.orig)
        return words.partition(">: ")[2] or words

    def lost(self, error: Exception) -> bool:
        """See `Engine.lost`; class 08 is connection exceptions, 57P01 to 57P03 a server that stops or starts."""
        if not isinstance(error, DBAPIError):
            return True
        if isinstance(getattr(error.orig, "__cause__", None), asyncpg.InternalClientError):
            return True  # It was to send something after the server's last word, and before the line was closed.
        state = self.sqlstate(error) or ""
        return error.connection_invalidated or state.startswith("08") or state in {"57P01", "57P02", "57P03"}

    def explain(self, error: Exception) -> LabError:
        """See `Engine.explain`."""
        if not isinstance(error, DBAPIError):
            where = f"{self.url.host or 'the local socket'}:{self.url.port or 5432}"
            return refusals.unreachable(error.__cause__ or error, where)
        if self.lost(error):
            return refusals.lost(self.message(error) if self.sqlstate(error) else "")
        return refusals.refused(error, self.sqlstate(error), self.message(error), self.url)


async def _connect(*arguments: Any, **settings: Any) -> asyncpg.Connection:
    """What asyncpg says bare while it connects, as one kind of error."""
    try:
        return await asyncpg.connect(*arguments, **settings)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise ConnectingError from error


def _place(lock: RowMapping) -> str:
    """Where in its table a locked row is, as PostgreSQL writes it."""
    return f"({lock['page']},{lock['tuple']})"


def _described(lock: RowMapping, keys: Mapping[tuple[str, str], str]) -> str:
    """What a lock is on, in words."""
    kind, table = lock["locktype"], lock["table_name"]
    if lock["tuple"] is not None:
        where = f"row {keys.get((table, _place(lock)), _place(lock))} of {table}"
        return f"{where}, transaction {lock['identity']}" if kind == "transactionid" else where
    if kind == "relation":
        return f"table {table}"
    if kind == "transactionid":
        return f"transaction {lock['identity']}"
    return f"{kind} {lock['identity'] or table or ''}".rstrip()
