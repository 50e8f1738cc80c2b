"""How fast customers are loaded that are generated on the way: against psql's \\copy of a ready file."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.scale.customers import Customers
from labs.scale.lab import Scale
from labs.scale.models import COLUMNS, TABLE
from labs.scale.strategies import copy_indexes_after, copy_parallel, copy_text
from labs.scale.strategies.catalogue import Strategy, strategy
from labs.scale.strategies.trial import Trial, attempt
from labs.workbench.bench import Bench
from labs.workbench.engines import binaries
from labs.workbench.engines.engine import Engine
from labs.workbench.engines.own_server import OwnServer
from labs.workbench.place import Place
from labs.workbench.turns import Stepper
from tests.benchmarks.told import told

STRATEGIES = {
    "one connection": copy_text,
    "one connection, indexes afterwards": copy_indexes_after,
    "two connections": copy_parallel,
}
"""All end with the same rows in the same table with the same indexes."""

ROWS, ROUNDS = 1_000_000, 5
MANY = 10_000_000
MIB = 2**20


async def loading(own: OwnServer, server: Engine, rows: int = ROWS, rounds: int = ROUNDS, many: int = MANY) -> None:
    """What streams, and psql, in turn; then ten million rows."""
    if server.name != "postgres":
        return
    place = Place(server, Scale())
    await place.open(rebuild=True)
    bench = Bench(place, stepper=Stepper(), emit=lambda _: None)
    customers = Customers(seed=9, rows=rows)
    try:
        with tempfile.NamedTemporaryFile(dir="/tmp", suffix=".tsv") as ready:
            for block in customers.copy_text():
                ready.write(block)
            ready.flush()
            async with bench.empty_tables() as connection:
                ran: dict[str, list[Trial]] = {title: [] for title in STRATEGIES}
                theirs = []
                for _ in range(rounds):
                    theirs.append(await psql(bench, connection, Path(ready.name)))
                    for what, module in STRATEGIES.items():
                        ran[what].append(await ours(bench, connection, strategy(module), customers))
        budget = 1.0
        for what, trials in ran.items():
            ratios = [their / trial.seconds for their, trial in zip(theirs, trials, strict=True)]
            ratio = statistics.median(ratios)
            told(
                f"{own.title}: customers generated on the way, {what} / psql \\copy of a ready file",
                f"{ratio:.2f}",
                f"≥ {budget}",
                ratio >= budget,
                f"{rows / statistics.median(theirs):,.0f} rows/s by psql; from {min(ratios):.2f} to {max(ratios):.2f}",
            )
        async with bench.empty_tables() as connection:
            trial = await ours(bench, connection, strategy(copy_text), Customers(seed=9, rows=many))
        told(
            f"{own.title}: program memory, {many:,} rows",
            f"{trial.program_bytes / MIB:.0f} MiB",
            "≤ 200 MB",
            trial.program_bytes <= 200e6,
            f"{trial.rate:,.0f} rows/s",
        )
    finally:
        await place.close()


async def ours(bench: Bench, connection: AsyncConnection, by: Strategy, customers: Customers) -> Trial:
    """One trial, right to the last row."""
    trial = await attempt(bench, connection, by, customers)
    assert trial.right
    return trial


async def psql(bench: Bench, connection: AsyncConnection, ready: Path) -> float:
    """The seconds that psql takes for the file, into the same table, emptied."""
    await connection.execute(text(f"TRUNCATE TABLE {TABLE}"))
    await connection.commit()
    site = binaries.installed_in()
    assert site is not None
    url = bench.server.url
    where = f"host={url.query['host']} port={url.query['port']} user={url.username} dbname=postgres"
    where += f" options=-csearch_path={bench.schema}"
    began = time.perf_counter()
    copy = f"\\copy {TABLE} ({', '.join(COLUMNS)}) FROM '{ready}'"
    command = [str(site / binaries.INSTALLATION / "bin/psql"), "-qX", where, "-c", copy]
    await asyncio.to_thread(subprocess.run, command, check=True)
    return time.perf_counter() - began
