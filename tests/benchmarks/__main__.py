"""The budgets, measured: `python -m tests.benchmarks`. Figures are of this machine; it is the ratios that count."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.workbench.engines import binaries
from labs.workbench.engines.embedded import EmbeddedPostgres
from labs.workbench.engines.engine import Engine
from labs.workbench.engines.mariadb.engine import MariaDB
from labs.workbench.engines.own_server import OwnServer
from labs.workbench.engines.postgres.engine import Postgres
from labs.workbench.engines.private_mariadb import PrivateMariaDB
from labs.workbench.place import schema_name
from tests.benchmarks import keys, line
from tests.benchmarks.exploration import exploration
from tests.benchmarks.loading import loading
from tests.benchmarks.migrating import migrating
from tests.benchmarks.told import told
from tests.terminal import Terminal

NINELABS = [sys.executable, "-m", "tui"]
BARE = [sys.executable, str(Path(__file__).with_name("bare.py"))]

PAINTS, WAITS = 9, 15
ROWS, CHANGES_PER_SECOND, SECONDS = 4, 5, 10
LOADS, LOAD_S = 12, 5

WAIT_BEGAN = {
    "postgres": "SELECT extract(epoch FROM waitstart) FROM pg_locks WHERE NOT granted AND waitstart IS NOT NULL",
    "mariadb": "SELECT unix_timestamp(now(6)) - max(time_ms) / 1000 FROM information_schema.processlist "
    "WHERE command = 'Query' AND id <> connection_id()",
}
"""When the wait began, by the server's clock; for MariaDB when its statement did."""


def main() -> None:
    """Measure everything and print it, with the budget beside it."""
    folder = Path(tempfile.mkdtemp(prefix="ninelabs-benchmark-", dir="/tmp"))
    folder.chmod(0o711)
    os.environ["NINELABS_DATA"] = str(folder)
    try:
        first_paint()
        line.slow_line()
        line.quiet_line()
        keys.key_while_busy()
        asyncio.run(on_servers())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def first_paint() -> None:
    """From the command to the catalogue on the screen, against a bare Textual application, turn by turn."""

    def paint(command: list[str], seen: str) -> float:
        began = time.time()
        with Terminal(command) as terminal:
            return terminal.until(seen) - began

    paint(NINELABS, "Races"), paint(BARE, "bare-textual")
    ours, bare = zip(*((paint(NINELABS, "Races"), paint(BARE, "bare-textual")) for _ in range(PAINTS)), strict=True)
    ratio = statistics.median(a / b for a, b in zip(ours, bare, strict=True))
    told(
        "first paint of the catalogue / bare Textual",
        f"{ratio:.2f}",
        "≤ 1.3",
        ratio <= 1.3,
        f"{statistics.median(ours):.2f} s against {statistics.median(bare):.2f} s, median of {PAINTS} pairs",
    )


async def on_servers() -> None:
    """All that needs a server, on each."""
    for kind, engine in ((EmbeddedPostgres, Postgres), (PrivateMariaDB, MariaDB)):
        own = kind()
        server = engine(await own.acquire(lambda _: None))
        try:
            await exploration(own, server)
            await loading(own, server)
            await asyncio.to_thread(migrating, server.name, own.title, own.folder.parent)
            await asyncio.to_thread(keys.key_under_load, ("--engine", server.name), own.title)
            await live_screen(own, server)
        finally:
            await own.release()


async def live_screen(own: OwnServer, server: Engine) -> None:
    """A lab screen while a session waits and rows change, watched from a second connection to the same server."""
    outside = server.create(application="benchmark", schema=schema_name("races"), isolation="autocommit")
    try:
        async with lab_screen(server) as terminal:
            await asyncio.to_thread(line.idle, terminal, own.title)
            async with outside.connect() as connection:
                await lock_wait_to_screen(own, server, terminal, connection)
                if server.name == "postgres":
                    await bytes_per_second(terminal, connection, "live lab screen", 3)
                else:
                    wait_begins(terminal)
        if server.name == "postgres":
            async with outside.connect() as connection:
                await panels_under_load(server, connection)
            async with lab_screen(server, "--quiet") as terminal, outside.connect() as connection:
                terminal.press("n")
                terminal.until("Lock the row")
                await bytes_per_second(terminal, connection, "the same with --quiet", 1)
    finally:
        await outside.dispose()


@asynccontextmanager
async def lab_screen(server: Engine, *options: str) -> AsyncIterator[Terminal]:
    """The races lab on the screen, to be left while a run is under way."""
    with Terminal([*NINELABS, "--engine", server.name, *options]) as terminal:
        terminal.until("ready")
        terminal.press("5\r")
        terminal.until("Space start")
        yield terminal
        terminal.press("q")
        terminal.until("yes, quit")
        terminal.press("y")
        await asyncio.to_thread(terminal.wait)


def wait_begins(terminal: Terminal) -> None:
    """Step the experiment to where the second session is about to wait for the first."""
    terminal.press(" ")
    terminal.until_any("NEXT 1", "starts it anew")
    if "starts it anew" in terminal.text:  # So soon after the end it was not meant.
        time.sleep(1)
        terminal.press(" ")
    for step in ("NEXT 1", "NEXT 2"):
        terminal.until(step)
        terminal.press(" ")


