"""Limits that are found: of memory, of a statement, of a plan, of a budget."""

from __future__ import annotations

from typing import Annotated

import msgspec
from sqlalchemy import text

from labs.scale.customers import Customers
from labs.scale.limits import growth, probe, statement
from labs.scale.limits.fetching import fetch_all, stream
from labs.scale.limits.law import Law
from labs.scale.limits.plans import Plan, plan
from labs.scale.limits.search import largest
from labs.scale.loading import disk, load
from labs.scale.models import TABLE
from labs.scale.parameters import Rows, Seed
from labs.workbench.apart import OutOfMemoryError, apart
from labs.workbench.bench import Bench
from labs.workbench.lab import Watched, experiment

MIB = 2**20
SMALLEST = 1_000
"""The first table for which a budget is tried."""

TO_A_TENTH = 0.1

FAR = 1_000_000_000
"""What the laws are asked about."""


class Memory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much there is to read, and how much memory for it."""

    rows: Rows = 40_000
    cap_mib: Annotated[
        int, msgspec.Meta(ge=16, le=4096, description="memory that the program may take for it, in MiB")
    ] = 32
    seed: Seed = 9


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """There is nothing to set."""


class Flip(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far is looked."""

    rows: Rows = 20_000
    seed: Seed = 9


class Growth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to which size is measured."""

    rows: Annotated[int, msgspec.Meta(ge=20_000, le=10_000_000, description="of the largest table")] = 100_000
    seed: Seed = 9


class Promise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a query may take, and in how large a table."""

    rows: Annotated[int, msgspec.Meta(ge=2_000, le=10_000_000, description="of the largest table that is tried")] = (
        50_000
    )
    budget_ms: Annotated[
        int, msgspec.Meta(ge=1, le=100_000, description="what the query may take, 99 times in 100, in ms")
    ] = 10
    seed: Seed = 9


