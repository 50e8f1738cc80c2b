"""An autovacuum stands in the way of a revision: it is cancelled in time, where the role may ask for that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.migrations import ladder, users
from labs.migrations.ladder import Climber, Step
from labs.workbench.bench import Bench
from labs.workbench.engines.engine import Engine

ROWS = 20_000
PATIENCE_S = 2.0

SLOW = text(
    "ALTER TABLE users SET (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0, "
    "autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)"
)
UNDER_WAY = text(
    "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker' AND query LIKE '%.users%'"
)


@pytest.fixture
def either(server: Engine) -> Engine:
    """It is PostgreSQL's."""
    return server


@pytest.fixture
async def vacuumed(bench: Bench) -> AsyncIterator[AsyncConnection]:
    """A table that an autovacuum is busy with, and will be for minutes."""
    settings = bench.server.create(application="test", isolation="autocommit")
    async with settings.connect() as outside, bench.empty_tables() as connection:
        await users.grow(connection, ROWS)
        await connection.execute(SLOW)
        await connection.execute(text("UPDATE users SET name = name || '.'"))
        await connection.commit()
        await outside.execute(text("ALTER SYSTEM SET autovacuum_naptime = '1s'"))
        await outside.execute(text("SELECT pg_reload_conf()"))
        try:
            async with asyncio.timeout(30):
                while not await outside.scalar(UNDER_WAY):  # noqa: ASYNC110 (it is the server that has to be asked)
                    await asyncio.sleep(0.05)
            yield connection
        finally:
            await outside.execute(text("ALTER SYSTEM RESET autovacuum_naptime"))
            await outside.execute(text("SELECT pg_reload_conf()"))
    await settings.dispose()


async def expand(bench: Bench) -> Step:
    """The first revision, with less patience than a deadlock takes to be looked for."""
    async with bench.sessions("migration") as (sessions,):
        return await Climber(bench.server, sessions, lock_timeout_ms=300, patience_s=PATIENCE_S).go("expand")


async def test_it_is_cancelled_before_the_lock_is_given_up_and_left_alone_it_never_is(
    bench: Bench, vacuumed: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patient:
        patient.setattr(ladder, "HURRIES", (99,))
        with pytest.raises(DBAPIError, match="lock timeout"):
            await expand(bench)
    hurried = await expand(bench)
    assert hurried.attempts == 1 and hurried.milliseconds < 150, "well before it is given up"