async def lock_wait_to_screen(own: OwnServer, server: Engine, terminal: Terminal, connection: AsyncConnection) -> None:
    """From when the server has a wait, by its own clock, to when the screen shows it."""
    terminal.press("n")
    terminal.until("Lock the row")
    delays = []
    for _ in range(WAITS):
        wait_begins(terminal)
        seen = await asyncio.to_thread(terminal.until, "WAITS")
        began = await connection.scalar(text(WAIT_BEGAN[server.name]))
        assert began is not None
        delays.append((seen - float(began)) * 1000)
        terminal.press("c")
        terminal.until("cancelled")
    told(
        f"{own.title}: lock wait, from the server to the screen",
        f"{max(delays):.0f} ms",
        "≤ 400 ms",
        max(delays) <= 400,
        f"median {statistics.median(delays):.0f} ms, longest of {WAITS}",
    )


async def bytes_per_second(terminal: Terminal, connection: AsyncConnection, name: str, budget: float) -> None:
    """What a lab screen sends at 80×24 while a session waits and four rows change five times a second."""
    wait_begins(terminal)
    await connection.execute(
        text("INSERT INTO accounts VALUES (8, 'Heidi', 0, 1), (9, 'Ivan', 0, 1) ON CONFLICT DO NOTHING")
    )
    await asyncio.to_thread(terminal.until, "WAITS")
    terminal.press("t")
    await asyncio.to_thread(terminal.until, "[Table]")
    await asyncio.sleep(2)  # What comes soon after a key counts as its answer.
    before, began = len(terminal.output), time.monotonic()
    for change in range(SECONDS * CHANGES_PER_SECOND):
        await connection.execute(text("UPDATE accounts SET balance = balance + 1 WHERE id IN (2, 3, 8, 9)"))
        await asyncio.sleep(max(0.0, began + (change + 1) / CHANGES_PER_SECOND - time.monotonic()))
    rate = (len(terminal.output) - before) / (time.monotonic() - began) / 1000
    told(
        f"{name}, 80×24, {ROWS} rows changing {CHANGES_PER_SECOND}×/s, a wait growing",
        f"{rate:.2f} kB/s",
        f"≤ {budget} kB/s",
        rate <= budget,
        f"over {SECONDS} s",
    )
    await connection.execute(text("DELETE FROM accounts WHERE id IN (8, 9)"))
    restored = text("UPDATE accounts SET balance = balance - :changes WHERE id IN (2, 3)")
    await connection.execute(restored, {"changes": SECONDS * CHANGES_PER_SECOND})


async def panels_under_load(server: Engine, connection: AsyncConnection) -> None:
    """What pgbench gets done while the panels look on at a session that waits, against no lab being open, in turn.

    A transaction is open either way: it alone keeps old versions of rows from being cleared away, which costs more than
    all panels. Commits do not wait for the disk, which swings by more than what is measured.
    """
    site = binaries.installed_in()
    assert site is not None
    where = {"-h": server.url.query["host"], "-p": server.url.query["port"], "-U": server.url.username}
    pgbench = [
        str(site / binaries.INSTALLATION / "bin/pgbench"),
        *(str(part) for pair in where.items() for part in pair),
    ]
    await asyncio.to_thread(subprocess.run, [*pgbench, "-i", "-q", "postgres"], check=True, capture_output=True)

    async def load() -> float:
        command = [*pgbench, "-n", "-c", "2", "-T", str(LOAD_S), "postgres"]
        environment = {**os.environ, "PGOPTIONS": "-c synchronous_commit=off"}
        done = await asyncio.to_thread(
            subprocess.run, command, check=True, capture_output=True, text=True, env=environment
        )
        found = re.search(r"tps = ([\d.]+)", done.stdout)
        assert found
        return float(found[1])

    async def unseen() -> float:
        nobody = server.create(application="benchmark")
        try:
            async with nobody.begin() as open_transaction:
                await open_transaction.execute(text("SELECT pg_current_xact_id()"))
                return await load()
        finally:
            await nobody.dispose()

    async def seen() -> float:
        async with lab_screen(server) as terminal:
            terminal.press("n")
            terminal.until("Lock the row")
            wait_begins(terminal)
            await asyncio.to_thread(terminal.until, "WAITS")
            return await load()

    async def change() -> None:
        while True:
            await connection.execute(text("UPDATE accounts SET balance = 201 - balance WHERE id IN (2, 3)"))
            await asyncio.sleep(1 / CHANGES_PER_SECOND)

    for also in ("", f" and rows change {CHANGES_PER_SECOND}×/s"):
        changing = asyncio.create_task(change()) if also else None
        ratios = []
        for pair in range(LOADS):
            if pair % 2:
                on, off = await seen(), await unseen()
            else:
                off, on = await unseen(), await seen()
            ratios.append(on / off)
        if changing is not None:
            changing.cancel()
            await asyncio.gather(changing, return_exceptions=True)
            await connection.execute(text("UPDATE accounts SET balance = 100 WHERE id IN (2, 3)"))
        low, ratio, high = statistics.quantiles(ratios, n=4)
        told(
            f"pgbench's transactions a second, panels on / off, a session waits{also}",
            f"{ratio:.3f}",
            "≥ 0.97",
            ratio >= 0.97,
            f"{LOADS} pairs of {LOAD_S} s, half of them from {low:.3f} to {high:.3f}",
        )


if __name__ == "__main__":
    main()
