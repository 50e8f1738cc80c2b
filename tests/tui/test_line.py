"""The line to the terminal on a real pty: slow, at a standstill, far away, resized."""

from __future__ import annotations

import os
import shlex
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.terminal import Terminal
from tests.tui.busy import beats, busy_program, longest_stall_ms
from tests.tui.program import program
from tui.line.writer import CANCEL, pieces

SLOW = 10_000
ANSWERED_S = 1.5


def lab(terminal: Terminal) -> None:
    """Open the lab whose every value changes all the time."""
    terminal.shows("PostgreSQL 18.6 ready", "? keys")
    terminal.press("5\r")
    terminal.shows("Double spend", "LIVE")


def busy_seconds(process: psutil.Process, during: Callable[[], object]) -> float:
    """The processor's seconds that a process uses up meanwhile."""
    before = process.cpu_times()
    during()
    after = process.cpu_times()
    return after.user + after.system - before.user - before.system


def test_a_piece_of_a_frame_never_begins_within_an_escape_sequence() -> None:
    frame = b"".join(b"\x1b[%d;1H\x1b[38;5;%dm\xe2\x94\x80 %s\x1b[0m" % (y, y, b"x" * (y * 9)) for y in range(99))
    cut = list(pieces(frame))
    assert b"".join(cut) == frame
    assert len(cut) > 50 and all(piece.startswith(b"\x1b[") for piece in cut)
    assert list(pieces(b"x" * 5000)) == [b"x" * 5000]


def test_on_a_slow_line_the_program_never_stands_still_and_answers_keys_and_quits(tmp_path: Path) -> None:
    stalls = tmp_path / "stalls"
    with Terminal(busy_program(stalls), bytes_per_s=SLOW) as terminal:
        lab(terminal)
        terminal.until("kB/s")
        begun = beats(stalls)
        for key, seen in (("t", "[Table]"), ("s", "[SQL]"), ("w", "[Why]"), ("t", "[Table]")):
            pressed = time.time()
            terminal.press(key)
            assert terminal.until(seen) - pressed < ANSWERED_S
        assert longest_stall_ms(stalls, begun) < 250
        terminal.press("q")
        terminal.until("yes, quit")
        pressed = time.time()
        terminal.press("y")
        assert terminal.wait() == 0
        assert time.time() - pressed < 2
        assert terminal.restored


def test_a_line_that_stands_still_does_not_keep_the_program(tmp_path: Path) -> None:
    stalls = tmp_path / "stalls"
    with Terminal(busy_program(stalls)) as terminal:
        lab(terminal)
        begun = beats(stalls)
        terminal.bytes_per_s = 0
        terminal.until(lambda: beats(stalls) > begun + 300)
        assert longest_stall_ms(stalls, begun) < 250
        os.kill(terminal.process.pid, signal.SIGTERM)
        assert terminal.process.wait(8) == 143
        terminal.bytes_per_s = None
        terminal.until(lambda: terminal.restored)


def sent(options: list[str], tmp_path: Path, during_s: float = 3) -> int:
    with Terminal([*busy_program(tmp_path / "stalls"), *options]) as terminal:
        lab(terminal)
        terminal.press("t")
        terminal.until("[Table]")
        time.sleep(1.5)
        before = len(terminal.output)
        time.sleep(during_s)
        return len(terminal.output) - before


def test_a_quiet_screen_sends_less_and_answers_keys_as_fast(tmp_path: Path) -> None:
    assert sent(["--quiet"], tmp_path) < sent([], tmp_path) / 3
    with Terminal(busy_program(tmp_path / "stalls"), environment={"NINELABS_QUIET": "1"}) as terminal:
        lab(terminal)
        for key, seen in (("s", "[SQL]"), ("w", "[Why]"), ("t", "[Table]")):
            time.sleep(1.1)
            pressed = time.time()
            terminal.press(key)
            assert terminal.until(seen) - pressed < 0.5


def test_moves_of_the_mouse_are_not_asked_for_and_clicks_are() -> None:
    with Terminal(program()) as terminal:
        terminal.shows("PostgreSQL 18.6 ready", "? keys")
        assert b"?1003h" not in terminal.output and b"?1000h" in terminal.output
        x = terminal.text.splitlines()[-1].index("? keys") + 1
        terminal.press(f"\x1b[<0;{x + 1};24M\x1b[<0;{x + 1};24m")
        terminal.until("Esc closes")


# resized


