"""A table of any number of the customers at hand, and a report over it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import ceil
from statistics import median

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.scale.limits.plans import analyze
from labs.scale.models import TABLE
from labs.workbench.engines.engine import Engine

NAME = "probe"
CREATE = {
    "postgres": f"CREATE TABLE {NAME} (LIKE {TABLE} INCLUDING ALL)",
    "mariadb": f"CREATE TABLE {NAME} LIKE {TABLE}",
}
REPORT = text(f"SELECT city, sum(balance) FROM {NAME} GROUP BY city")

RUNS, WARM = 100, 3
"""How often the report is made for a figure, and before that for nothing."""

FEWEST, LONGEST_S = 20, 5.0
"""Where it takes long, so many will do."""


@dataclass(frozen=True, slots=True)
class Timed:
    """What the report took, in milliseconds."""

    median: float
    p99: float
    """The nearest rank; of fewer than a hundred, the longest."""
    runs: int


async def create(server: Engine, connection: AsyncConnection) -> None:
    """The table, with the customers' indexes."""
    await connection.execute(text(CREATE[server.name]))
    await connection.commit()


async def fill(server: Engine, connection: AsyncConnection, rows: int) -> None:
    """Have the first so many customers in it, and have it analyzed."""
    await connection.execute(text(f"TRUNCATE TABLE {NAME}"))
    await connection.execute(text(f"INSERT INTO {NAME} SELECT * FROM {TABLE} WHERE id <= {rows}"))
    await connection.commit()
    await analyze(server, connection, NAME)


async def report(connection: AsyncConnection) -> Timed:
    """Make the report again and again."""
    took: list[float] = []
    until = time.perf_counter() + LONGEST_S
    while len(took) < RUNS + WARM and (len(took) < FEWEST + WARM or time.perf_counter() < until):
        began = time.perf_counter()
        (await connection.execute(REPORT)).all()
        took.append((time.perf_counter() - began) * 1000)
    await connection.commit()
    ordered = sorted(took[WARM:])
    return Timed(median(ordered), ordered[ceil(len(ordered) * 0.99) - 1], len(ordered))
