"""The line to the terminal on a real pty: slow, at a standstill, resized; and the program stopped and brought back."""

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
from tests.tui.busy import busy_program, longest_stall_ms
from tests.tui.program import program
from tui.line.writer import pieces

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
        for key, seen in (("t", "[Table]"), ("s", "[SQL]"), ("w", "[Why]"), ("t", "[Table]")):
            pressed = time.time()
            terminal.press(key)
            assert terminal.until(seen) - pressed < ANSWERED_S
        assert longest_stall_ms(stalls) < 250
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
        terminal.bytes_per_s = 0
        time.sleep(5)
        assert longest_stall_ms(stalls) < 250
        os.kill(terminal.process.pid, signal.SIGTERM)
        assert terminal.process.wait(8) == 143
        terminal.bytes_per_s = None
        terminal.until(lambda: terminal.restored)


def sent(options: list[str], tmp_path: Path, during_s: float = 5) -> int:
    with Terminal([*busy_program(tmp_path / "stalls"), *options]) as terminal:
        lab(terminal)
        terminal.press("t")
        terminal.until("[Table]")
        time.sleep(1.5)
        before = len(terminal.output)
        time.sleep(during_s)
        return len(terminal.output) - before


def test_a_quiet_screen_sends_less_and_answers_keys_as_fast(tmp_path: Path) -> None:
    assert sent(["--quiet"], tmp_path) < 0.5 * sent([], tmp_path)
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


# stopped and brought back


class Shell(Terminal):
    """A terminal with a shell in it, where the program was started by typing its name."""

    def __init__(self, command: list[str], script: Path) -> None:
        script.write_text(f"exec {shlex.join(command)}\n")
        super().__init__(["bash", "--norc", "--noprofile", "-i"], environment={"PS1": "shell: "})
        self.until("shell:")
        self.press(f"sh {script}\r")
        self.shows("PostgreSQL 18.6 ready", "? keys")

    def program(self) -> psutil.Process:
        (process,) = self.children()
        return process

    def bring_back(self) -> None:
        """Return to the program, from a screen on which nothing of it is left."""
        self.press("clear\r")
        self.until(lambda: "keys" not in self.text)
        self.press("fg\r")


def stopped(process: psutil.Process) -> bool:
    return bool(process.status() == psutil.STATUS_STOPPED)


def test_ctrl_z_goes_to_the_shell_and_fg_comes_back_with_the_lab_as_it_is(tmp_path: Path) -> None:
    with Shell(busy_program(tmp_path / "stalls"), tmp_path / "start") as shell:
        lab(shell)
        process = shell.program()
        runners = process.children()
        for _ in range(2):
            shell.press("\x1a")
            shell.until("Stopped")
            assert stopped(process)
            shell.rest()
            before = len(shell.output)
            time.sleep(1)
            assert len(shell.output) == before and "^[" not in shell.text
            assert b"?1049l" in shell.output[shell.output.rfind(b"?1049h") :]
            shell.bring_back()
            shell.shows("Double spend", "LIVE", "? keys")
            assert process.children() == runners
        shell.press("t")
        shell.until("[Table]")
        shell.press("q")
        shell.until("yes, quit")
        shell.press("y")
        shell.until(lambda: not process.is_running())
        shell.press("echo $((6 * 7))\r")
        shell.until("\n42")
        assert "^[" not in shell.text


@pytest.mark.parametrize("number", [signal.SIGTSTP, signal.SIGSTOP])
def test_a_program_that_is_stopped_from_outside_repaints_when_it_goes_on(tmp_path: Path, number: int) -> None:
    with Shell(program(), tmp_path / "start") as shell:
        process = shell.program()
        process.send_signal(number)
        shell.until("Stopped")
        shell.bring_back()
        shell.shows("5  Races", "PostgreSQL 18.6 ready", "? keys")
        threads = process.num_threads()
        shell.press("?")
        shell.until("Esc closes")
        shell.press("\x1b")
        shell.until(lambda: "Esc closes" not in shell.text)
        shell.press("q")
        shell.until(lambda: not process.is_running())
        shell.press("stty -a\r")
        shell.shows("icanon", " echo ")
        assert "-icanon" not in shell.text and threads < 9


def test_a_program_that_no_shell_could_bring_back_is_not_stopped() -> None:
    with Terminal(program()) as terminal:
        terminal.shows("PostgreSQL 18.6 ready", "? keys")
        terminal.press("\x1a")
        terminal.rest()
        terminal.shows("PostgreSQL 18.6 ready", "? keys")
        terminal.press("q")
        assert terminal.wait() == 0


def test_one_that_is_continued_behind_another_leaves_the_terminal_alone(tmp_path: Path) -> None:
    with Shell(program(), tmp_path / "start") as shell:
        process = shell.program()
        shell.press("\x1a")
        shell.until("Stopped")
        before = len(shell.output)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.5)
        assert b"?1049h" not in shell.output[before:] and stopped(process)
        shell.bring_back()
        shell.shows("5  Races", "? keys")
        process.terminate()
        shell.until(lambda: not process.is_running())


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
        assert busy_seconds(process, lambda: time.sleep(2)) < 0.2
