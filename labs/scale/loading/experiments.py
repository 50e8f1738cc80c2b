"""A load of ten thousand rows to ten million, while somebody else uses the table."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import msgspec
from sqlalchemy import select

from labs.scale import repeats
from labs.scale.customers import Customers
from labs.scale.loading import disk, load
from labs.scale.models import Customer
from labs.scale.parameters import Rows, Seed
from labs.workbench.apart import peak_bytes
from labs.workbench.bench import Bench
from labs.workbench.lab import experiment
from labs.workbench.latency import LatencyMeter
from labs.workbench.room import UNKNOWN
from labs.workbench.sessions import SessionMaker

MIB = 2**20
PAUSE_S = 0.01
"""Between two lookups."""

PARTS = 5
"""Of a load, each with a rate of its own."""

GROWTH_BYTES = 64 * MIB
"""By which the program may grow while all rows go through it: buffers, and what its allocator keeps."""


ROW_BYTES = 150
"""Of a customer as text."""


class Amount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much is loaded."""

    rows: Rows = 50_000
    seed: Seed = 9


class Loading:
    """Ten million rows in one go."""

    @experiment(
        "A load",
        stepped=False,
        question="What happens to the rest while ten million rows come in, and how do I get them out again?",
        why="""
        Customers stream in behind those who are there already: generated, written as text, sent and stored at the same
        time, so that the program needs no more memory for ten million than for ten thousand. Somebody looks customers
        up meanwhile; the strip shows how long that takes.

        First the disk is looked at: what the load will need, and what there is. A server whose disk is full stops in
        the middle, and cannot even clean up.

        All of it is one transaction, with an entry in the register of loads. Cancel it in the middle: nothing is left,
        because nothing had been committed. PostgreSQL leaves the rows where they are, dead, for VACUUM;
        MariaDB takes back one after the other, and that takes about as long as they took to come in, which is
        waited for here.

        Then roll back: the register says which keys came with the load, and exactly these are deleted. Whoever was
        there before, or has come since, stays.

        Try it with 10,000,000 rows.
        """,
    )
    async def load(self, bench: Bench, parameters: Amount) -> None:
        """Look for room, load, and compare with what was generated."""
        server = bench.server
        async with bench.reading() as connection:
            found = await disk.room_for(server, connection, parameters.rows)
            before = await Customers.stored(server, connection)
            first = await load.next_key(connection)
        bench.note(UNKNOWN if found is None else found.sentence)
        if found is not None:
            found.must_do()
        customers = Customers(parameters.seed, parameters.rows, first)
        customers.prepare()
        before_load = peak_bytes()
        pace = _Pace(bench, parameters.rows)
        async with _lookups(bench, parameters.seed, first - 1):
            number = await load.load(bench, customers, pace.moved)
        seconds = time.monotonic() - pace.began
        grown = peak_bytes() - before_load
        repeats.tell(bench, "Rows loaded", "a load", pace.rates, "rows/s")
        bench.note(
            f"Load {number}: {parameters.rows:,} customers in {seconds:.1f} s, {parameters.rows / seconds:,.0f} a "
            f"second with the commit. The program has had {peak_bytes() / MIB:.0f} MiB at most."
        )
        async with bench.reading() as connection:
            expected, stored = await asyncio.gather(
                customers.digest_apart(), Customers.stored(server, connection, customers.where)
            )
            others = await Customers.stored(server, connection, f"NOT ({customers.where})")
        bench.verdict(
            "The table has what was generated, row for row",
            stored == expected,
            generated=f"{expected.rows:,} rows, {expected}",
            stored=f"{stored.rows:,} rows, {stored}",
        )
        bench.verdict("Who was there before is untouched", others == before, rows=others.rows, checksum=str(others))
        if parameters.rows * ROW_BYTES < 2 * GROWTH_BYTES:
            bench.note("So few rows would fit into memory too: of that, more of them tell.")
            return
        bench.verdict(
            "The program needs no more memory the more rows go through it",
            grown < GROWTH_BYTES,
            grown_mib=round(grown / MIB, 1),
            rows_mib=round(parameters.rows * ROW_BYTES / MIB),
        )


class _Pace:
    """How fast it goes, part by part."""

    def __init__(self, bench: Bench, rows: int) -> None:
        self.began = time.monotonic()
        self.rates: list[float] = []
        self._bench = bench
        self._rows = rows
        self._part_began, self._part_from = self.began, 0

    def moved(self, sent: int) -> None:
        """So many have been sent."""
        now = time.monotonic()
        self._bench.progress("Load", sent, self._rows, "rows", since=self.began)
        if sent >= self._rows * (len(self.rates) + 1) / PARTS:
            self.rates.append((sent - self._part_from) / (now - self._part_began))
            self._part_began, self._part_from = now, sent


@asynccontextmanager
async def _lookups(bench: Bench, seed: int, last: int) -> AsyncIterator[None]:
    """Somebody who looks up customers for as long as this lasts."""
    draw = Random(seed)
    meter = LatencyMeter("Lookups", "beside the load", bench.show)

    async def look_up(sessions: SessionMaker) -> None:
        while True:
            with meter.timed():
                async with sessions() as session:
                    await session.execute(select(Customer.name).where(Customer.id == draw.randint(1, last)))
            await asyncio.sleep(PAUSE_S)

    async with bench.clients(1) as (sessions,), meter.telling():
        looking = asyncio.create_task(look_up(sessions))
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
