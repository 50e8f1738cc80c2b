"""Traced, held sessions: ordinary SQLAlchemy code, observed and held from outside.

SQLAlchemy runs its event hooks inside the greenlet of the statement, so a hook can wait there
(`sqlalchemy.util.await_only`). Code under observation is not changed in any way, and does not know.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any, Protocol

from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import DBAPICursor, ExecutionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.util import await_only

from labs.stream.events import Event, SessionChanged, SessionState, StatementEnded, StatementStarted
from labs.stream.specs import Cell
from labs.workbench.engines.engine import Engine

PREVIEW_ROWS = 3
PREVIEW_COLUMNS = 8
REDACTED = ("(redacted)",)

_TO_SAVEPOINT = re.compile(r"\s*ROLLBACK\s+(WORK\s+|TRANSACTION\s+)?TO\b", re.IGNORECASE)

Emit = Callable[[Event], None]


class Gate(Protocol):
    """Decides when a statement may go to the server."""

    def pass_through(self, session: LabSession, sql: str, parameters: tuple[Any, ...]) -> Awaitable[None]:
        """Return when it may; raise when it never will."""

    def sent(self, session: LabSession) -> None:
        """It is on its way to the server."""


class LabSession:
    """One lane of the screen: a session maker over one connection, whose every statement is told to the stream."""

    def __init__(self, name: str, server: Engine, engine: AsyncEngine, isolation: str | None, emit: Emit) -> None:
        self.name = name
        self.maker = async_sessionmaker(engine, expire_on_commit=False)
        self.engine = engine
        self.backend_pid: int | None = None
        self.gate: Gate | None = None
        self.statement_running = False
        """Between a statement's way to the server and its answer."""
        self.refusals: list[str] = []
        """The server's codes for the statements that it refused."""
        self.retries = 0
        """Transactions begun again after one that the server had refused, and that might get through next time."""
        self.waits = 0
        """Statements that waited for a lock."""
        self.went_on_after: str | None = None
        """The code after which no transaction was left, and yet something else than a rollback was sent."""
        self.last_statement = ""
        self.sent: set[str] = set()
        """The statements that went out."""
        self._server = server
        self._isolation = isolation
        self._emit = emit
        self._shown: SessionChanged | None = None
        self._in_transaction = False
        self._begin_unsent = False
        self._aborted = False
        self._refused_once = False
        """Whether a transaction was refused that may be begun again."""
        self._has_waited = False
        """Whether the statement under way has had to wait."""
        self._redacted = False
        """Whether neither values nor words of the statement under way may be told."""
        self._listen()

    async def connect(self, numbers: count[int]) -> None:
        """Open the connection, so that its backend is known before the first statement."""
        self._numbers = numbers
        async with self.engine.connect():
            pass
        self.show("idle")

    def enter(self, gate: Gate) -> None:
        """Be held by that gate from now on, for one transaction function, of which all is counted afresh."""
        self.gate = gate
        self.refusals = []
        self.retries = self.waits = 0
        self.went_on_after = None
        self.last_statement = ""
        self.sent = set()
        self._refused_once = False

    def has_waited(self) -> None:
        """The statement under way waits for a lock: told at each rest, counted once."""
        self.waits += not self._has_waited
        self._has_waited = True

    def show(self, state: SessionState, waiting_for: tuple[str, ...] = ()) -> None:
        """Tell the stream the session's state, if it is not what was told last."""
        if self._aborted and state in {"held", "idle", "running"}:
            state = "aborted"
        shown = SessionChanged(
            session=self.name,
            state=state,
            backend_pid=self.backend_pid,
            in_transaction=self._in_transaction,
            waiting_for=waiting_for,
            isolation=self._isolation or "",
        )
        if shown != self._shown:
            self._shown = shown
            self._emit(shown)

    @property
    def rollback_sql(self) -> str:
        """What this session sends to roll back."""
        return self._server.rollback_sql

    @property
    def in_transaction(self) -> bool:
        """Whether the server has a transaction of this session open."""
        return self._in_transaction

    def _listen(self) -> None:
        target = self.engine.sync_engine
        event.listen(target, "connect", self._connected)
        event.listen(target, "begin", self._began)
        event.listen(target, "before_cursor_execute", self._before)
        event.listen(target, "after_cursor_execute", self._after)
        event.listen(target, "handle_error", self._refused)
        # SQLAlchemy has hooks before COMMIT and ROLLBACK, but none that says when they ended.
        for name in ("do_commit", "do_rollback"):
            setattr(target.dialect, name, self._ending(name, getattr(target.dialect, name)))

    def _connected(self, dbapi_connection: Any, _record: Any) -> None:
        self.backend_pid = self._server.backend_pid(dbapi_connection)

    def _began(self, _connection: Connection) -> None:
        self._begin_unsent = self._isolation != "autocommit"

    def _before(
        self,
        _connection: Connection,
        _cursor: DBAPICursor,
        sql: str,
        parameters: Any,
        context: ExecutionContext | None,
        _executemany: bool,
    ) -> None:
        self._redacted = context is not None and bool(context.execution_options.get("redact", False))
        self._send(sql, REDACTED if self._redacted else _shown_parameters(parameters))

    def _after(
        self,
        _connection: Connection,
        cursor: DBAPICursor,
        sql: str,
        _parameters: Any,
        _context: ExecutionContext | None,
        _executemany: bool,
    ) -> None:
        # The async drivers' adapted cursor has fetched all rows by now; looking at them takes none away.
        fetched = getattr(cursor, "_rows", ())
        preview = tuple(
            tuple(_cell(value) for value in row[:PREVIEW_COLUMNS])
            for row, _ in zip(fetched, range(PREVIEW_ROWS), strict=False)
        )
        self._aborted &= not _TO_SAVEPOINT.match(sql)  # The transaction stands again as it did there.
        self._ended(rows=cursor.rowcount if cursor.rowcount >= 0 else None, preview=preview)

    def _refused(self, context: Any) -> None:
        if not self.statement_running:
            return
        error = context.sqlalchemy_exception
        gone = not isinstance(error, DBAPIError) or self._server.ends_transaction(error)
        self._aborted |= self._in_transaction and gone
        if isinstance(error, DBAPIError):
            sqlstate = self._server.sqlstate(error)
            self.refusals.append(sqlstate or "")
            self._refused_once |= self._server.transient(error)
            self._ended(sqlstate=sqlstate, message=self._server.message(error))
        else:
            self._ended(message=f"not finished: {type(context.original_exception).__name__}")

    def _ending(self, name: str, original: Callable[[Any], None]) -> Callable[[Any], None]:
        sql = self.rollback_sql if name == "do_rollback" else self._server.commit_sql

        def end(dbapi_connection: Any) -> None:
            if not self._in_transaction:
                self._begin_unsent = False
                original(dbapi_connection)
                return
            if (
                error := sys.exception()
            ) is not None:  # SQLAlchemy's own finding that a row is stale is told nowhere else
                self._refused_once |= self._server.transient(error)
            self._send(sql, ())
            # An error on the way reaches `_refused`, as that of any statement does.
            try:
                original(dbapi_connection)
            finally:
                self._in_transaction = self._aborted = False
            self._ended()

        return end

    def _send(self, sql: str, parameters: tuple[Any, ...]) -> None:
        if self.gate is not None:
            await_only(self.gate.pass_through(self, sql, parameters))
        if self._aborted and not sql.upper().startswith("ROLLBACK"):
            self.went_on_after = self.went_on_after or self.refusals[-1]
        self.last_statement = REDACTED[0] if self._redacted else sql
        self.sent.add(sql)
        self._has_waited = False
        if self._begin_unsent:
            self._begin_unsent, self._in_transaction = False, True
            self.retries += self._refused_once
            self._refused_once = False
            if begin := self._server.begin_sql(self._isolation):
                number = next(self._numbers)
                self._emit(StatementStarted(session=self.name, number=number, sql=begin))
                self._emit(StatementEnded(session=self.name, number=number, milliseconds=None))
        self._number = next(self._numbers)
        self.statement_running = True
        self.show("running")
        self._emit(StatementStarted(session=self.name, number=self._number, sql=sql, parameters=parameters))
        self._started = time.perf_counter()
        if self.gate is not None:
            self.gate.sent(self)

    def _ended(
        self,
        *,
        rows: int | None = None,
        preview: tuple[tuple[Cell, ...], ...] = (),
        sqlstate: str | None = None,
        message: str = "",
    ) -> None:
        milliseconds = (time.perf_counter() - self._started) * 1000
        self.statement_running = False
        self._emit(
            StatementEnded(
                session=self.name,
                number=self._number,
                milliseconds=round(milliseconds, 3),
                rows=rows,
                preview=() if self._redacted else preview,
                sqlstate=sqlstate,
                message=REDACTED[0] if message and self._redacted else message,
            )
        )
        self._redacted = False
        self.show("idle")


SessionMaker = async_sessionmaker[AsyncSession]
"""What the labs' code is given for a session; to it, nothing but SQLAlchemy's own."""


def _shown_parameters(parameters: Any) -> tuple[Any, ...]:
    if isinstance(parameters, list):  # One set of parameters a row.
        return tuple(_shown_parameters(row) for row in parameters)
    values = parameters.values() if isinstance(parameters, dict) else parameters or ()
    return tuple(_cell(value) for value in values)


def _cell(value: Any) -> Cell:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
