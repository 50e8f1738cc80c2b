"""Scripts on MariaDB: several statements in one query, as its protocol allows where the client asks for it."""

from __future__ import annotations

import asyncio
from typing import Any, Self

import aiomysql
from pymysql.constants.SERVER_STATUS import SERVER_STATUS_IN_TRANS
from sqlalchemy import URL

from labs.workbench.engines.engine import ConnectingError
from labs.workbench.engines.scripts import (
    Answer,
    Done,
    Heard,
    Notification,
    Refusal,
    ScriptConnection,
    SendingError,
    Table,
)

SERVERS_OWN = frozenset({"Warning", "Note"})
"""Levels of SHOW WARNINGS that are not the refusal itself."""


class MariaDBScripts(ScriptConnection):
    """See `ScriptConnection`. Warnings and notes of a script's last statement are heard after it."""

    def __init__(self, connection: Any, heard: Heard) -> None:
        self._connection = connection
        self._heard = heard
        self.pid = connection.thread_id()

    @classmethod
    async def open(cls, url: URL, application: str, schema: str, timeout_s: int, heard: Heard) -> Self:
        """Connect to the server of a URL, with a schema as the current database; raises `ConnectingError`."""
        place = url.translate_connect_args(username="user", database="db") | url.query | {"db": schema}
        try:
            # As with SQLAlchemy's connections, the driver's own limit would end when the server accepts.
            async with asyncio.timeout(timeout_s):
                connection = await aiomysql.connect(
                    **place,
                    autocommit=True,
                    conv={},  # every value as the server writes it
                    program_name=application,
                )
        except (OSError, TimeoutError, RuntimeError, aiomysql.Error) as error:
            raise ConnectingError from error
        return cls(connection, heard)

    async def run(self, script: str) -> list[Answer]:
        """See `ScriptConnection.run`."""
        if self._connection.closed:
            raise SendingError("The connection is closed.\n")
        answers: list[Answer] = []
        try:
            await self._connection.query(script)
            answers.append(self._answer())
            while self._connection._result.has_next:
                await self._connection.next_result()
                answers.append(self._answer())
            if self._connection._result.warning_count:
                await self._tell_warnings()
        except (aiomysql.Error, RuntimeError) as error:
            number, message = error.args if len(error.args) == 2 else (None, str(error))
            answers.append(Refusal(f"ERROR:  {message}", None if number is None else str(number)))
        return answers

    def _answer(self) -> Answer:
        result = self._connection._result
        if result.description is None:
            return Done(result.affected_rows)
        columns = tuple(str(column[0]) for column in result.description)
        return Table(columns, tuple(tuple(_value(value) for value in row) for row in result.rows))

    async def _tell_warnings(self) -> None:
        await self._connection.query("SHOW WARNINGS")
        for level, _number, message in self._connection._result.rows:
            if level in SERVERS_OWN:
                self._heard(f"{level.upper()}:  {message}\n")

    def notifications(self) -> list[Notification]:
        """See `ScriptConnection.notifications`; MariaDB has none."""
        return []

    @property
    def transaction(self) -> bool | None:
        """See `ScriptConnection.transaction`; what MariaDB gives up, it rolls back."""
        return not self._connection.closed and bool(self._connection.server_status & SERVER_STATUS_IN_TRANS)

    async def close(self) -> None:
        """See `ScriptConnection.close`."""
        self._connection.close()


def _value(value: str | bytes | None) -> str | None:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
