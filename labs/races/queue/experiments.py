"""Several workers, one table of jobs."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec

from labs.races.parameters import OrderName, turns
from labs.races.queue import jobs
from labs.races.queue.jobs import DONE_ONCE, Job, Take
from labs.workbench.bench import Bench
from labs.workbench.lab import Watched, experiment

WORKERS = ("A", "B", "C")
IN_TURN: OrderName = "ABC" * 6
"""A job takes three turns: take, do, COMMIT. Six jobs for three workers."""


class Workers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Three workers and six jobs."""

    take: Annotated[Take, msgspec.Meta(description="how a worker asks for its next job")] = "skip locked"
    order: OrderName = IN_TURN


class Queue:
    """A job queue in a table."""

    @experiment(
        "Job queue",
        question="How do several workers take jobs from one table?",
        watched=Watched((Job,)),
        why="""
        SELECT … FOR UPDATE SKIP LOCKED LIMIT 1 takes the first open job that nobody else has locked. The lock is held
        until the job is done and committed, so each job is done once, and nobody waits for anybody.

        With "for update" each job is done once too, but all ask for the same first job: every worker waits
        until the one before it has finished, and three workers are no faster than one.

        With "plain" nobody waits to take a job, and several take the same one: the mail is sent twice.

        Should a worker die, its transaction is rolled back, and the job is there again for the next. What SKIP LOCKED
        reads is not a consistent view of the table, as the name says: it is for queues, not for sums.
        """,
    )
    async def queue(self, bench: Bench, parameters: Workers) -> None:
        """Three workers take jobs from one table, in turn."""
        captions = {
            ("A", 1): "A takes the first open job, and locks its row.",
            ("B", 1): "B looks for the first open job as well, and passes over the one that A has.",
            ("C", 1): "C passes over two.",
        }
        told = parameters == Workers()
        async with bench.sessions(*WORKERS, isolation="read committed") as sessions:
            outcomes = await bench.play(
                turns(parameters.order),
                {
                    own: partial(jobs.work, own, name, parameters.take)
                    for name, own in zip(WORKERS, sessions, strict=True)
                },
                captions=captions if told else {},
            )
        for name, done in outcomes.items():
            bench.note(f"{name} did {done} jobs.")
        await bench.judge(DONE_ONCE)
        bench.verdict("No worker waited for another", not outcomes.waits, waits=outcomes.waits)
