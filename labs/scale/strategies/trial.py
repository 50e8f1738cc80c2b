"""One trial of a strategy, in a process of its own: how long it took, and what it cost program and server."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from labs.scale import server as servers
from labs.scale.customers import Customers
from labs.scale.models import TABLE
from labs.scale.server import ServerMeter, Sizes
from labs.scale.strategies.catalogue import Strategy
from labs.workbench import processes, redo
from labs.workbench.apart import ApartError, apart, preload
from labs.workbench.bench import Bench
from labs.workbench.dataset.checksum import Digest
from labs.workbench.engines.engine import Engine
from labs.workbench.errors import LabError

preload(__name__, "labs.scale.warm", "asyncpg", "aiomysql")

CONNECTIONS = 2
"""As many as any strategy uses."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was seen from within the process."""

    seconds: float
    cpu_s: float
    server_cpu_s: float
    server_bytes: int


@dataclass(frozen=True, slots=True)
class Trial:
    """What one load took, and what it left."""

    rows: int
    seconds: float
    """Of the load, to its commit; generating the rows is part of it, and connecting is not."""
    cpu_s: float
    program_bytes: int
    """The most memory that the process had resident."""
    server_cpu_s: float
    server_bytes: int
    """The most memory of the server's processes; 0 where they could not be looked into."""
    log_bytes: int
    sizes: Sizes
    stored: Digest
    expected: Digest

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds

    @property
    def right(self) -> bool:
        """Whether the table has what was generated, and nothing else."""
        return self.stored == self.expected


async def load_apart(
    load: Callable[[AsyncEngine, Customers], Awaitable[None]],
    server: Engine,
    schema: str,
    application: str,
    customers: Customers,
) -> Loaded:
    """What the process does: connect, load, and look at what it took."""
    engine = server.create(application=application, schema=schema, connections=CONNECTIONS)
    customers.prepare()
    try:
        async with engine.connect() as connection:
            pids = {await processes.serving(server, connection)}
            if server.name == "postgres":
                async with engine.connect() as second:
                    pids.add(await processes.serving(server, second))
        with ServerMeter(pid for pid in pids if pid is not None) as meter:
            began, cpu_began = time.perf_counter(), time.process_time()
            await load(engine, customers)
            seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
        return Loaded(seconds, cpu_s, meter.cpu_s, meter.peak_bytes)
    finally:
        await engine.dispose()


async def attempt(bench: Bench, connection: AsyncConnection, strategy: Strategy, customers: Customers) -> Trial:
    """Empty the table, load it, and look at it."""
    server = bench.server
    await connection.execute(text(f"TRUNCATE TABLE {TABLE}"))
    await connection.commit()
    before = await redo.written(server, connection)
    await connection.commit()
    try:
        ran = await apart(load_apart, strategy.load, server, bench.schema, bench.application, customers)
    except ApartError as error:
        raise LabError(f"{strategy.title} broke off", str(error), "Mend it, or leave it out.") from error
    loaded = ran.value
    after = await redo.written(server, connection)
    trial = Trial(
        rows=customers.rows,
        seconds=loaded.seconds,
        cpu_s=loaded.cpu_s,
        program_bytes=ran.peak_bytes,
        server_cpu_s=loaded.server_cpu_s,
        server_bytes=loaded.server_bytes,
        log_bytes=after - before,
        sizes=await servers.sizes(server, connection, TABLE),
        stored=await Customers.stored(server, connection),
        expected=customers.digest(),
    )
    await connection.commit()
    return trial
