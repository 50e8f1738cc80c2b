"""A backfill with the mistake that its checkpoint is there to avoid; importable by a process of its own."""

from __future__ import annotations

from labs.migrations.backfill import TASK, Backfiller
from labs.migrations.experiments.crashes import backfill_until
from labs.migrations.models import Backfill


async def batch_in_two(self: Backfiller) -> Backfill:
    """The users in one transaction, the checkpoint in the next."""
    async with self.sessions.begin() as session:
        progress = await session.get_one(Backfill, TASK)
        last = min(progress.done_id + self.size, progress.last_id)
        await self._date(session, progress.done_id + 1, last)
    async with self.sessions.begin() as session:
        progress = await session.get_one(Backfill, TASK)
        progress.done_id = last
    return progress


async def backfill_in_two_until(engine: str, url: str, schema: str, fault: int | None) -> int:
    """See `backfill_until`."""
    Backfiller._batch = batch_in_two  # type: ignore[method-assign]
    return await backfill_until(engine, url, schema, fault)
