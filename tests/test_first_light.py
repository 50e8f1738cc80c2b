"""The whole product at once, nothing replaced: keys on a real terminal, a lab's process, a real server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.terminal import Terminal

NINELABS = [sys.executable, "-m", "tui"]
ROOT = Path(__file__).parent.parent


def step_until(terminal: Terminal, seen: str) -> None:
    """Space until the screen shows it, one press a rest of the sessions."""
    while seen not in terminal.text:
        upcoming = re.search(r"NEXT (\d+)", terminal.text)
        assert upcoming, terminal.text
        terminal.press(" ")
        terminal.until_any(seen, f"NEXT {int(upcoming[1]) + 1} ")


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
        terminal.until("NEXT 1")
        step_until(terminal, "VERDICT")
        terminal.until("DOES NOT HOLD  Money is conserved")
        terminal.until("opened_with 300 · sum_of_balances 380")

        terminal.press("n")
        terminal.until("Lock the row")
        terminal.press(" ")
        terminal.until("NEXT 1")
        terminal.press(" ")
        terminal.until("NEXT 2")
        terminal.press(" ")
        terminal.until("WAITS for A")
        while "[Locks]" not in terminal.text:
            terminal.press("\t")
            terminal.rest(0.3)
        terminal.until("row (0,")  # the row that B waits for
        step_until(terminal, "VERDICT")
        assert "DOES NOT HOLD" not in terminal.text

        terminal.press("u")
        terminal.until("Roll back")
        terminal.press("u")
        terminal.until("fingerprint")
        terminal.press("R")
        terminal.shows("Reset", "ninelabs_", "accounts")  # it says what will be lost
        terminal.press("r")
        terminal.until("seed")
        terminal.press("q")
        assert terminal.wait() == 0
        assert terminal.restored
    assert servers_in(str(own_data_folder)) == []


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
def test_a_recording_replays_to_the_screen_that_the_run_ended_on(
    own_data_folder: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    """The live screen, the headless run and the replay agree, but for what is a run's own: pids and times."""
    recording = tmp_path / "run.jsonl"
    done = subprocess.run(
        [*NINELABS, "run", "races/double_spend", "--json", "--record", str(recording)], capture_output=True, cwd=ROOT
    )
    assert done.returncode == 4
    assert done.stdout == recording.read_bytes()
    headless = {
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
        live.until("VERDICT")
        on_screen = panes(live)
    with Terminal([*NINELABS, "replay", str(recording)], size=size) as replayed:
        replayed.until("VERDICT")
        assert panes(replayed) == on_screen
    for claim, holds in headless.items():
        assert f"{'HOLDS' if holds else 'DOES NOT HOLD'} {claim}" in "\n".join(on_screen)


def panes(terminal: Terminal) -> list[str]:
    """What is between header and footer at rest, without numbers and the marks of what the last look found new."""
    terminal.rest()
    body = terminal.text.split("\n")[2:-1]
    numberless = [re.sub(r"\d+(\.\d+)?( ?m?s)?\b", "#", line.replace("*", " ")) for line in body]
    return [re.sub(r"\s+", " ", re.sub("─+", "─", line)) for line in numberless]


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
