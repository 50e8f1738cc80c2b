"""From a key to its answer on the screen, while something else needs the machine."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from tests.benchmarks.told import told
from tests.terminal import Terminal
from tests.tui.busy import busy_program

PRESSES = 300
"""Of a hundred, the p99 would be the second of all."""
MANY = 10_000_000
LOAD_S = 900.0
"""How long a load of so many rows may take."""

PANES = (("s", "[SQL]"), ("w", "[Why]"), ("t", "[Table]"), ("v", "[Verdict]"))
"""What a key brings to the front."""


def key_while_busy() -> None:
    """From a key to the answer on the screen while other programs keep both cores busy."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Terminal(busy_program(Path(folder) / "stalls", every_s=0.2)) as terminal,
    ):
        open_races(terminal)
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
        try:
            time.sleep(1)
            answers = presses(terminal, PRESSES, rest_s=0.1)
        finally:
            for one in busy:
                one.kill()
                one.wait()
    told(
        "key press to painted answer, both cores busy",
        f"p99 {p99(answers):.0f} ms",
        "≤ 100 ms",
        p99(answers) <= 100,
        f"p50 {statistics.median(answers):.0f} ms, longest {max(answers):.0f} ms, {PRESSES} keys; {load_average()}",
    )


def key_under_load(engine: Sequence[str], name: str, rows: int = MANY) -> None:
    """The same while a lab loads so many rows, all of it watched on the screen, against the same screen at rest."""
    with Terminal([sys.executable, "-m", "tui", *engine]) as terminal:
        terminal.until("ready")
        terminal.press("9\r")
        terminal.until("Space start")
        idle = presses(terminal, PRESSES, rest_s=0.1)
        terminal.press("n")
        terminal.until("A load")
        terminal.press("e")
        terminal.until("Set up")
        terminal.press("\x1b[B")
        terminal.press(f"{rows}r")
        terminal.until("rows/s", within_s=60)
        time.sleep(1)
        answers, loading = list[float](), True
        until = time.monotonic() + LOAD_S
        while loading and time.monotonic() < until:
            answers += presses(terminal, len(PANES), rest_s=0.1, ends="VERDICT")
            loading = "running by itself" in terminal.text
        terminal.until("VERDICT", within_s=LOAD_S)
        lab = max(psutil.Process(terminal.process.pid).children(), key=lambda one: one.memory_info().rss)
        memory = [psutil.Process(terminal.process.pid).memory_info().rss, lab.memory_info().rss]
        held = "all hold" in terminal.text
        terminal.press("q")
        terminal.wait()
    late, at_rest = p99(answers), p99(idle)
    told(
        f"{name}: key press to painted answer while {rows:,} rows are loaded",
        f"p99 {late:.0f} ms, {late / at_rest:.1f} × idle",
        "≤ 100 ms, ≤ 3 × idle",
        late <= 100 and late <= 3 * at_rest and held,
        f"p50 {statistics.median(answers):.0f} ms, longest {max(answers):.0f} ms, {len(answers)} keys; idle p50 "
        f"{statistics.median(idle):.0f} ms, p99 {at_rest:.0f} ms; claims {'hold' if held else 'fell'}; "
        f"screen {memory[0] >> 20} MiB, lab {memory[1] >> 20} MiB; {load_average()}",
    )


def p99(answers: Sequence[float]) -> float:
    """Of a hundred, what all but one are no longer than."""
    return sorted(answers)[max(int(len(answers) * 0.99) - 1, 0)]


def open_races(terminal: Terminal) -> None:
    """The races lab, its table in front."""
    terminal.shows("PostgreSQL 18.6 ready", "? keys")
    terminal.press("5\r")
    terminal.shows("Double spend", "LIVE")
    terminal.press("t")
    terminal.until("[Table]")
    time.sleep(2)


def presses(terminal: Terminal, count: int, rest_s: float, *, ends: str = "[none]") -> list[float]:
    """Milliseconds from each key to its answer, until a text is there that changes the pane by itself."""
    taken = []
    for n in range(count):
        key, seen = PANES[n % len(PANES)]
        pressed = time.time()
        terminal.press(key)
        shown = terminal.until_any(seen, ends)
        if ends in terminal.text:
            break
        taken.append((shown - pressed) * 1000)
        time.sleep(rest_s)
    return taken


def load_average() -> str:
    """How busy the machine is."""
    return f"load average {psutil.getloadavg()[0]:.1f}"
