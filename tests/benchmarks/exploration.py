"""How fast orders are explored: against a budget in seconds, and against PostgreSQL's own isolationtester."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Iterable
from functools import partial
from unittest.mock import patch

from sqlalchemy import Column, Integer, MetaData, Select, Table, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.workbench import bench as bench_module
from labs.workbench.bench import Bench
from labs.workbench.cell import Judged
from labs.workbench.engines import binaries
from labs.workbench.engines.engine import Engine
from labs.workbench.engines.own_server import OwnServer
from labs.workbench.explore import Explored, Path, explore
from labs.workbench.lab import Invariant, Lab
from labs.workbench.place import Place
from labs.workbench.sessions import SessionMaker
from labs.workbench.turns import Stepper
from tests.benchmarks.told import told

LEVELS = ("read committed", "repeatable read", "serializable")
ROUNDS = 7

READ = "SELECT n FROM pot WHERE id = 1"
SPEND = "UPDATE pot SET n = {left} WHERE id = 1"
GIVE = "UPDATE pot SET n = n + 80 WHERE id = {other}"
LOG = "INSERT INTO log (id) VALUES ({other})"


class Pots(Lab):
    """Three pots, and a log."""

    slug = "benchmark"
    title = "Benchmark"
    metadata = MetaData()
    pot = Table("pot", metadata, Column("id", Integer, primary_key=True, autoincrement=False), Column("n", Integer))
    log = Table("log", metadata, Column("id", Integer, primary_key=True, autoincrement=False))

    async def seed(self, connection: AsyncConnection, seed: int) -> None:
        """A hundred in each."""
        await connection.execute(insert(self.pot), [{"id": key, "n": 100} for key in (1, 2, 3)])

    async def compensate(self, connection: AsyncConnection, watermark: int) -> tuple[str, ...]:
        """Nothing is left behind."""
        return ()


KEPT: Select[tuple[bool]] = select((func.sum(Pots.pot.c.n) == 300).label("holds"))


async def spend(other: int, sessions: SessionMaker) -> None:
    """Four statements, and the COMMIT: read, check, write, give, log."""
    async with sessions.begin() as session:
        n = await session.scalar(text(READ)) or 0
        if n >= 80:
            await session.execute(text(SPEND.format(left=n - 80)))
            await session.execute(text(GIVE.format(other=other)))
            await session.execute(text(LOG.format(other=other)))


async def exploration(own: OwnServer, server: Engine) -> None:
    """All orders at three levels; on PostgreSQL also the same orders by isolationtester, in turn."""
    place = Place(server, Pots())
    await place.open(rebuild=True)
    bench = Bench(place, stepper=Stepper(), emit=lambda _: None)
    try:
        seconds, ratios, orders = [], [], Counter[str]()
        for _ in range(ROUNDS):
            ours = theirs = 0.0
            for level in LEVELS:
                began = time.perf_counter()
                found = await explored(bench, level)
                ours += time.perf_counter() - began
                orders[level] = len(found)
                if server.name == "postgres":
                    theirs += isolationtester(server, spec(place.schema, level, found))
            seconds.append(ours)
            ratios.append(theirs / ours)
    finally:
        await place.close()
    middle = statistics.median(seconds)
    told(
        f"{own.title}: two transactions of four statements, three levels, all orders",
        f"{middle:.2f} s",
        "< 3 s",
        middle < 3,
        f"{orders.total()} orders, {middle * 1000 / orders.total():.1f} ms each, median of {ROUNDS}",
    )
    if server.name == "postgres":
        ratio = statistics.median(ratios)
        told(
            "permutations a second / isolationtester's", f"{ratio:.2f}", "≥ 1.0", ratio >= 1, "the same orders, in turn"
        )


async def explored(bench: Bench, level: str) -> list[Path]:
    """Explore them all; returns the orders that were run."""
    went_through: list[Explored[Judged]] = []

    async def noted(*arguments: object, **settings: object) -> Explored[Judged]:
        went_through.append(await explore(*arguments, **settings))  # type: ignore[arg-type]
        return went_through[-1]

    with patch.object(bench_module, "explore", noted):
        await bench.explore(
            "spend",
            {"A": partial(spend, 2), "B": partial(spend, 3)},
            isolation=level,
            invariants=[Invariant("Nothing is lost", KEPT)],
            bound=1000,
            seed=1,
        )
    return list(went_through[0].orders)


def spec(schema: str, level: str, orders: Iterable[Path]) -> str:
    """The same as an isolation test: the rows put back, the transactions, the claim looked at, order by order."""
    here = f"SET search_path = {schema}; SET synchronous_commit = off;"
    lines = [
        f"setup {{ {here} DELETE FROM log; DELETE FROM pot; INSERT INTO pot VALUES (1, 100), (2, 100), (3, 100); }}",
        "teardown { SELECT sum(n) = 300 AS holds FROM pot; }",
    ]
    for name, other in (("A", 2), ("B", 3)):
        statements = (READ, SPEND.format(left=20), GIVE.format(other=other), LOG.format(other=other), "COMMIT")
        lines.append(f"session {name}\nsetup {{ {here} BEGIN ISOLATION LEVEL {level.upper()}; }}")
        lines += [f"step {name}{number} {{ {sql}; }}" for number, sql in enumerate(statements, 1)]
    for order in orders:
        steps = [f"{name}{order[: place + 1].count(name)}" for place, name in enumerate(order)]
        # Where a transaction ended early here, its other steps come last there: every step must be named.
        rest = [step for step in (f"{name}{number}" for name in "AB" for number in range(1, 6)) if step not in steps]
        lines.append(f"permutation {' '.join(steps + rest)}")
    return "\n".join(lines)


def isolationtester(server: Engine, scenario: str) -> float:
    """The seconds that it takes for a file."""
    site = binaries.installed_in()
    assert site is not None
    program = site / binaries.INSTALLATION / "lib/pgxs/src/test/isolation/isolationtester"
    where = (
        f"host={server.url.query['host']} port={server.url.query['port']} user={server.url.username} dbname=postgres"
    )
    began = time.perf_counter()
    done = subprocess.run([program, where], input=scenario, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - began
    assert done.stdout.count("starting permutation") == scenario.count("\npermutation ")
    assert "setup failed" not in done.stdout
    return seconds
