"""A backfill that is in nobody's way on the primary, and what its standby has of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.migrations import ladder, throttle, truth
from labs.migrations.loading import load
from labs.migrations.migration import BACKFILL_AFTER, migration
from labs.migrations.models import Backfill, User
from labs.migrations.parameters import Dials, Rows
from labs.migrations.throttle import REPLICA_LAG, Lag
from labs.migrations.truth import Dates
from labs.workbench.bench import Bench
from labs.workbench.engines.engine import Engine
from labs.workbench.engines.standby import standby_of
from labs.workbench.errors import LabError
from labs.workbench.lab import Watched, experiment

HEEDLESS, HEEDFUL = "Not looking", "Resting while it lags"

LOOK_S = 0.05
"""Between two looks at the standby."""

CATCH_UP_S = 120.0

MIB = 2**20


class Standby(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds the standby up, and how far behind it may fall."""

    rows: Rows = 100_000
    report: Annotated[
        float, msgspec.Meta(ge=0.5, le=20, description="seconds that a report on the standby has its transaction open")
    ] = 3.0
    lag: Annotated[
        int, msgspec.Meta(ge=20, le=10_000, description="milliseconds behind from which on the backfill rests")
    ] = 100


@dataclass(frozen=True, slots=True)
class Behind:
    """How far the standby was behind at most, how the backfill went, and what the standby has in the end."""

    bytes: int
    seconds: float
    rests: int
    """How often it rested for the standby."""
    dates: Dates


class Replicas:
    """Those who have to follow."""

    @experiment(
        "Replica lag",
        stepped=False,
        watched=Watched(),
        dials=Dials,
        question="The primary has no trouble with the backfill: does its standby?",
        why="""
        A standby is made for this run, by pg_basebackup: a server of its own, which receives the log and replays it.
        Somebody reads there, in a transaction, as reports do.

        Then the column comes. On the primary, ALTER TABLE has its lock for a millisecond. On the standby the same lock
        is replayed, and has to wait for the report; and as a log is replayed in order, everything after it waits too.
        The backfill knows nothing of it, goes on writing, and whoever reads from the standby reads the past: that is
        what Furthest behind says.

        Then the same, and before each batch the backfill looks how far behind the standby is, and rests while that is
        too far. It takes longer, and leaves the standby as much behind as the ALTER alone would have. For how long the
        standby is behind is the report's doing, and the same both times; how much it then has to catch up with is not.

        Look at what the lag is measured by. pg_stat_replication has replay_lag, but it speaks of what was replayed
        last: while nothing is, it stands still. So the backfill writes down how far the log was when, and asks how old
        the oldest part is that the standby still lacks (labs/migrations/throttle.py).
        """,
        lacking={"mariadb": "The program's own MariaDB writes no binary log, so nothing can follow it."},
    )
    async def replica_lag(self, bench: Bench, parameters: Standby) -> None:
        """Twice the same backfill, and a comparison of both servers in the end."""
        async with bench.empty_tables() as connection:
            await load(bench, connection, parameters.rows)
            bench.note("pg_basebackup copies the server; the standby starts, and follows.")
            async with standby_of(bench.server) as standby:
                heedless = await self._backfill(bench, connection, standby, parameters, HEEDLESS, None)
                heedful = await self._backfill(bench, connection, standby, parameters, HEEDFUL, parameters.lag)
        if not heedful.rests and heedless.seconds < parameters.lag / 1000 + throttle.LOOK_S:
            bench.note(
                "The backfill was over before the standby was that far behind: give more rows, or a smaller lag."
            )
        bench.verdict(
            "Who rests while the standby lags leaves it less than half as far behind",
            heedful.bytes * 2 < heedless.bytes,
            heedless_mib=round(heedless.bytes / MIB, 1),
            resting_mib=round(heedful.bytes / MIB, 1),
        )
        bench.verdict(
            "It is the standby for which it rested",
            heedful.rests > 0,
            rests=heedful.rests,
        )
        bench.verdict(
            "In the end every date is on the standby too",
            all(not one.dates.without and not one.dates.untrue for one in (heedless, heedful)),
            not_looking=heedless.dates.verdict,
            resting=heedful.dates.verdict,
        )

    async def _backfill(
        self,
        bench: Bench,
        connection: AsyncConnection,
        standby: Engine,
        parameters: Standby,
        variant: str,
        lag_ms: int | None,
    ) -> Behind:
        """Up to the backfill's end while a report is open on the standby; then all the way back."""
        bench.note(f"{variant}.")
        async with migration(bench, lag_ms=lag_ms) as run:
            async with (
                bench.reading() as looking,
                furthest(looking) as lag,
                report(bench, standby, parameters.report),
            ):
                for revision in ladder.order()[: ladder.order().index(BACKFILL_AFTER) + 1]:
                    await run.step(revision)
                await run.backfill()
            await caught_up(connection)
            async with reading(bench, standby) as there:
                dates = await truth.dates(there, parameters.rows)
            await run.climber.go(ladder.BASE)
            await connection.execute(delete(Backfill))
            await connection.commit()
        rests = run.rested.get(REPLICA_LAG, 0)
        for metric, value, unit in (
            ("Furthest behind", lag.bytes / MIB, "MiB"),
            ("Longest behind", lag.milliseconds, "ms"),
            ("Backfill", run.backfill_s, "s"),
            ("Rests for the standby", rests, "looks"),
        ):
            bench.measured(metric, variant, value, unit, samples=1, low=value, high=value)
        return Behind(lag.bytes, run.backfill_s, rests, dates)


@asynccontextmanager
async def reading(bench: Bench, standby: Engine) -> AsyncIterator[AsyncConnection]:
    """A connection to the standby, on the lab's schema."""
    engine = standby.create(application=f"{bench.application}/report", schema=bench.schema)
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


@asynccontextmanager
async def report(bench: Bench, standby: Engine, open_s: float) -> AsyncIterator[None]:
    """Somebody who has read the users on the standby, and leaves the transaction open for so long."""
    async with reading(bench, standby) as connection:
        await connection.scalar(select(func.count()).select_from(User))

        async def end() -> None:
            await asyncio.sleep(open_s)
            await connection.rollback()

        ending = asyncio.create_task(end())
        try:
            yield
            await ending
        finally:
            ending.cancel()
            await asyncio.gather(ending, return_exceptions=True)


@asynccontextmanager
async def furthest(connection: AsyncConnection) -> AsyncIterator[Lag]:
    """How far behind the standby is at most while this lasts."""
    most, over = Lag(), False

    async def look() -> None:
        lag = Lag()
        while not over:
            await lag.look(connection)
            await connection.rollback()
            most.bytes = max(most.bytes, lag.bytes)
            most.milliseconds = max(most.milliseconds, lag.milliseconds)
            await asyncio.sleep(LOOK_S)

    looking = asyncio.create_task(look())
    try:
        yield most
    finally:
        over = True  # Cancelled, a look under way would take its connection with it.
        await looking


async def caught_up(connection: AsyncConnection) -> None:
    """Wait until the standby lacks nothing; raises `LabError` when it does not get there."""
    lag, until = Lag(), time.monotonic() + CATCH_UP_S
    while time.monotonic() < until:
        await lag.look(connection)
        await connection.rollback()
        if not lag.bytes:
            return
        await asyncio.sleep(LOOK_S)
    raise LabError(
        "The standby does not catch up",
        f"After {CATCH_UP_S:.0f} s it still lacks {lag.bytes / MIB:.0f} MiB of the log.",
        "Give fewer rows, or a disk that writes faster.",
    )
