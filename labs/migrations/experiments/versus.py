"""The naive ways and the staged one, side by side, under a program that goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.migrations import truth
from labs.migrations.experiments.phases import validate
from labs.migrations.loading import load
from labs.migrations.migration import migration
from labs.migrations.naive import WAYS
from labs.migrations.parameters import BatchTarget, Dials, LockTimeout, Nice, Rows
from labs.migrations.traffic import Journal, Traffic
from labs.workbench import redo
from labs.workbench.bench import Bench
from labs.workbench.lab import Watched, experiment
from labs.workbench.latency import LatencyMeter

STAGED = "Staged"

CALM_S = 0.3
"""Of load alone, before and after, so that the strip has something to compare with."""

LEAST_TIMEOUT_MS = 1000
"""MariaDB's lock_wait_timeout counts in seconds: behind a waiting ALTER, that long may be added to the budget."""

FACTOR = 30
"""By how much the staged way's longest stall is to be shorter than the naive ways'."""

SMALL_FACTOR = 3
"""The same, on a table too small for that."""

FAIR_FROM_MS = 300
"""What a naive way stalls at least before it makes sense to compare: below, it is the machine that is measured."""

DEARER = 1.5
"""What the staged way may take, as a multiple of the one UPDATE."""

DEAR_FROM_S = 10
"""What the one UPDATE takes at least before that is judged: the retries and rests have a length of their own."""


