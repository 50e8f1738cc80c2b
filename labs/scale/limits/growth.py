"""How long things take at growing sizes."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.scale.customers import Customers
from labs.scale.limits.plans import analyze
from labs.scale.loading import load
from labs.scale.models import TABLE, Customer
from labs.workbench.bench import Bench

SIZES = 7
SMALLEST, RANGE = 4_000, 1_000
"""The first size; and by what factor the last may be larger."""

LOOKUPS, SCANS, FEWEST_SCANS, SCANNING_S = 200, 20, 3, 2.0
"""So many, or fewer once so many seconds are over."""


@dataclass(slots=True)
class Curve:
    """One thing that was timed, at every size."""

    title: str
    rows: list[int] = field(default_factory=list)
    median_ms: list[float] = field(default_factory=list)

    def add(self, rows: int, milliseconds: Sequence[float]) -> None:
        """What it took at one size, time after time."""
        self.rows.append(rows)
        self.median_ms.append(median(milliseconds))


def sizes(rows: int) -> list[int]:
    """From the smallest to that many, each larger than the one before by the same factor."""
    smallest = max(SMALLEST, rows // RANGE)
    factor = (rows / smallest) ** (1 / (SIZES - 1))
    return [round(smallest * factor**number) for number in range(SIZES)]


async def measure(bench: Bench, connection: AsyncConnection, rows: int, seed: int) -> tuple[Curve, Curve, Curve]:
    """A load, a scan and a lookup, at each size; loads add up to the table's size."""
    loads, scans, lookups = Curve("Load"), Curve("Scan"), Curve("Lookup")
    draw, began = Random(seed), time.monotonic()
    for number, size in enumerate([SMALLEST, *sizes(rows)]):  # The first for nothing but to have all warm.
        await connection.execute(text(f"TRUNCATE TABLE {TABLE}"))
        await connection.commit()
        customers = Customers(seed, size)

        async def fill(customers: Customers = customers) -> None:
            await load.send(connection, customers)
            await connection.commit()

        async def look_up(size: int = size) -> None:
            await connection.execute(select(Customer).where(Customer.id == draw.randint(1, size)))

        async def scan() -> None:
            await connection.execute(select(Customer.city, func.sum(Customer.balance)).group_by(Customer.city))

        load_ms = await timed(fill, 1)
        await analyze(bench.server, connection, TABLE)
        if not number:
            continue
        loads.add(size, load_ms)
        await timed(scan, 1)  # What the load has left to do is not the scan's.
        scans.add(size, await timed(scan, SCANS))
        lookups.add(size, await timed(look_up, LOOKUPS))
        await connection.commit()
        bench.progress("Growth", number, SIZES, "sizes", since=began)
    return loads, scans, lookups


async def timed(what: Callable[[], Awaitable[None]], times: int) -> list[float]:
    """Milliseconds, time after time; fewer times where it takes long."""
    took: list[float] = []
    until = time.perf_counter() + SCANNING_S
    while len(took) < times and (len(took) < FEWEST_SCANS or time.perf_counter() < until):
        began = time.perf_counter()
        await what()
        took.append((time.perf_counter() - began) * 1000)
    return took
