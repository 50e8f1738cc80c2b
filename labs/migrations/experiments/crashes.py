"""A backfill that is killed, again and again, and what the next one finds."""

from __future__ import annotations

import os
import signal
import time
from typing import Annotated

import msgspec
from sqlalchemy import event, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker

from labs.migrations import ladder, truth
from labs.migrations.backfill import Backfiller
from labs.migrations.experiments.phases import validate
from labs.migrations.loading import load
from labs.migrations.migration import BACKFILL_AFTER, migration
from labs.migrations.models import Backfill
from labs.migrations.parameters import Rows
from labs.workbench.apart import ApartError, apart, preload
from labs.workbench.bench import Bench
from labs.workbench.lab import Watched, experiment
from labs.workbench.target import KINDS

SPACING = 6
"""Statements from one fault to the next. A batch has five with its COMMIT: each fault strikes another of them."""

KILLED = f"Its process ended with status {-signal.SIGKILL}"
"""What is said of a process to which that was done."""

CHECKPOINT = select(Backfill.done_id, Backfill.last_id)
TORN = text(
    "SELECT count(*) FROM users "
    "WHERE id <= :done AND created_at IS NULL OR id > :done AND id <= :last AND created_at IS NOT NULL"
)


class Kills(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often."""

    rows: Rows = 10_000
    kills: Annotated[int, msgspec.Meta(ge=1, le=50, description="how often the backfill's process is killed")] = 5


async def backfill_until(engine: str, url: str, schema: str, fault: int | None) -> int:
    """Go on with the backfill in this process, which kills itself ahead of its statement of that number.

    Returns:
        How many statements it took. A COMMIT counts as one, for between the batch and that it can be killed too.
    """
    from sqlalchemy import make_url

    kind, _ = KINDS[engine]
    created = kind(make_url(url)).create(application="ninelabs/backfill", schema=schema, isolation="read committed")
    statements = 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1
        if statements == fault:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(created.sync_engine, "before_cursor_execute", count)
    event.listen(created.sync_engine, "commit", count)
    backfiller = Backfiller(
        kind(make_url(url)), async_sessionmaker[AsyncSession](created, expire_on_commit=False), target_ms=5.0
    )
    try:
        await backfiller.begin()
        async for _ in backfiller.batches():
            pass
    finally:
        await created.dispose()
    return statements


class Crashes:
    """kill -9, and go on."""

    @experiment(
        "Killed, and resumed",
        stepped=False,
        watched=Watched((Backfill,)),
        question="The backfill's process is killed in the middle: which users have been done?",
        why="""
        The backfill runs in a process of its own, and is killed: not told to end, but ended, ahead of a statement
        that is another each time, the COMMIT among them. The next process asks the checkpoint, and goes on.

        The checkpoint is a row that is updated in the transaction of the batch. So what a kill takes away is a whole
        batch together with its checkpoint, and what it leaves is a whole batch together with its checkpoint. A
        checkpoint in a file, or in a transaction of its own, would lie in one of the two directions: users done twice,
        or, worse, never.
        """,
    )
    async def killed(self, bench: Bench, parameters: Kills) -> None:
        """Up to the backfill, which is killed, and resumed until it is through."""
        preload(__name__)
        async with bench.empty_tables() as connection:
            await load(bench, connection, parameters.rows)
            before = await truth.checksums(connection, parameters.rows)
            await connection.rollback()
            async with migration(bench) as run:
                for revision in ladder.order()[: ladder.order().index(BACKFILL_AFTER) + 1]:
                    await run.step(revision)
                kept, torn = await self._killed(bench, connection, parameters.kills)
                bench.verdict(
                    "A kill leaves every user up to the checkpoint with a date, and none of those after it",
                    bool(kept) and not torn,
                    kills=len(kept),
                    asked_for=parameters.kills,
                    checkpoints=" ".join(map(str, kept)),
                    users_between=torn,
                )
                await run.backfill()
                for revision in ladder.order()[ladder.order().index(BACKFILL_AFTER) + 1 :]:
                    await run.step(revision)
            await validate(bench, connection, parameters.rows, before)

    async def _killed(self, bench: Bench, connection: AsyncConnection, kills: int) -> tuple[list[int], int]:
        """Where the checkpoint was after each kill, and how many users were not on the side of it where they belong."""
        url = bench.server.url.render_as_string(hide_password=False)
        schema = connection.dialect.default_schema_name or ""
        kept, torn = [], 0
        began = time.monotonic()
        for number in range(kills):
            fault = 1 + number * SPACING
            try:
                await apart(backfill_until, bench.server.name, url, schema, fault)
            except ApartError as error:
                if str(error) != KILLED:
                    raise
            else:
                bench.note(f"Through before it came to statement {fault}: for more kills, give it more rows.")
                break
            done, last = (await connection.execute(CHECKPOINT)).one_or_none() or (0, 0)
            torn += await connection.scalar(TORN, {"done": done, "last": last}) or 0
            await connection.rollback()
            kept.append(done)
            bench.progress("Kills", number + 1, kills, "kills", since=began)
            bench.note(f"Killed ahead of statement {fault}: the checkpoint says {done:,}.")
        return kept, torn
