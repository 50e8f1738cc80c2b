"""Connections to a real MariaDB server, side by side, and what the server says of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.workbench.engines.mariadb.engine import MariaDB

SCHEMA = "ninelabs_test_mariadb"
BUMP = "UPDATE pot SET n = n + 1 WHERE id = 1"


class Lane:
    """A connection, and what the server calls it."""

    def __init__(self, connection: AsyncConnection, pid: int) -> None:
        self.connection = connection
        self.pid = pid
        self._task: asyncio.Task[Any] | None = None

    async def run(self, sql: str, **parameters: object) -> Any:
        """Run a statement; returns the first value of a row, if there is one."""
        result = await self.connection.execute(text(sql), parameters)
        row = result.first() if result.returns_rows else None
        return row[0] if row else None

    def start(self, sql: str, **parameters: object) -> asyncio.Task[Any]:
        self._task = asyncio.create_task(self.run(sql, **parameters))
        return self._task

    async def end(self, server: MariaDB, control: AsyncConnection) -> None:
        """Cancel what still runs."""
        if self._task and not self._task.done():
            await server.cancel(control, [self.pid])
            await asyncio.gather(self._task, return_exceptions=True)

    async def rollback(self) -> None:
        await self.connection.rollback()


class Bar:
    """The server, and connections to it."""

    def __init__(self, server: MariaDB, stack: AsyncExitStack) -> None:
        self.server = server
        self.stack = stack
        self.control: AsyncConnection

    async def connect(
        self,
        name: str = "test",
        isolation: str | None = None,
        schema: str | None = SCHEMA,
        patience_s: float | None = None,
    ) -> Lane:
        engine = self.server.create(application=name, schema=schema, isolation=isolation, patience_s=patience_s)
        self.stack.push_async_callback(engine.dispose)
        connection = await self.stack.enter_async_context(engine.connect())
        raw = await connection.get_raw_connection()
        lane = Lane(connection, self.server.backend_pid(raw.dbapi_connection))
        if hasattr(self, "control"):
            self.stack.push_async_callback(lane.end, self.server, self.control)
        return lane

    async def blockers(self, *lanes: Lane) -> dict[int, tuple[int, ...]]:
        return await self.server.blockers(self.control, [lane.pid for lane in lanes])

    async def until_waiting(self, *lanes: Lane) -> dict[int, tuple[int, ...]]:
        """Ask until each of them waits, as often as the server answers."""
        async with asyncio.timeout(10):
            while True:
                waiting = await self.blockers(*lanes)
                if len(waiting) == len(lanes):
                    return waiting


async def refused(work: Awaitable[Any]) -> DBAPIError:
    with pytest.raises(DBAPIError) as caught:
        await work
    return caught.value