class Limits:
    """Where things end."""

    @experiment(
        "All at once, or a part at a time",
        stepped=False,
        watched=Watched(),
        question="From how many rows on does fetching all of them end my program?",
        why="""
        A program that may take so much memory and no more, as one in a container, reads the customers through the
        ORM: first all of them into a list, twice as many each time, until its memory gives out; and then part by
        part, over a cursor that the server holds (yield_per).

        The list needs memory for every row, and for each row far more than the row has in the table: objects, their
        dictionaries, strings, and what the driver has buffered of the answer. Where it breaks is found here, and not
        told. The limit is that of a process of its own, and ends only that: the server and this program go on.

        The stream needs the same memory for any number of rows. In return, the transaction is open for as long as it
        is read from.
        """,
    )
    async def fetching(self, bench: Bench, parameters: Memory) -> None:
        """Find where the list breaks, and stream all under the same cap."""
        where = bench.server, bench.schema, bench.application
        cap = parameters.cap_mib * MIB
        peaks: dict[str, list[float]] = {}

        async def fits(rows: int) -> bool:
            try:
                ran = await apart(fetch_all, *where, rows, memory_bytes=cap)
            except OutOfMemoryError:
                return False
            peaks.setdefault(f"A list of {rows:,}", []).append(ran.peak_bytes / MIB)
            return ran.value == rows

        async with bench.empty_tables() as connection:
            await disk.must_do(bench.server, connection, parameters.rows)
            await load.send(connection, Customers(parameters.seed, parameters.rows))
            await connection.commit()
            fitted, tried = 0, 1_000
            while tried <= parameters.rows and await fits(tried):
                fitted, tried = tried, tried * 2
            broke = tried <= parameters.rows
            streamed = await _streamed(where, parameters.rows, cap)
            alive = await connection.scalar(text(f"SELECT count(*) FROM {TABLE}"))
        if streamed is not None:
            peaks[f"A stream of {parameters.rows:,}"] = [streamed[1] / MIB]
        for title, some in peaks.items():
            bench.measured("Program, most memory", title, max(some), "MiB", samples=1, low=max(some), high=max(some))
        if not broke:
            bench.note(f"All {parameters.rows:,} rows fitted into {parameters.cap_mib} MiB: give more, or less memory.")
        bench.verdict(
            "A stream gets to the end within the memory in which a list does not",
            streamed is not None and streamed[0] == parameters.rows,
            rows=streamed[0] if streamed else None,
            cap_mib=parameters.cap_mib,
            list_fitted=fitted,
            list_broke=tried if broke else None,
        )
        bench.verdict("The server has all rows, and goes on", alive == parameters.rows, rows=alive)

    @experiment(
        "Limits of a statement",
        stepped=False,
        watched=Watched(),
        question="How many values go into one statement?",
        why="""
        Each way to send values has an end. It is found by doubling until a statement is refused, and halving from
        there. PostgreSQL counts the binds of a statement in 16 bits; asyncpg takes its counter for a signed one, and
        so has half as many. MariaDB has the same limit for what it prepares; aiomysql prepares nothing, but writes
        the values into the text, and there the end is max_allowed_packet, above which the server ends the connection.

        So many rows fit into one INSERT as columns go into the limit: see the experiment on strategies for how little
        is won by going there, and COPY and UNNEST for ways around it.
        """,
    )
    async def statement(self, bench: Bench, parameters: Nothing) -> None:
        """Find each limit."""
        async with bench.reading() as connection:
            for limit in statement.limits(bench, connection):
                found = await largest(limit.works, start=8192, end=limit.end)
                evidence = {"largest": found, "smallest_refused": None if found is None else found + 1}
                bench.verdict(f"{limit.what}: there is a limit", bool(found), **evidence)
                if found:
                    bench.measured(limit.what, "limit", found, limit.unit, samples=1, low=found, high=found)

    @experiment(
        "Where a plan flips",
        stepped=False,
        watched=Watched(),
        question="From how many rows on does the server use my index?",
        why="""
        To read one page is quicker than to go through an index to it, so a planner that counts pages scans a small
        table, whatever indexes it has: a test on ten rows says nothing of the plan in production. The table grows
        here, is analyzed, and the plan is asked for, until the smallest is found at which it takes the index. In one
        query a unique e-mail address is looked for, in the other one country of sixteen: the more rows a query wants,
        the later an index pays, and if it wants too many, never.

        MariaDB's table is itself an index, and its planner decides by other costs: it takes the index at once.
        """,
    )
    async def plan_flip(self, bench: Bench, parameters: Flip) -> None:
        """Find the smallest table at which each query goes by an index."""
        async with bench.empty_tables() as connection:
            await disk.must_do(bench.server, connection, 2 * parameters.rows)
            await load.send(connection, Customers(parameters.seed, parameters.rows))
            await probe.create(bench.server, connection)
            seen: dict[tuple[str, int], Plan] = {}

            async def scans(query: str, rows: int) -> bool:
                await probe.fill(bench.server, connection, rows)
                seen[query, rows] = found = await plan(bench.server, connection, query)
                return found.index is None

            email = await connection.scalar(text(f"SELECT email FROM {TABLE} WHERE id = 1"))
            for title, query in (
                ("One e-mail address", f"SELECT * FROM probe WHERE email = '{email}'"),
                ("One country of sixteen", "SELECT * FROM probe WHERE country = 'DE'"),
            ):

                async def still_scans(rows: int, query: str = query) -> bool:
                    return await scans(query, rows)

                found = await largest(still_scans, start=1, end=parameters.rows)
                if found is None:
                    bench.note(f"{title}: up to {parameters.rows:,} rows the table is scanned.")
                    continue
                small, large = seen.get((query, found)), seen[query, found + 1]
                again = [await scans(query, rows) for rows in (found, found + 1) if rows]
                bench.verdict(
                    f"{title}: there is a smallest table that is not scanned, and asked again it is the same",
                    again == [True, False][-len(again) :],
                    rows=found + 1,
                    before=small.access if small else None,
                    then=f"{large.access} by {large.index}",
                )
                bench.measured("Not scanned from", title, found + 1, "rows", samples=1, low=found + 1, high=found + 1)

    @experiment(
        "Where p99 leaves its budget",
        stepped=False,
        watched=Watched(),
        question="Up to which size is the slowest of a hundred still quick enough?",
        why="""
        A promise of so many milliseconds is not about the usual run of a query, but about the slow ones: of a hundred,
        one may take longer. Here a report over the whole table is timed, again and again, in a table that doubles until
        the promise is broken; then the size is halved in, to a tenth.

        Look at the two figures on both sides of it: the usual run grows with the table, evenly, and the slowest leaves
        the budget well before the usual one does. What you would have planned with by the median is that much too
        large.
        """,
    )
    async def budget(self, bench: Bench, parameters: Promise) -> None:
        """Find the smallest table whose p99 is over the budget, and see whether that is so again."""
        seen: dict[int, probe.Timed] = {}
        async with bench.empty_tables() as connection:
            await disk.must_do(bench.server, connection, 2 * parameters.rows)
            await load.send(connection, Customers(parameters.seed, parameters.rows))
            await probe.create(bench.server, connection)

            async def keeps(rows: int) -> bool:
                await probe.fill(bench.server, connection, rows)
                seen[rows] = timed = await probe.report(connection)
                bench.note(f"{rows:,} rows: median {timed.median:.1f} ms, p99 {timed.p99:.1f} ms.")
                return timed.p99 <= parameters.budget_ms

            found = await largest(keeps, start=SMALLEST, end=parameters.rows, precision=TO_A_TENTH)
            over = min((rows for rows, timed in seen.items() if timed.p99 > parameters.budget_ms), default=None)
            half = (over or parameters.rows) // 2
            below = await keeps(half)
            twice = min(2 * over, parameters.rows) if over is not None else None
            beyond = twice is not None and not await keeps(twice)
        for rows, timed in sorted(seen.items()):
            for metric, took in (("p99", timed.p99), ("Median", timed.median)):
                low, high = timed.median, timed.p99
                bench.measured(metric, f"{rows:,} rows", took, "ms", samples=timed.runs, low=low, high=high)
        if over is None:
            bench.note(f"Up to {parameters.rows:,} rows p99 keeps to {parameters.budget_ms} ms: give more rows.")
        bench.verdict(
            "Measured again, half of that table keeps to the budget, and twice of it does not",
            below and beyond == (over is not None),
            budget_ms=parameters.budget_ms,
            still_within=found or None,
            over_from=over,
            p99_of_half=round(seen[half].p99, 1),
            p99_of_twice=round(seen[twice].p99, 1) if twice is not None else None,
        )

    @experiment(
        "How it grows",
        stepped=False,
        watched=Watched(),
        question="It is quick with my data. What will it be with a thousand times as much?",
        why="""
        A load, a scan and a lookup are timed at seven sizes, each larger than the last by the same factor, and a law
        is fitted to each: the time grows as a power of the rows. Of a power of 1 twice the rows take twice the time;
        near 0, the size hardly matters, as with the lookup by an index, whose depth grows with the logarithm.

        What the law says of 10^9 rows is a projection, with the spread that these measurements allow. It holds for as
        long as nothing else happens on the way: a table that no longer fits into memory, an index that no longer
        does. Measure up to 10,000,000, and see whether the exponent stays.
        """,
    )
    async def growth(self, bench: Bench, parameters: Growth) -> None:
        """Measure, fit, project."""
        async with bench.empty_tables() as connection:
            await disk.must_do(bench.server, connection, parameters.rows)
            loads, scans, lookups = await growth.measure(bench, connection, parameters.rows, parameters.seed)
        laws = {}
        for curve in (loads, scans, lookups):
            for rows, took in zip(curve.rows, curve.median_ms, strict=True):
                bench.measured(curve.title, f"{rows:,} rows", took, "ms", samples=1, low=took, high=took)
            law = laws[curve.title] = Law.fitted(curve.rows, curve.median_ms)
            value, low, high = law.at(FAR)
            bench.measured(
                "Exponent",
                curve.title,
                law.exponent,
                "power of the rows",
                samples=law.points,
                low=law.exponent - law.spread,
                high=law.exponent + law.spread,
            )
            bench.measured(
                "Projected for 10^9 rows",
                curve.title,
                value / 1000,
                "s",
                samples=law.points,
                low=low / 1000,
                high=high / 1000,
            )
            bench.note(f"{curve.title}: {law}; at 10^9 rows {_time(value)}, or from {_time(low)} to {_time(high)}.")
        scan, lookup = laws["Scan"], laws["Lookup"]
        bench.verdict(
            "A scan grows with the table, a lookup does not",
            scan.exponent - scan.spread > lookup.exponent + lookup.spread and lookup.exponent < 0.5 < scan.exponent,
            scan=str(scan),
            lookup=str(lookup),
        )


async def _streamed(where: tuple[object, ...], rows: int, cap: int) -> tuple[int, int] | None:
    try:
        ran = await apart(stream, *where, rows, memory_bytes=cap)
    except OutOfMemoryError:
        return None
    return ran.value, ran.peak_bytes


def _time(milliseconds: float) -> str:
    if milliseconds < 1000:
        return f"{milliseconds:.1f} ms"
    seconds = milliseconds / 1000
    return f"{seconds:,.0f} s" if seconds < 7200 else f"{seconds / 3600:,.1f} h"
