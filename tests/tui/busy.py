"""A lab's process that has a great deal to say, and a program that notes how long its event loop stands still."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.tui.program import PROGRAM, ROOT

RUNNER = """
import itertools, sys, threading, time
sys.path.insert(0, {root!r})
from labs.stream.events import EngineChanged, StatementEnded, StatementStarted, TableSampled
from labs.stream.lines import encode
from tests.tui.streams import WRITE, opened, started

def say(event):
    sys.stdout.buffer.write(encode(event))
    sys.stdout.buffer.flush()

def talk():
    for event in [*opened()[3:], *started(stepped=False)]:
        say(event)
    for n in itertools.count():
        t = 3 + n * {every_s}
        say(StatementStarted(t=t, session="AB"[n % 2], number=n + 1, sql=WRITE, parameters=(n, 1)))
        say(StatementEnded(t=t, session="AB"[n % 2], number=n + 1, milliseconds=n % 9, rows=1))
        rows = tuple((key, f"owner {{key * 7919 * n % 10**9}}", n * key) for key in range(8))
        say(TableSampled(t=t, table="accounts", columns=("id", "owner", "balance"), key=("id",), rows=rows,
            row_count=8, changed=tuple((key,) for key in range(8))))
        time.sleep({every_s})

say(EngineChanged(engine="postgres", state="ready", server_version="18.6"))
for line in sys.stdin:
    if "OpenLab" in line:
        threading.Thread(target=talk, daemon=True).start()
    if "Close" in line:
        break
"""

HEART = """
import asyncio, time
from tui.app import NinelabsApp
warm_up = NinelabsApp._warm_up
async def beat():
    with open({path!r}, "w", buffering=1) as stalls:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            stalls.write(f"{{time.monotonic() - before - 0.01}}\\n")
def and_beat(self):
    self.heart = asyncio.create_task(beat())
    warm_up(self)
NinelabsApp._warm_up = and_beat
"""


def busy_program(stalls: Path, every_s: float = 0.02) -> list[str]:
    """The `ninelabs` command with a lab whose every value changes all the time."""
    runner = RUNNER.format(root=str(ROOT), every_s=every_s)
    return [sys.executable, "-c", PROGRAM.format(runner=runner, extra=HEART.format(path=str(stalls)))]


def beats(stalls: Path) -> int:
    """How often the event loop has been looked at so far."""
    return len(stalls.read_text().splitlines())


def longest_stall_ms(stalls: Path, since: int) -> float:
    """The longest time that the event loop has stood still, but for the first so many looks."""
    return max(float(line) for line in stalls.read_text().splitlines()[since:]) * 1000
