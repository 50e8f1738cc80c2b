"""The whole migration, phase by phase, each shown before it runs."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sqlalchemy import text, update

from labs.migrations import ladder
from labs.migrations.backfill import TASK, Backfiller, row_lock_timeout
from labs.migrations.ladder import Climber, Step
from labs.migrations.models import Backfill
from labs.migrations.throttle import Throttle
from labs.stream.specs import Cell
from labs.workbench.bench import Bench

BACKFILL_AFTER = "dual_write"
"""From this revision on no row without a date comes in any more, so that a backfill has an end."""

POINT_OF_NO_RETURN = "contract"

TURN_MS = 2_000
"""How long a dial waits for a batch, or whoever else holds the checkpoint's row, to let it go."""

LAG_MS = 1_000
"""How far a replica may be behind while a batch begins."""

Deploy = Callable[[], Awaitable[None]]
"""Brings the next version of the programs."""


async def _nobody() -> None:
    """There are no programs."""


@dataclass(slots=True)
class Migration:
    """Goes up the ladder, with the backfill in its place."""

    bench: Bench
    climber: Climber
    backfiller: Backfiller
    started: Deploy = _nobody
    """Called once the column is there for programs that know it, and nobody else has to."""
    finished: Deploy = _nobody
    """Called before the scaffolding goes: returns when no program leaves the date out any more."""
    steps: list[Step] = field(default_factory=list)
    batches: int = 0
    refused: int = 0
    """Batches that met a lock, and were rolled back."""
    longest_batch_ms: float = 0.0
    backfill_s: float = 0.0

    @property
    def rested(self) -> Mapping[str, int]:
        """By reason, how often the backfill was told to rest."""
        return self.backfiller.throttle.rested if self.backfiller.throttle is not None else {}

    async def up(self) -> None:
        """All of it."""
        for revision in ladder.order():
            if revision == POINT_OF_NO_RETURN:
                await self.finished()
            await self.step(revision)
            if revision == BACKFILL_AFTER:
                await self.started()
                await self.backfill()

    async def step(self, revision: str) -> None:
        """One revision: its SQL is told, then sent."""
        async with self.bench.reading() as connection:
            statements = await connection.run_sync(ladder.sql, revision)
        sent = "; ".join(" ".join(statement.split()) for statement in statements) or "nothing to do on this engine"
        self.bench.note(f"{ladder.about(revision)} {sent}.")
        if revision == POINT_OF_NO_RETURN:
            self.bench.note(
                "What cannot be undone: programs may rely on the date from here on. A rollback drops the column, and "
                "with it the dates of all users registered since the migration began; no log has them."
            )
        step = await self.climber.go(revision)
        self.steps.append(step)
        if self.backfiller.throttle is not None:
            await self.backfiller.throttle.look_at_replicas()
        if step.attempts > 1:
            self.bench.note(
                f"{revision}: got the table at attempt {step.attempts}; before, it gave up, and let the others pass."
            )

    async def backfill(self) -> None:
        """Until every old user has a date, or from where an earlier one was."""
        began = time.monotonic()
        start = await self.backfiller.begin()
        async for batch in self.backfiller.batches():
            if batch.refused:
                if not self.refused:
                    self.bench.note("A batch met a row that somebody holds: rolled back, tried again as half.")
                self.refused += 1
                continue
            self.batches += 1
            self.longest_batch_ms = max(self.longest_batch_ms, batch.seconds * 1000)
            since = began + self.backfiller.paused_s
            self.bench.progress("Backfill", batch.done_id, batch.last_id, "users", since=since, start=start)
        self.backfill_s = time.monotonic() - began
        if self.rested:
            reasons = ", ".join(f"{reason} {count} times" for reason, count in self.rested.items())
            self.bench.note(f"The backfill looked at the server before its batches, and rested for: {reasons}.")


@asynccontextmanager
async def migration(
    bench: Bench,
    *,
    lock_timeout_ms: int = 100,
    target_ms: float = 75.0,
    nice: float = 0.0,
    throttled: tuple[int, int] = (1, 25),
    lag_ms: int | None = LAG_MS,
) -> AsyncIterator[Migration]:
    """One whose DDL is told in a lane; the backfill's thousands of statements are not, but how far they have come.

    Args:
        throttled: more sessions than these may neither wait for locks nor be at work while a batch begins.
        lag_ms: nor may a replica be further behind than that; None not to look.
    """
    async with (
        bench.sessions("migration", isolation="read committed") as (lane,),
        bench.clients(1, isolation="read committed") as (quiet,),
        bench.clients(1, isolation="autocommit") as (looking,),
        bench.clients(1, isolation="read committed") as (turning,),
        looking() as session,
    ):
        throttle = Throttle(await session.connection(), *throttled, lag_ms)
        backfiller = Backfiller(bench.server, quiet, target_ms=target_ms, nice=nice, throttle=throttle)

        async def turn(dial: str, value: Cell) -> None:
            """Its checkpoint's row obeys anybody who writes to it; a backfill yet to begin, this."""
            setattr(backfiller, dial, value)
            async with turning.begin() as session:
                await session.execute(text(row_lock_timeout(session.get_bind().dialect.name, TURN_MS)))
                await session.execute(update(Backfill).where(Backfill.task == TASK).values({dial: value}))

        async with bench.turned_by(turn):
            yield Migration(bench, Climber(bench.server, lane, lock_timeout_ms=lock_timeout_ms), backfiller)