class UnderLoad(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What each way has to do, and in whose presence."""

    rows: Rows = 100_000
    clients: Annotated[int, msgspec.Meta(ge=1, le=32, description="programs that write and read meanwhile")] = 4
    budget: Annotated[int, msgspec.Meta(ge=20, le=10_000, description="milliseconds that a writer may wait")] = 150
    lock_timeout: LockTimeout = 100
    batch: BatchTarget = 75.0
    nice: Nice = 0.0
    seed: Annotated[int, msgspec.Meta(ge=0, le=1_000_000, description="of what the clients do")] = 1


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of one way."""

    seconds: float
    log_bytes: int
    journal: Journal
    lost: int

    @property
    def stall_ms(self) -> float:
        """The longest that any writer waited."""
        return self.journal.longest_write_ms


class Versus:
    """The same table, the same programs, three ways."""

    @experiment(
        "Naive against staged",
        stepped=False,
        watched=Watched(),
        dials=Dials,
        question="Who waits while a table in use gets a column, and for how long?",
        why="""
        Programs write and read users all the time, and write down what the server confirmed. Meanwhile the column
        comes: once with one ALTER that writes the table anew, once with one UPDATE of everybody, once in stages. The
        strip shows how long each operation took. Look at the naive ways' gaps: nobody was refused, everybody stood
        still.

        The staged way does more work in sum, and nobody notices, for two reasons. No statement holds a lock for longer
        than a batch takes, and no statement waits for a lock for longer than its lock_timeout: while it waits,
        everybody who comes after it waits behind it.

        Afterwards each confirmed write is looked up in the table, and each old user's name and id, which were nobody's
        to change, are compared with what they were, by ranges of ids.

        The naive ways grow with the table, the staged way's stall does not: raise rows. From some size on that is
        judged by the full factor of 30, and the total time is compared too.
        """,
    )
    async def naive_against_staged(self, bench: Bench, parameters: UnderLoad) -> None:
        """Each way on a table of its own."""
        ran: dict[str, Ran] = {}
        for title in (*WAYS, STAGED):
            async with bench.empty_tables() as connection:
                ran[title] = await self._way(bench, connection, title, parameters)
            self._tell(bench, title, ran[title])
        self._judge(bench, parameters, ran)

    async def _way(self, bench: Bench, connection: AsyncConnection, title: str, parameters: UnderLoad) -> Ran:
        bench.note(f"{title}: {parameters.rows:,} users.")
        await load(bench, connection, parameters.rows)
        before = await truth.checksums(connection, parameters.rows, in_use=True)
        await connection.rollback()
        meter = LatencyMeter("Reads and writes", title, bench.show)
        async with bench.clients(parameters.clients, isolation="autocommit") as clients:
            traffic = Traffic(clients, parameters.rows, parameters.seed, meter, bench.server.message)
            async with _migrating(bench, title, parameters, traffic) as migrate, traffic.going_on():
                await asyncio.sleep(CALM_S)
                began, written = time.perf_counter(), await _log_bytes(bench, connection)
                await migrate()
                seconds, written = time.perf_counter() - began, await _log_bytes(bench, connection) - written
                await asyncio.sleep(CALM_S)
        lost = await traffic.journal.lost(connection)
        await connection.rollback()
        if title == STAGED:
            await validate(bench, connection, parameters.rows, before, in_use=True)
        else:
            dates = await truth.dates(connection, parameters.rows)
            await connection.rollback()
            bench.note(f"{title}: {dates.verdict}.")
        return Ran(seconds, written, traffic.journal, len(lost))

    def _tell(self, bench: Bench, title: str, ran: Ran) -> None:
        journal = ran.journal
        for metric, value, unit in (
            ("Longest wait of a writer", journal.longest_write_ms, "ms"),
            ("Longest wait of a reader", journal.longest_read_ms, "ms"),
            ("Seconds in all", ran.seconds, "s"),
            ("Log written", ran.log_bytes / 2**20, "MiB"),
            ("Operations meanwhile", journal.operations, "operations"),
        ):
            bench.measured(metric, title, value, unit, samples=journal.operations, low=value, high=value)

    def _judge(self, bench: Bench, parameters: UnderLoad, ran: dict[str, Ran]) -> None:
        staged, update = ran[STAGED], ran["One UPDATE"]
        budget = parameters.budget + (0 if bench.server.name == "postgres" else LEAST_TIMEOUT_MS)
        bench.verdict(
            "Staged, no writer waits longer than the budget",
            staged.stall_ms <= budget,
            longest_ms=round(staged.stall_ms),
            budget_ms=budget,
        )
        naive = {title: ran[title].stall_ms for title in WAYS}
        shortest = min(naive.values())
        factor = FACTOR if shortest >= FACTOR * parameters.budget else SMALL_FACTOR
        if shortest >= FAIR_FROM_MS:
            bench.verdict(
                f"Naive, a writer waits {factor} times as long, whichever way",
                shortest >= factor * staged.stall_ms,
                staged_ms=round(staged.stall_ms),
                **{f"{title.lower().replace(' ', '_')}_ms": round(ms) for title, ms in naive.items()},
            )
        else:
            bench.note(f"A stall of {shortest:.0f} ms is too short to compare with: give it more rows.")
        if update.seconds >= DEAR_FROM_S:
            bench.verdict(
                f"In all, the staged way takes no more than {DEARER} times as long as the one UPDATE",
                staged.seconds <= DEARER * update.seconds,
                staged_s=round(staged.seconds, 2),
                update_s=round(update.seconds, 2),
            )
        else:
            bench.note(f"An UPDATE of {update.seconds:.1f} s is too short to compare with: give it more rows.")
        confirmed = sum(len(one.journal.edits) for one in ran.values())
        lost = sum(one.lost for one in ran.values())
        bench.verdict(
            "Every write that was confirmed is in the table",
            confirmed > 0 and not lost,
            users_written=confirmed,
            lost=lost,
        )
        refused = staged.journal.refused
        bench.verdict(
            "Staged, no operation is refused, and none reads an old name",
            not refused and not staged.journal.misread,
            operations=staged.journal.operations,
            refused=len(refused),
            misread=len(staged.journal.misread),
            first=refused[0] if refused else "none",
            refused_naive=sum(len(ran[title].journal.refused) for title in WAYS),
        )


@asynccontextmanager
async def _migrating(
    bench: Bench, title: str, parameters: UnderLoad, traffic: Traffic
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """What migrates that way, with its connections open already."""
    if title != STAGED:
        async with bench.sessions("migration", isolation="read committed") as (lane,):
            yield partial(WAYS[title], lane)
        return

    async with migration(
        bench, lock_timeout_ms=parameters.lock_timeout, target_ms=parameters.batch, nice=parameters.nice
    ) as run:
        run.started = partial(traffic.deploy, "the column")
        run.finished = partial(traffic.deploy, "the date")
        yield run.up


async def _log_bytes(bench: Bench, connection: AsyncConnection) -> int:
    """How much the server has written to its log so far, with no transaction left open in anybody's way."""
    written = await redo.written(bench.server, connection)
    await connection.rollback()
    return written
