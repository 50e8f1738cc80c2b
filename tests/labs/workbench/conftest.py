"""A lab's place on a real server; a table of two rows there, and sessions that an interleaver can hold."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import count

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from labs.races.lab import Races
from labs.workbench.bench import EXPLORED
from labs.workbench.engines.engine import Engine
from labs.workbench.place import Place, probed
from labs.workbench.schedule import Interleaver
from labs.workbench.sessions import LabSession
from labs.workbench.turns import ByHand, Stepper, Turns
from tests.conftest import Heard

SCHEMA = "ninelabs_test_workbench"


@pytest.fixture
async def place(server: Engine) -> AsyncIterator[Place]:
    """The races lab's own, rebuilt and claimed."""
    opened = Place(server, Races())
    await opened.open(rebuild=True)
    yield opened
    await opened.close()


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Engine:
    """PostgreSQL; one engine after the other for a test that asks for `either`."""
    engine: Engine = request.getfixturevalue("either" if "either" in request.fixturenames else "server")
    return engine


@pytest.fixture
async def schema(database: Engine) -> AsyncIterator[str]:
    """A schema with one table, `pot`, of two rows."""
    await probed(database, "test")
    engine = database.create(application="test", isolation="autocommit")
    async with engine.connect() as connection:
        await database.recreate_schema(connection, SCHEMA)
        await connection.execute(text(f"CREATE TABLE {SCHEMA}.pot (id int PRIMARY KEY, n int NOT NULL)"))
        await connection.execute(text(f"INSERT INTO {SCHEMA}.pot VALUES (1, 0), (2, 0)"))
        yield SCHEMA
        await connection.execute(text(f"DROP TABLE {SCHEMA}.pot"))
        await connection.execute(text(f"DROP SCHEMA {SCHEMA}"))
    await engine.dispose()


@pytest.fixture
async def outside(database: Engine, schema: str) -> AsyncIterator[AsyncEngine]:
    """A connection that is no session of the lab's."""
    engine = database.create(application="outside", schema=schema)
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
                server=self.server,
                control=control,
                emit=self._heard.append,
                show_held=self.stepper.by_hand,
            )
            return await interleaver.play(turns, transactions)


@pytest.fixture
async def table(database: Engine, schema: str, heard: Heard) -> AsyncIterator[Callable[..., Awaitable[Table]]]:
    """A function that seats sessions by name, at an isolation level."""
    async with AsyncExitStack() as stack:

        async def seat(*names: str, isolation: str | None = None) -> Table:
            control = database.create(application="control", isolation="autocommit")
            stack.push_async_callback(control.dispose)
            numbers = count(1)
            sessions = {}
            for name in names:
                engine = database.create(
                    application=f"test/{name}", schema=schema, isolation=isolation, scheduled=EXPLORED
                )
                stack.push_async_callback(engine.dispose)
                sessions[name] = LabSession(name, database, engine, isolation, heard.append)
                await sessions[name].connect(numbers)
            return Table(database, control, heard, sessions)

        yield seat
