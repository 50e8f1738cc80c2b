"""Ten million users who get a column while programs write: staged against the naive ways, in one run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from labs.stream.events import AnyEvent, Measured
from labs.workbench.apart import MAXRSS_BYTES
from tests.benchmarks.told import told

MANY = 10_000_000
STALL, SECONDS = "Longest wait of a writer", "Seconds in all"
ONE_ALTER, ONE_UPDATE, STAGED = "One ALTER", "One UPDATE", "Staged"


def migrating(engine: str, title: str, folder: Path, rows: int = MANY) -> None:
    """Run the comparison headless, as a person would, and hold it to the budgets."""
    recording = folder / f"migrating-{engine}.jsonl"
    command = [sys.executable, "-m", "tui", "run", "migrations/naive_against_staged", "--engine", engine]
    command += ["-p", f"rows={rows}", "--record", str(recording)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    events = (msgspec.json.decode(line, type=AnyEvent) for line in recording.read_bytes().splitlines())
    found = {(event.metric, event.variant): event.value for event in events if isinstance(event, Measured)}
    staged, naive = found[STALL, STAGED], min(found[STALL, ONE_ALTER], found[STALL, ONE_UPDATE])
    dearer = found[SECONDS, STAGED] / found[SECONDS, ONE_UPDATE]
    of = f"{title}: a column for {rows:,} users"
    budget_ms = 150 if engine == "postgres" else 1_150
    told(f"{of}, longest stall of a writer", f"{staged:.0f} ms", f"≤ {budget_ms} ms", staged <= budget_ms, "staged")
    told(f"{of}, stall naive / staged", f"{naive / staged:.0f}", "≥ 30", naive >= 30 * staged, f"naive {naive:,.0f} ms")
    told(
        f"{of}, seconds staged / one UPDATE", f"{dearer:.2f}", "≤ 1.5", dearer <= 1.5, f"{found[SECONDS, STAGED]:.0f} s"
    )
    peak = usage.ru_maxrss * MAXRSS_BYTES
    told(f"{of}, program memory", f"{peak >> 20} MiB", "≤ 200 MB", peak <= 200e6, "the whole run")
