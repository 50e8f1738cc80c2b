"""Migrations: a column for a table in use. Each theme is a file in `experiments`, with a class of experiments."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.migrations import ladder, users
from labs.migrations.experiments.crashes import Crashes
from labs.migrations.experiments.indexes import Indexes
from labs.migrations.experiments.meaning import Meaning
from labs.migrations.experiments.opinions import Opinions
from labs.migrations.experiments.phases import Phases
from labs.migrations.experiments.queueing import Queueing
from labs.migrations.experiments.replicas import Replicas
from labs.migrations.experiments.versus import Versus
from labs.migrations.models import Backfill, Base, Signups, User
from labs.workbench.lab import Lab


class Migrations(
    Phases,
    Versus,
    Crashes,
    Meaning,
    Queueing,
    Replicas,
    Indexes,
    Opinions,
    Lab,
):
    """Who queues behind my ALTER TABLE?"""

    slug = "migrations"
    title = "Migrations"
    metadata = Base.metadata

    async def seed(self, connection: AsyncConnection, seed: int) -> None:
        """The first users, and the log of when they registered."""
        await users.fill(connection, seed, 1, users.SEEDED)
        await users.log_signups(connection, users.SEEDED)

    async def compensate(self, connection: AsyncConnection, watermark: int) -> Sequence[str]:
        """Delete the users who came with the experiment, then run the downgrades."""
        done = []
        more = await connection.scalar(select(func.count()).select_from(User).where(User.id > users.SEEDED)) or 0
        if more:
            # Before the downgrades: from these on, nobody else gets at the table until all is committed.
            await connection.execute(delete(User).where(User.id > users.SEEDED))
            await connection.execute(delete(Signups))
            await users.log_signups(connection, users.SEEDED)
            done.append(f"The {more:,} users who came with the experiment were deleted.")
        at = await connection.run_sync(ladder.current)
        if connection.dialect.name != "postgresql" and at != ladder.order()[-1]:
            # Its DDL commits by itself: a revision that was broken off has left some of it, and no version.
            await connection.run_sync(ladder.undo, ladder.above(at))
        if at != ladder.BASE:
            await connection.run_sync(ladder.go, ladder.BASE)
            names = ladder.order()[: ladder.order().index(at) + 1]
            done.append(f"Alembic downgrade from {at} to base: {', '.join(reversed(names))}.")
            done.append("The dates are gone with the column; the log of sign-ups has those of the old users.")
        await connection.execute(delete(Backfill))
        return done or ["Nothing had been migrated, so nothing was undone."]


LAB = Migrations
