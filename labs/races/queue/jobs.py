"""Jobs to be done once each, and workers that take them from a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import Select, String, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker
from sqlalchemy.orm import Mapped, mapped_column

from labs.races.models import Base
from labs.workbench.lab import Invariant, Rows

TASKS = ("mail Alice", "mail Bob", "mail Carol", "print Alice", "print Bob", "print Carol")

Take = Literal["skip locked", "for update", "plain"]
"""How a worker asks for its next job."""


class Job(Base):
    """Something to be done once; it is open as long as it has not been."""

    __tablename__ = "jobs"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    task: Mapped[str] = mapped_column(String(40))
    times_done: Mapped[int] = mapped_column(default=0)
    done_by: Mapped[str | None] = mapped_column(String(40))


def next_open(take: Take) -> Select[Job]:
    """The query for the first open job that nobody has: passed over if locked, waited for, or not asked about."""
    first = select(Job).where(Job.times_done == 0).order_by(Job.id).limit(1)
    return first if take == "plain" else first.with_for_update(skip_locked=take == "skip locked")


async def work(sessions: async_sessionmaker[AsyncSession], worker: str, take: Take) -> int:
    """Do one job after the other, each in a transaction of its own, until none is to be had; returns how many.

    A worker that dies has its transaction rolled back, and so lets go of the job, which is open as before.
    """
    done = 0
    while True:
        async with sessions.begin() as session:
            job = await session.scalar(next_open(take))
            if job is None:
                return done
            await session.execute(
                update(Job).where(Job.id == job.id).values(times_done=Job.times_done + 1, done_by=worker)
            )
        done += 1


async def post(connection: AsyncConnection) -> None:
    """Put every job into the queue."""
    await connection.execute(insert(Job), [{"id": key, "task": task} for key, task in enumerate(TASKS, 1)])


def state() -> dict[str, Rows]:
    """Each job, and what became of it."""
    return {"jobs": select(Job.id, Job.task, Job.times_done, Job.done_by)}


async def put_back(connection: AsyncConnection) -> Sequence[str]:
    """Open every job again that has been done."""
    opened = await connection.execute(update(Job).where(Job.times_done != 0).values(times_done=0, done_by=None))
    return [f"Jobs put back into the queue: {opened.rowcount}."] if opened.rowcount else []


_not_once = select(func.count()).where(Job.times_done != 1).scalar_subquery()

DONE_ONCE = Invariant(
    "Each job is done exactly once",
    select(
        (_not_once == 0).label("holds"),
        select(func.count()).select_from(Job).scalar_subquery().label("jobs"),
        _not_once.label("not_done_once"),
        select(func.max(Job.times_done)).scalar_subquery().label("most_often"),
    ),
)
