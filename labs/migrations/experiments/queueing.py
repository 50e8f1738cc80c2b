"""Who waits behind an ALTER TABLE that itself only waits."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

import msgspec
from sqlalchemy import func, select

from labs.migrations.ladder import Climber
from labs.migrations.models import User
from labs.workbench.bench import Bench
from labs.workbench.lab import Watched, experiment
from labs.workbench.latency import LatencyMeter
from labs.workbench.sessions import SessionMaker

PATIENT, BRIEF = "Waiting as long as it takes", "lock_timeout, and again"

READERS = ("reader 1", "reader 2", "reader 3")

REST_S = 0.05
"""Between two queries of a reader."""

HEADSTART_S = 0.1
"""Time for the report to have read, and for the readers to have begun."""

BRIEFLY = 0.5
"""With a lock_timeout, a reader waits less than this share of what it waits without; MariaDB's least is a second."""


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A transaction that has read, and is left open."""

    idle: Annotated[float, msgspec.Meta(ge=0.3, le=60, description="seconds that the report's transaction is idle")] = (
        3.0
    )
    lock_timeout: Annotated[
        int, msgspec.Meta(ge=10, le=10_000, description="milliseconds that the ALTER waits; MariaDB: ≥ 1 s")
    ] = 100


class Queueing:
    """The lock queue."""

    @experiment(
        "Lock queue",
        stepped=False,
        watched=Watched((User,)),
        question="An ALTER TABLE of a millisecond waits for an idle transaction: who else waits?",
        why="""
        A report has read the table, and its transaction is still open, because a person looks at it, or because
        somebody forgot to end it. It locks nobody out: readers and writers pass. But ALTER TABLE wants the table to
        itself, so it waits for the report; and whoever comes after the ALTER waits behind the ALTER, since a queue
        that lets others pass would let an ALTER wait for ever. So plain readers stand still, for as long as the
        report is idle.

        Look at the Locks pane: the readers wait for migration, and migration waits for report. Nobody runs anything.

        Then the same with a lock_timeout: the ALTER gives up after a moment, the readers pass, and it comes back
        after a back-off, as often as need be. It gets through when the report has ended, and no reader has waited
        longer than the timeout. On MariaDB lock_wait_timeout counts in seconds, and is a whole day by default.
        """,
    )
    async def lock_queue(self, bench: Bench, parameters: Report) -> None:
        """Twice: as the server does it, and with a limit."""
        patient, _ = await self._queue(bench, parameters, PATIENT, None)
        brief, attempts = await self._queue(bench, parameters, BRIEF, parameters.lock_timeout)
        bench.verdict(
            "Behind a waiting ALTER TABLE, readers wait for a report that locks none of them out",
            patient >= BRIEFLY * parameters.idle * 1000,
            reader_waited_ms=round(patient),
            report_idle_ms=round(parameters.idle * 1000),
        )
        bench.verdict(
            "With a lock_timeout, and again, no reader waits half as long, and the ALTER gets through",
            brief < BRIEFLY * patient and attempts > 1,
            reader_waited_ms=round(brief),
            without_limit_ms=round(patient),
            attempts=attempts,
        )

    async def _queue(
        self, bench: Bench, parameters: Report, variant: str, lock_timeout_ms: int | None
    ) -> tuple[float, int]:
        """The longest that a reader waited, in milliseconds, and how often the ALTER was sent."""
        bench.note(f"{variant}.")
        longest = 0.0
        meter = LatencyMeter("Reads", variant, bench.show)

        async def read(sessions: SessionMaker, over: asyncio.Event) -> None:
            nonlocal longest
            while not over.is_set():
                began = time.perf_counter()
                with meter.timed():
                    async with sessions() as session:
                        await session.scalar(select(User.name).where(User.id == 1))
                longest = max(longest, (time.perf_counter() - began) * 1000)
                await asyncio.sleep(REST_S)

        async with bench.sessions("report", "migration", *READERS) as (report, migration, *readers):
            over = asyncio.Event()
            async with meter.telling(), asyncio.TaskGroup() as group:
                reporting = group.create_task(self._report(report, parameters.idle))
                reading = [group.create_task(read(reader, over)) for reader in readers]
                await asyncio.sleep(HEADSTART_S)
                attempts = await self._alter(bench, migration, lock_timeout_ms)
                await reporting
                over.set()
                await asyncio.wait(reading)
        bench.measured("Longest wait of a reader", variant, longest, "ms", samples=1, low=longest, high=longest)
        return longest, attempts

    async def _report(self, sessions: SessionMaker, idle_s: float) -> None:
        async with sessions() as session:
            await session.scalar(select(func.count()).select_from(User))
            await asyncio.sleep(idle_s)

    async def _alter(self, bench: Bench, sessions: SessionMaker, lock_timeout_ms: int | None) -> int:
        """Add the column, then take it away again, which nobody is in the way of any more."""
        climber = Climber(bench.server, sessions, lock_timeout_ms=lock_timeout_ms)
        step = await climber.go("expand")
        await climber.go("base")
        return step.attempts
