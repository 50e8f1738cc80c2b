"""A link that drops in the middle of a run, and the next start: real keys, a real lab, a real server."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.terminal import Terminal

NINELABS = [sys.executable, "-m", "tui"]


def killed(terminal: Terminal) -> None:
    """Everything of the program at once, as when the machine goes down; but for the server."""
    program = psutil.Process(terminal.process.pid)
    for process in [program, *program.children()]:
        process.kill()
    terminal.wait()


def hung_up(terminal: Terminal) -> None:
    os.kill(terminal.process.pid, signal.SIGHUP)
    assert terminal.wait() == 128 + signal.SIGHUP


def lanes(terminal: Terminal) -> list[str]:
    """What stands in the lanes, but for what is a run's own: times, and the servers' process ids."""
    own = re.compile(r"(?<=[AB] )\d+|\d+\.\d+s?")
    return [re.sub(r"\s+", " ", own.sub(" ", line)) for line in terminal.text.split("\n") if line.count("│") == 2]


@pytest.mark.parametrize("ends", [killed, hung_up])
def test_the_next_start_goes_on_from_the_recorded_step(
    tmp_path_factory: pytest.TempPathFactory,
    data_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    ends: Callable[[Terminal], None],
) -> None:
    folder = data_folder / tmp_path_factory.mktemp("own").name
    folder.mkdir(mode=0o711)
    monkeypatch.setenv("NINELABS_DATA", str(folder))
    with Terminal(NINELABS) as first:
        first.until("PostgreSQL 18")
        first.press("5\r")
        first.until("Space start")
        first.press("n")
        first.until("Lock the row")
        for number in (1, 2):
            first.press(" ")
            first.until(f"NEXT {number} ")
        first.press(" ")
        first.shows("WAITS for A", "NEXT 3 ")
        first.until("… waits")
        before = lanes(first)
        ends(first)

    with Terminal(NINELABS) as second:
        second.shows("The last run stopped at step 3 of Lock the row (PostgreSQL, read committed)", "1 recording")
        second.until("PostgreSQL 18")
        second.press("b")
        second.shows("WAITS for A", "NEXT 3 ", "Step 3 comes next, as when it was recorded.")
        second.until("… waits")
        assert lanes(second) == before != []
        second.press("a")
        second.until("✓ VERDICT")
        second.press("\x1b")
        second.shows("2 recordings", "✓ passed", "… stopped at step 3", "PostgreSQL 18")
        assert "goes on from there" not in second.text
        second.press("\t\r")
        second.until("REPLAY")
        second.press("q")
        assert second.wait() == 0
