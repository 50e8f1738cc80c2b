"""The screen on a slow line, beside other work, and when there is nothing to do. No server is needed."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import psutil

from tests.benchmarks.keys import load_average, open_races, presses
from tests.benchmarks.told import told
from tests.terminal import Terminal
from tests.tui.busy import beats, busy_program, longest_stall_ms

SLOW_BYTES_PER_S = 10_000
SECONDS, IDLE_S = 10, 15


def slow_line() -> None:
    """How long the event loop stands still while a lab's every value changes, and what keys take to be answered."""
    stalls = {}
    for speed in (None, SLOW_BYTES_PER_S):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "stalls"
            with Terminal(busy_program(path), bytes_per_s=speed) as terminal:
                open_races(terminal)
                begun = beats(path)
                answers = presses(terminal, 8, rest_s=1)
                stalls[speed] = longest_stall_ms(path, begun)
                terminal.press("q")
                terminal.until("yes, quit")
                began = time.monotonic()
                terminal.press("y")
                terminal.wait()
                took = time.monotonic() - began
    told(
        "longest stall of the event loop at 10 kB/s",
        f"{stalls[SLOW_BYTES_PER_S]:.0f} ms",
        "≤ 250 ms",
        stalls[SLOW_BYTES_PER_S] <= 250,
        f"{stalls[None]:.0f} ms on a fast line; at 10 kB/s keys are answered after {statistics.median(answers):.0f} ms "
        f"(median), {max(answers):.0f} ms (longest), and quitting takes {took:.1f} s; {load_average()}",
    )


def quiet_line() -> None:
    """What a lab whose every value changes sends in a second, as it is and quiet."""
    rates = {}
    with tempfile.TemporaryDirectory() as folder:
        for options in ((), ("--quiet",)):
            with Terminal([*busy_program(Path(folder) / "stalls"), *options]) as terminal:
                open_races(terminal)
                before = len(terminal.output)
                time.sleep(SECONDS)
                rates[options] = (len(terminal.output) - before) / SECONDS / 1000
    full, quiet = rates.values()
    told(
        "bytes of a lab whose every value changes, --quiet / without",
        f"{quiet / full:.2f}",
        "≤ 0.33",
        quiet <= full / 3,
        f"{quiet:.1f} against {full:.1f} kB/s over {SECONDS} s each",
    )


def idle(terminal: Terminal, name: str) -> None:
    """What the two processes of a lab that is only looked at take of a core."""
    screen = psutil.Process(terminal.process.pid)
    processes = {"screen": screen, "lab": screen.children()[0]}
    before = {role: sum(one.cpu_times()[:2]) for role, one in processes.items()}
    time.sleep(IDLE_S)
    percent = {role: (sum(one.cpu_times()[:2]) - before[role]) / IDLE_S * 100 for role, one in processes.items()}
    told(
        f"{name}: CPU of an idle lab screen",
        ", ".join(f"{role} {used:.2f} %" for role, used in percent.items()),
        "≤ 1 % each",
        max(percent.values()) <= 1,
        f"over {IDLE_S} s; {load_average()}",
    )
