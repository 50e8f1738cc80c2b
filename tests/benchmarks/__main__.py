"""The budgets, measured: `python -m tests.benchmarks`. Figures are of this machine; it is the ratios that count."""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.workbench.engines.embedded import EmbeddedPostgres
from labs.workbench.engines.postgres.engine import Postgres
from labs.workbench.place import schema_name
from tests.terminal import Terminal

NINELABS = [sys.executable, "-m", "tui"]
BARE = [sys.executable, str(Path(__file__).with_name("bare.py"))]

PAINTS, WAITS = 9, 15
ROWS, CHANGES_PER_SECOND, SECONDS = 4, 5, 10


def main() -> None:
    """Measure everything and print it, with the budget beside it."""
    folder = Path(tempfile.mkdtemp(prefix="ninelabs-benchmark-", dir="/tmp"))
    folder.chmod(0o711)
    os.environ["NINELABS_DATA"] = str(folder)
    try:
        first_paint()
        asyncio.run(live_screen())
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


async def live_screen() -> None:
    """A lab screen while a session waits and rows change, watched from a second connection to the same server."""
    server = EmbeddedPostgres()
    postgres = Postgres(await server.acquire(lambda _: None))
    outside = postgres.create(application="benchmark", schema=schema_name("races"), isolation="autocommit")
    try:
        with Terminal(NINELABS) as terminal:
            terminal.until("ready")
            terminal.press("5\r")
            terminal.until("Space start")
            async with outside.connect() as connection:
                await lock_wait_to_screen(terminal, connection)
                await bytes_per_second(terminal, connection)
            terminal.press("q")
            terminal.until("yes, quit")
            terminal.press("y")
            await asyncio.to_thread(terminal.wait)
    finally:
        await outside.dispose()
        await server.release()


def wait_begins(terminal: Terminal) -> None:
    """Step the experiment to where the second session is about to wait for the first."""
    terminal.press(" ")
    terminal.until_any("NEXT 1", "Space starts it anew")
    if "Space starts it anew" in terminal.text:  # So soon after the end it was not meant.
        time.sleep(1)
        terminal.press(" ")
    for step in ("NEXT 1", "NEXT 2"):
        terminal.until(step)
        terminal.press(" ")


async def lock_wait_to_screen(terminal: Terminal, connection: AsyncConnection) -> None:
    """From when the server has a wait, by its own clock, to when the screen shows it."""
    terminal.press("n")
    terminal.until("Lock the row")
    delays = []
    for _ in range(WAITS):
        wait_begins(terminal)
        seen = await asyncio.to_thread(terminal.until, "WAITS")
        began = await connection.scalar(
            text("SELECT extract(epoch FROM waitstart) FROM pg_locks WHERE NOT granted AND waitstart IS NOT NULL")
        )
        delays.append((seen - float(began)) * 1000)
        terminal.press("c")
        terminal.until("cancelled")
    told(
        "lock wait, from the server to the screen",
        f"{max(delays):.0f} ms",
        "≤ 400 ms",
        max(delays) <= 400,
        f"median {statistics.median(delays):.0f} ms, longest of {WAITS}",
    )


async def bytes_per_second(terminal: Terminal, connection: AsyncConnection) -> None:
    """What the live lab screen sends at 80×24 while a session waits and four rows change five times a second."""
    wait_begins(terminal)
    await connection.execute(text("INSERT INTO accounts VALUES (8, 'Heidi', 0), (9, 'Ivan', 0) ON CONFLICT DO NOTHING"))
    await asyncio.to_thread(terminal.until, "WAITS")
    terminal.press("\t")
    await asyncio.to_thread(terminal.until, "[Table]")
    before, began = len(terminal.output), time.monotonic()
    for change in range(SECONDS * CHANGES_PER_SECOND):
        await connection.execute(text("UPDATE accounts SET balance = balance + 1 WHERE id IN (2, 3, 8, 9)"))
        await asyncio.sleep(max(0.0, began + (change + 1) / CHANGES_PER_SECOND - time.monotonic()))
    rate = (len(terminal.output) - before) / (time.monotonic() - began) / 1000
    told(
        f"live lab screen, 80×24, {ROWS} rows changing {CHANGES_PER_SECOND}×/s, a wait growing",
        f"{rate:.2f} kB/s",
        "≤ 3 kB/s",
        rate <= 3,
        f"over {SECONDS} s",
    )


def told(what: str, measured: str, budget: str, kept: bool, detail: str) -> None:
    """Print one figure beside its budget."""
    print(f"{'✓' if kept else '✗'} {what}: {measured}  (budget {budget}; {detail})", flush=True)


if __name__ == "__main__":
    main()
