"""The whole product at once, nothing replaced: keys on a real terminal, a lab's process, a real server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from itertools import count
from pathlib import Path

import psutil
import pytest

from tests.terminal import Terminal

NINELABS = [sys.executable, "-m", "tui"]
ROOT = Path(__file__).parent.parent


def step_until(terminal: Terminal, seen: str, first: int) -> None:
    """Space until the screen shows it, one press a rest of the sessions; ``first`` is the number of the next rest."""
    for number in count(first):
        terminal.until_any(seen, f"NEXT {number} ")
        if seen in terminal.text:
            return
        terminal.press(" ")


def servers_in(folder: str) -> list[psutil.Process]:
    """Processes that have anything to do with a data folder, the lab's own among them."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "status"])
        if process.info["status"] != psutil.STATUS_ZOMBIE and folder in " ".join(process.info["cmdline"] or [])
    ]


def test_a_double_spend_its_cure_and_the_way_back_by_keyboard_alone(own_data_folder: Path) -> None:
    with Terminal(NINELABS) as terminal:
        terminal.until("PostgreSQL 18")
        terminal.press("5\r")
        terminal.until("Space start")
        terminal.press(" ")
        step_until(terminal, "VERDICT", 1)
        terminal.until("DOES NOT HOLD  Money is conserved")
        terminal.until("opened with 300 · sum of balances 380")

        terminal.press("n")
        terminal.until("Lock the row")
        terminal.press(" ")
        terminal.until("NEXT 1")
        terminal.press(" ")
        terminal.until("NEXT 2")
        terminal.press(" ")
        terminal.until("WAITS for A")
        terminal.until("[Locks]")
        terminal.until("for row ")  # the row that B waits for
        step_until(terminal, "VERDICT", 3)
        terminal.until(lambda: "HOLDS  Money" in terminal.text and "DOES NOT HOLD" not in terminal.text)

        terminal.press("u")
        terminal.shows("Roll back", "yes, roll it back")
        terminal.press("y")
        terminal.until("✓ ROLLED BACK")
        terminal.press("R")
        terminal.shows("Reset", "ninelabs_", "accounts")  # it says what will be lost
        terminal.press("r")
        terminal.until("✓ RESET")
        terminal.press("q")
        assert terminal.wait() == 0
        assert terminal.restored
    assert servers_in(str(own_data_folder)) == []


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
def test_a_recording_replays_to_the_screen_that_the_run_ended_on(
    own_data_folder: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    """The same run, on the screen from the same seed and replayed from its recording, figure for figure."""
    recording = tmp_path / "run.jsonl"
    done = subprocess.run(
        [*NINELABS, "run", "races/double_spend", "--json", "--record", str(recording)], capture_output=True, cwd=ROOT
    )
    assert done.returncode == 4
    assert done.stdout == recording.read_bytes()
    verdicts = {
        event["claim"]: event["holds"]
        for event in map(json.loads, done.stdout.splitlines())
        if event["type"] == "VerdictReached"
    }
    subprocess.run([*NINELABS, "reset", "races"], check=True, capture_output=True, cwd=ROOT)
    with Terminal(NINELABS, size=size) as live:
        live.until("PostgreSQL 18")
        live.press("5\r")
        live.until("Space start")
        live.press("r")
        on_screen = panes(live)
    with Terminal([*NINELABS, "replay", str(recording)], size=size) as replayed:
        replayed.until("REPLAY")
        replayed.press("G")
        assert panes(replayed) == on_screen
    shown = "\n".join(on_screen)
    assert {claim for claim in verdicts if f"{claim}" in shown} == set(verdicts)
    assert shown.count("DOES NOT HOLD") == list(verdicts.values()).count(False)


def panes(terminal: Terminal) -> list[str]:
    """Verdict and tables at rest, but for what is a run's own: pids, times, and what the last look found new."""
    terminal.until("VERDICT")
    terminal.rest()
    body = terminal.text.split("\n")[2:-1]
    own = re.compile(r"(?<=[AB] )\d+|\d+(\.\d+)? ?m?s\b|\d+\.\d+|\*|\d+ (?=below)")
    return [re.sub(r"\s+", " ", re.sub("─+", "─", own.sub(" ", line))) for line in body]


def test_a_rollback_ends_what_is_open_and_so_does_a_reset(own_data_folder: Path) -> None:
    with Terminal(NINELABS) as terminal:
        terminal.until("PostgreSQL 18")
        terminal.press("5\r")
        terminal.until("Space start")
        for key, sign, letter, done in (("u", "Roll back", "y", "ROLLED BACK"), ("R", "Reset", "r", "RESET")):
            terminal.press(" ")
            terminal.until("NEXT 1")
            terminal.press(" ")
            terminal.shows("NEXT 2", "IN TX")
            terminal.press(key)
            terminal.shows(sign, "pen transactions", ": A.")
            terminal.press(letter)
            terminal.shows(done)
            terminal.rest(1.2)
        terminal.press("q")
        assert terminal.wait() == 0


def test_the_screens_process_loads_no_database_driver(own_data_folder: Path) -> None:
    with Terminal(NINELABS) as terminal:
        terminal.until("PostgreSQL 18")
        terminal.press("5\r")
        terminal.until("Space start")
        [child] = terminal.children()

        def loaded(process: psutil.Process) -> set[str]:
            paths = " ".join(mapped.path for mapped in process.memory_maps())
            return {package for package in ("asyncpg", "greenlet") if f"/{package}/" in paths}

        assert loaded(psutil.Process(terminal.process.pid)) == set()
        assert loaded(child) == {"asyncpg", "greenlet"}, "what the screen's process is compared with"


@pytest.fixture
def own_data_folder(
    data_folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A data folder that no other test uses, so that what is left in it is this test's."""
    folder = data_folder / f"own-{os.getpid()}-{tmp_path_factory.mktemp('x').name}"
    folder.mkdir(mode=0o711)
    folder.chmod(0o711)
    monkeypatch.setenv("NINELABS_DATA", str(folder))
    return folder
