"""Clients of a load: session makers like those of any program, with nothing traced and nothing held."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from labs.workbench.engines.engine import Engine
from labs.workbench.sessions import SessionMaker


@asynccontextmanager
async def clients(
    server: Engine, control: AsyncEngine, number: int, *, application: str, schema: str, isolation: str | None
) -> AsyncIterator[tuple[SessionMaker, ...]]:
    """So many session makers, each over one connection that is open already.

    When the load is broken off, what its connections still run is cancelled on the server.
    """
    makers: list[SessionMaker] = []
    pids: list[int] = []
    async with AsyncExitStack() as stack:
        for _ in range(number):
            engine = server.create(application=f"{application}/client", schema=schema, isolation=isolation)
            stack.push_async_callback(engine.dispose)
            async with engine.connect() as connection:
                raw = await connection.get_raw_connection()
                pids.append(server.backend_pid(raw.dbapi_connection))
            makers.append(async_sessionmaker[AsyncSession](engine, expire_on_commit=False))
        try:
            yield tuple(makers)
        except BaseException:
            await cancelled(server, control, pids)
            raise


async def cancelled(server: Engine, control: AsyncEngine, pids: Sequence[int]) -> None:
    """Cancel what these backends still run, if the server is there to be told."""
    with suppress(StatementError, *Engine.driver_errors):  # The server is lost: so are the statements.
        async with control.connect() as connection:
            await server.cancel(connection, pids)
