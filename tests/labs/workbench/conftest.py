"""Two accounts on a real server, and sessions that an interleaver can hold."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import count

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from labs.workbench.engines.engine import Engine
from labs.workbench.schedule import ByHand, Interleaver, Stepper, Turns
from labs.workbench.sessions import LabSession
from tests.conftest import Heard

SCHEMA = "ninelabs_test_workbench"


@pytest.fixture
async def schema(server: Engine) -> AsyncIterator[str]:
    """A schema with one table, `pot`, of two rows."""
    engine = server.create(application="test", isolation="autocommit")
    async with engine.connect() as connection:
        for statement in (
            f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE",
            f"CREATE SCHEMA {SCHEMA}",
            f"CREATE TABLE {SCHEMA}.pot (id int PRIMARY KEY, n int NOT NULL)",
            f"INSERT INTO {SCHEMA}.pot VALUES (1, 0), (2, 0)",
        ):
            await connection.execute(text(statement))
        yield SCHEMA
        await connection.execute(text(f"DROP SCHEMA {SCHEMA} CASCADE"))
    await engine.dispose()


@pytest.fixture
async def outside(server: Engine, schema: str) -> AsyncIterator[AsyncEngine]:
    """A connection that is no session of the lab's."""
    engine = server.create(application="outside", schema=schema)
    yield engine
    await engine.dispose()


class Table:
    """The sessions of a test, and how to play them."""

    def __init__(self, server: Engine, control: AsyncEngine, heard: Heard, sessions: dict[str, LabSession]) -> None:
        self.server = server
        self.sessions = sessions
        self.stepper = Stepper()
        self._control = control
        self._heard = heard

    def __getitem__(self, name: str) -> LabSession:
        return self.sessions[name]

    async def play(self, order: str, **transactions: Callable[[], Awaitable[object]]) -> dict[str, object]:
        """Play transaction functions by the sessions' names, in an order."""
        return await self.play_turns(ByHand(order, self.stepper, self._heard.append), transactions)

    async def play_turns(
        self, turns: Turns, transactions: dict[str, Callable[[], Awaitable[object]]]
    ) -> dict[str, object]:
        """Play them turn by turn."""
        async with self._control.connect() as control:
            interleaver = Interleaver(
                [self.sessions[name] for name in transactions],
                blockers=lambda pids: self.server.blockers(control, pids),
                cancel=lambda pids: self.server.cancel(control, pids),
                emit=self._heard.append,
                show_held=self.stepper.by_hand,
            )
            return await interleaver.play(turns, transactions)


@pytest.fixture
async def table(server: Engine, schema: str, heard: Heard) -> AsyncIterator[Callable[..., Awaitable[Table]]]:
    """A function that seats sessions by name, at an isolation level."""
    async with AsyncExitStack() as stack:

        async def seat(*names: str, isolation: str | None = None) -> Table:
            control = server.create(application="control", isolation="autocommit")
            stack.push_async_callback(control.dispose)
            numbers = count(1)
            sessions = {}
            for name in names:
                engine = server.create(application=f"test/{name}", schema=schema, isolation=isolation)
                stack.push_async_callback(engine.dispose)
                sessions[name] = LabSession(name, server, engine, isolation, heard.append)
                await sessions[name].connect(numbers)
            return Table(server, control, heard, sessions)

        yield seat