@pytest.mark.parametrize("size", [(80, 24), (132, 40)])
def test_a_storm_of_resizes_ends_with_the_right_screen(tmp_path: Path, size: tuple[int, int]) -> None:
    with Terminal(busy_program(tmp_path / "stalls")) as terminal:
        lab(terminal)
        terminal.press("w")
        terminal.until("[Why]")
        for n in range(100):
            terminal.resize(30 + (n * 37) % 150, 5 + (n * 11) % 45)
            time.sleep(0.02)
        terminal.resize(*size)
        terminal.shows("Double spend", "LIVE", "Why", "? keys", "Can the same money be spent twice?")
        time.sleep(1)
        lines = terminal.text.split("\n")
        assert "? keys" in lines[size[1] - 1] and lines[0].endswith("LIVE"), terminal.text
        assert len(lines[0]) == size[0] - 1 and "Traceback" not in terminal.text
        terminal.press("c")
        terminal.press("q")
        terminal.until("yes, quit")
        terminal.press("y")
        assert terminal.wait() == 0


def test_resizes_of_an_idle_screen_leave_nothing_running() -> None:
    with Terminal(program()) as terminal:
        terminal.shows("PostgreSQL 18.6 ready", "? keys")
        first, *_, last = terminal.text.splitlines()
        for n in range(50):
            terminal.resize(40 + n * 2, 8 + n)
            time.sleep(0.01)
        terminal.resize(80, 24)
        terminal.until(lambda: terminal.text.startswith(first) and terminal.text.endswith(last))
        time.sleep(1)
        process = psutil.Process(terminal.process.pid)
        assert busy_seconds(process, lambda: time.sleep(4)) < 0.08


# copied


COPY = (
    "from tui.screens.catalogue import CatalogueScreen\n"
    "CatalogueScreen.action_copy = lambda self: self.copy('0123456789abcdef\\n' * {lines})"
)


def test_quitting_during_a_copy_leaves_no_string_open() -> None:
    with Terminal(program(COPY.format(lines=3000))) as terminal:
        terminal.shows("PostgreSQL 18.6 ready", "? keys")
        terminal.rest()
        terminal.bytes_per_s = 1000
        terminal.press("y")
        terminal.until(lambda: b"\x1b]52;" in terminal.output)
        pressed = time.time()
        terminal.press("q")
        assert terminal.process.wait(8) == 0
        assert time.time() - pressed < 5
        terminal.bytes_per_s = None
        terminal.until(lambda: terminal.restored)
        string = terminal.output.rpartition(b"\x1b]52;")[2]
        assert string.index(CANCEL) < string.index(b"\x1b[")


def test_a_screen_is_painted_again_after_a_copy_over_a_slow_line() -> None:
    with Terminal(program(COPY.format(lines=600))) as terminal:
        terminal.shows("PostgreSQL 18.6 ready", "? keys")
        terminal.rest()
        terminal.bytes_per_s = 3000
        terminal.press("y")
        terminal.until("lines copied")
        terminal.press("?")
        terminal.until("Esc closes")


# far away


def test_what_a_far_terminal_still_answers_is_waited_for_and_not_longer(tmp_path: Path) -> None:
    script = tmp_path / "start"
    script.write_text(shlex.join(busy_program(tmp_path / "stalls")) + "\necho over; exec cat\n")
    with Terminal(["sh", str(script)], answers_after_s=1.5) as terminal:
        lab(terminal)
        time.sleep(2)  # A key that is an answer to what is seen comes after the terminal's own answers to it.
        terminal.press("q")
        terminal.until("yes, quit")
        terminal.press("y")
        terminal.until("over")
        time.sleep(2)
        assert b"^[" not in terminal.output and b"R" not in terminal.output.rpartition(b"over")[2]


def test_a_terminal_that_never_answers_is_not_waited_for() -> None:
    with Terminal(program(), answers_after_s=None) as terminal:
        terminal.shows("PostgreSQL 18.6 ready", "? keys")
        pressed = time.time()
        terminal.press("q")
        assert terminal.wait() == 0
        assert time.time() - pressed < 0.9


# what no keyboard sends


def test_bytes_that_mean_nothing_are_dropped() -> None:
    with Terminal(program(), environment={"COLORTERM": ""}) as terminal:
        terminal.shows("PostgreSQL 18.6 ready", "? keys")
        for nothing in (
            b"\xff",
            b"\xe9",
            b"\xe2\x82",
            b"\x00",
            b"\x1b[M\xff\xff\xff",
            b"\x1b[99999999999u",
            b"\x1b[97;1;1114112u",
            b"\x1b[<0;-5;-5M",
            b"\x1b[" + b"1;" * 99 + b"R",
        ):
            terminal.press(nothing)
            terminal.rest(0.2)
            terminal.press("\x1b[1;1R?")  # What was begun is over, and a key is a key.
            terminal.until("Esc closes")
            terminal.press("\x1b")
            terminal.until(lambda: "Esc closes" not in terminal.text)
        terminal.press("q")
        assert terminal.wait() == 0
