"""The backfill: every old user gets the date that the log knows, in batches so small that nobody notices.

Each batch is a transaction of its own, over the next ids in key order, and how far it has come is written in that same
transaction. So a batch and its checkpoint are there together or not at all: whatever kills the program, whenever, the
next one goes on where this one was, and comes to the same rows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from labs.migrations.ladder import LOCK_NOT_AVAILABLE
from labs.migrations.models import Backfill, Signups, User
from labs.migrations.throttle import Throttle
from labs.workbench.engines.engine import Engine
from labs.workbench.sessions import SessionMaker

TASK = "users.created_at"

FIRST_SIZE = 500
SMALLEST, LARGEST = 100, 50_000

PATIENCE_MS = 50
"""How long a batch waits for a row that somebody else holds, while it holds rows itself. MariaDB: not at all."""

PAUSE_S = 0.2
"""Between looks whether the pause is over."""

LONGEST_REST_S = 1.0

SETTINGS = {
    "postgresql": text(
        f"SELECT set_config('lock_timeout', '{PATIENCE_MS}ms', false), "
        "set_config('synchronous_commit', 'off', false), "
        "CASE WHEN current_setting('backend_flush_after', true) IS NOT NULL "
        "THEN set_config('backend_flush_after', '512kB', false) END"
    ),
    "mariadb": text("SET innodb_lock_wait_timeout = 0"),
    "mysql": text("SET innodb_lock_wait_timeout = 1"),
}
"""Of the session of the batches. On PostgreSQL their COMMIT need not wait for the disk: should the server crash before
a batch is there, it is lost together with its checkpoint, and done again. And what they write goes to the disk as they
go: kept by the system, it is written all at once by a checkpoint, and everybody's COMMIT waits behind that."""

DATE = text(
    "UPDATE users SET created_at = :registered_at WHERE id BETWEEN :first_id AND :last_id AND created_at IS NULL"
)
"""Who has a date keeps it. Once for each entry of the log: a join leaves it to the planner how to get there, and at ten
million rows PostgreSQL's reads the whole table for each batch."""


def row_lock_timeout(dialect: str, milliseconds: int) -> str:
    """The statement that limits how long the next ones wait for a row; MariaDB counts in whole seconds, from none."""
    if dialect == "postgresql":
        return f"SET LOCAL lock_timeout = '{milliseconds}ms'"
    return f"SET innodb_lock_wait_timeout = {milliseconds // 1000}"


@dataclass(frozen=True, slots=True)
class Batch:
    """What came of one, or of an attempt."""

    done_id: int
    last_id: int
    size: int
    """How many ids it was to look at."""
    seconds: float
    refused: bool = False
    """Whether a lock stood in its way, and it was rolled back."""


@dataclass(slots=True)
class Backfiller:
    """Runs batches until all old users have a date.

    Args:
        target_ms: what a batch is to take: its size is steered by that, never guessed.
        throttle: says when to rest.
        nice: seconds of rest for each second of work, to begin with; the checkpoint's row has it from then on.
        paused: whether it stands still, to begin with; likewise.
    """

    server: Engine
    sessions: SessionMaker
    target_ms: float = 75.0
    nice: float = 0.0
    paused: bool = False
    throttle: Throttle | None = None
    size: int = field(default=FIRST_SIZE, init=False)
    paused_s: float = field(default=0.0, init=False)
    """How long it has stood still."""

    async def begin(self) -> int:
        """Write down the last old user, once. Whoever comes later gets a date by default and trigger.

        Returns:
            Up to which id an earlier one has come.
        """
        async with self.sessions.begin() as session:
            if (earlier := await session.get(Backfill, TASK)) is not None:
                return earlier.done_id
            last = await session.scalar(select(func.coalesce(func.max(User.id), 0))) or 0
            await session.execute(
                insert(Backfill).values(task=TASK, done_id=0, last_id=last, nice=self.nice, paused=self.paused)
            )
            return 0

    async def batches(self) -> AsyncIterator[Batch]:
        """Each batch as it ends, the refused ones too; between them it rests as it is told to."""
        async with self.sessions.begin() as session:
            await session.execute(SETTINGS[session.get_bind().dialect.name])
        refused = 0
        while True:
            if self.throttle is not None:
                await self.throttle.rest()
            began = time.perf_counter()
            try:
                progress = await self._batch()
            except DBAPIError as error:
                if self.server.sqlstate(error) not in LOCK_NOT_AVAILABLE and not self.server.transient(error):
                    raise
                refused += 1
                self.size = max(SMALLEST, self.size // 2)
                yield Batch(0, 0, self.size, time.perf_counter() - began, refused=True)
                await asyncio.sleep(min(0.02 * 2 ** min(refused, 10), LONGEST_REST_S))
                continue
            refused = 0
            if progress.paused:
                await asyncio.sleep(PAUSE_S)
                self.paused_s += time.perf_counter() - began
                continue
            seconds = time.perf_counter() - began
            yield Batch(progress.done_id, progress.last_id, self.size, seconds)
            if progress.done_id >= progress.last_id:
                return
            self._steer(seconds)
            await asyncio.sleep(seconds * progress.nice)

    async def _batch(self) -> Backfill:
        """One batch with its checkpoint. The checkpoint's row is locked first: nobody else runs the same backfill."""
        # By keys, not by numbers: however many ids are missing, a batch is of so many rows.
        end = (
            select(User.id)
            .where(User.id > Backfill.done_id, User.id <= Backfill.last_id)
            .order_by(User.id)
            .offset(self.size - 1)
            .limit(1)
            .scalar_subquery()
        )
        found = select(Backfill, func.coalesce(end, Backfill.last_id)).where(Backfill.task == TASK).with_for_update()
        progress: Backfill
        async with self.sessions.begin() as session:
            progress, last = (await session.execute(found)).one()
            if not progress.paused:
                await self._date(session, progress.done_id + 1, last)
                progress.done_id = last
            return progress

    async def _date(self, session: AsyncSession, first: int, last: int) -> None:
        """Give the users with these ids, both included, the dates of the log."""
        entries = await session.scalars(select(Signups).where(Signups.last_id >= first, Signups.first_id <= last))
        ranges = [
            {
                "registered_at": entry.registered_at,
                "first_id": max(entry.first_id, first),
                "last_id": min(entry.last_id, last),
            }
            for entry in entries
        ]
        if ranges:
            await session.execute(DATE, ranges)

    def _steer(self, seconds: float) -> None:
        """Half or double at most: one slow batch is no trend."""
        factor = self.target_ms / (seconds * 1000) if seconds else 2.0
        self.size = int(min(max(self.size * min(max(factor, 0.5), 2.0), SMALLEST), LARGEST))
