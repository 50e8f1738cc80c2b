"""Scripts on PostgreSQL: its simple query protocol, spoken by libpq.

asyncpg also takes several statements in one text, but of their answers it keeps nothing but the last one's status.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable, Mapping
from typing import Self

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import DiagnosticField, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult
from sqlalchemy import URL

from labs.workbench.engines.engine import ConnectingError
from labs.workbench.engines.scripts import (
    Answer,
    CopyAsked,
    Done,
    Heard,
    Notification,
    Refusal,
    ScriptConnection,
    SendingError,
    Table,
)

ENCODING = "utf-8"

AT_ONCE_MS = 2
"""An answer that is there so soon is taken without a turn of the event loop, which would cost more than the wait."""

ROWLESS = frozenset({ExecStatus.COMMAND_OK, ExecStatus.EMPTY_QUERY})


class PostgresScripts(ScriptConnection):
    """See `ScriptConnection`."""

    def __init__(self, connection: psycopg.AsyncConnection, heard: Heard) -> None:
        self._connection = connection
        self._libpq = connection.pgconn
        self.pid = self._libpq.backend_pid
        self._readable = select.poll()
        self._readable.register(self._libpq.socket, select.POLLIN)
        self._libpq.notice_handler = lambda notice: heard(_text(notice.error_message))

    @classmethod
    async def open(cls, url: URL, application: str, settings: Mapping[str, str], timeout_s: int, heard: Heard) -> Self:
        """Connect to the server of a URL, with settings that hold for the session; raises `ConnectingError`."""
        parts = {**url.translate_connect_args(username="user", database="dbname"), **url.query}
        parts["sslmode"] = parts.pop("ssl", None)
        conninfo = make_conninfo(
            **parts,
            application_name=application,
            client_encoding=ENCODING,
            connect_timeout=timeout_s,
            options=" ".join(f"-c {name}={value}" for name, value in settings.items()),
        )
        try:
            connection = await psycopg.AsyncConnection.connect(conninfo)
        except psycopg.Error as error:
            raise ConnectingError from error
        return cls(connection, heard)

    async def run(self, script: str) -> list[Answer]:
        """See `ScriptConnection.run`."""
        try:
            self._libpq.send_query(script.encode(ENCODING))
            loop = asyncio.get_running_loop()
            while self._libpq.flush():
                await self._ready(loop.add_writer, loop.remove_writer)
        except psycopg.OperationalError as error:
            raise SendingError(_text(self._libpq.error_message)) from error
        answers: list[Answer] = []
        try:
            last_word = False
            if self._readable.poll(AT_ONCE_MS):
                self._libpq.consume_input()
            while (result := await self._result(last_word)) is not None:
                answers.append(_answer(result))
                if isinstance(answers[-1], CopyAsked):
                    break
                last_word = result.error_field(DiagnosticField.SEVERITY_NONLOCALIZED) in {b"FATAL", b"PANIC"}
        except psycopg.OperationalError:
            answers.append(Refusal(_text(self._libpq.error_message)))
        return answers

    async def _result(self, closing: bool) -> PGresult | None:
        """The next result, waited for; raises a driver's error when the connection breaks.

        Where the server has said that it closes the connection, libpq makes a result of that.
        """
        loop = asyncio.get_running_loop()
        while self._libpq.is_busy():
            await self._ready(loop.add_reader, loop.remove_reader)
            if closing:
                break
            self._libpq.consume_input()
        return self._libpq.get_result()

    async def _ready(self, watch: Callable[[int, Callable[[], None]], None], forget: Callable[[int], object]) -> None:
        ready, socket = asyncio.Event(), self._libpq.socket
        watch(socket, ready.set)
        try:
            await ready.wait()
        finally:
            forget(socket)

    def notifications(self) -> list[Notification]:
        """See `ScriptConnection.notifications`."""
        found = []
        try:
            self._libpq.consume_input()
            while (notify := self._libpq.notifies()) is not None:
                found.append(Notification(_text(notify.relname), _text(notify.extra), notify.be_pid))
        except psycopg.OperationalError:  # The connection is gone, and its script has said so.
            return found
        return found

    @property
    def transaction(self) -> bool | None:
        """See `ScriptConnection.transaction`."""
        status = self._libpq.transaction_status
        return None if status == TransactionStatus.INERROR else status == TransactionStatus.INTRANS

    async def close(self) -> None:
        """See `ScriptConnection.close`."""
        await self._connection.close()


def _answer(result: PGresult) -> Answer:
    if result.status == ExecStatus.TUPLES_OK:
        return Table(
            tuple(_text(result.fname(column)) for column in range(result.nfields)),
            tuple(
                tuple(_value(result.get_value(row, column)) for column in range(result.nfields))
                for row in range(result.ntuples)
            ),
        )
    if result.status in ROWLESS:
        return Done(result.command_tuples)
    if result.status != ExecStatus.FATAL_ERROR:
        return CopyAsked()
    severity = result.error_field(DiagnosticField.SEVERITY)
    message = result.error_field(DiagnosticField.MESSAGE_PRIMARY)
    code = result.error_field(DiagnosticField.SQLSTATE)
    # What libpq itself has to say, as of a lost connection, has no fields.
    shown = f"{_text(severity)}:  {_text(message)}" if severity and message else _text(result.error_message)
    return Refusal(shown, _value(code))


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode(ENCODING, "replace")


def _value(raw: bytes | None) -> str | None:
    return None if raw is None else _text(raw)
