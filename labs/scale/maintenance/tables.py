"""A table of customers that no background process touches, so that what is measured is what was done."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from labs.scale.customers import Customers
from labs.scale.limits.plans import analyze
from labs.scale.loading import disk, load
from labs.scale.models import TABLE
from labs.workbench.bench import Bench
from labs.workbench.engines.engine import Engine

WRITTEN_ANEW = 3
"""A table that is changed as a whole, and then written anew, is there up to so often."""

LEFT_ALONE = {
    "postgres": f"ALTER TABLE {TABLE} SET (autovacuum_enabled = off)",
    "mariadb": f"ALTER TABLE {TABLE} STATS_PERSISTENT = 1, STATS_AUTO_RECALC = 0",
}


async def fill(server: Engine, connection: AsyncConnection, rows: int, seed: int) -> None:
    """Load the customers into the empty table, have them analyzed, and see that nothing else is done to them."""
    await disk.must_do(server, connection, WRITTEN_ANEW * rows)
    await connection.execute(text(LEFT_ALONE[server.name]))
    await load.send(connection, Customers(seed, rows))
    await connection.commit()
    await analyze(server, connection, TABLE)


def alone(bench: Bench) -> AsyncEngine:
    """For VACUUM and its like, which run in no transaction."""
    return bench.server.create(
        application=f"{bench.application}/maintenance", schema=bench.schema, isolation="autocommit"
    )


async def run(engine: AsyncEngine, *statements: str) -> Any:
    """Run statements, each by itself; returns the first value of the last one's answer, if it has one."""
    async with engine.connect() as connection:
        value = None
        for one in statements:
            answer = await connection.exec_driver_sql(one)
            value = answer.scalar() if answer.returns_rows else None
        return value
