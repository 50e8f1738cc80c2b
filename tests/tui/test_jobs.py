"""The program beside others on its terminal: stopped, brought back, and ended meanwhile."""

from __future__ import annotations

import shlex
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.terminal import Terminal
from tests.tui.busy import busy_program
from tests.tui.program import program
from tests.tui.test_line import lab


class Shell(Terminal):
    """A terminal with a shell in it, where the program was started by typing its name."""

    def __init__(self, command: list[str], script: Path) -> None:
        script.write_text(f"exec {shlex.join(command)}\n")
        super().__init__(["bash", "--norc", "--noprofile", "-i"], environment={"PS1": "shell: "})
        self.until("shell:")
        self.press(f"sh {script}\r")
        self.shows("PostgreSQL 18.6 ready", "? keys")

    def __exit__(self, *_: Any) -> None:
        self.process.kill()  # A shell that somebody types into does not hear SIGTERM; the system ends what it ran.
        self.process.wait()
        super().__exit__()

    def program(self) -> psutil.Process:
        (process,) = self.children()
        return process

    def bring_back(self) -> None:
        """Return to the program, from a screen on which nothing of it is left."""
        self.press("\x15clear\r")  # A late answer of the terminal may stand on the shell's line.
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


# ended meanwhile


def ended(process: psutil.Process, runners: list[psutil.Process]) -> bool:
    return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in (process, *runners))


@pytest.mark.parametrize(
    ("numbers", "status"),
    [
        ((), "Terminated|Exit 143"),
        ((signal.SIGTERM, signal.SIGCONT), "Exit 143"),
        ((signal.SIGHUP, signal.SIGCONT), "Exit 129"),
    ],
)
def test_a_stopped_program_can_be_ended(tmp_path: Path, numbers: tuple[signal.Signals, ...], status: str) -> None:
    with Shell(program(), tmp_path / "start") as shell:
        process = shell.program()
        runners = process.children()
        shell.press("\x1a")
        shell.until("Stopped")
        shell.rest()
        before = len(shell.output)
        if not numbers:
            shell.press("kill %1\r")
        for number in numbers:
            process.send_signal(number)
        shell.until(lambda: ended(process, runners))
        shell.press("\r")
        shell.until_any(*status.split("|"))
        assert b"\x1b[?10" not in shell.output[before:]


def test_a_stopped_program_does_not_outlive_its_shell(tmp_path: Path) -> None:
    script = tmp_path / "start"
    script.write_text(f"exec {shlex.join(program())}\n")
    with Terminal(["bash", "--norc", "--noprofile", "-i"], environment={"PS1": "shell: "}) as terminal:
        terminal.until("shell:")
        terminal.press("PS1='inner: ' bash --norc --noprofile -i\r")
        terminal.until("inner:")
        terminal.press(f"sh {script}\r")
        terminal.shows("PostgreSQL 18.6 ready", "? keys")
        (shell,) = terminal.children()
        (process,) = shell.children()
        runners = process.children()
        terminal.press("\x1a")
        terminal.until("Stopped")
        before = len(terminal.output)
        shell.kill()
        terminal.until(lambda: ended(process, runners))
        assert b"\x1b[?10" not in terminal.output[before:]
        terminal.process.kill()


def test_a_program_that_was_not_stopped_only_repaints_however_often_it_is_continued(tmp_path: Path) -> None:
    with Terminal(program()) as terminal:
        terminal.shows("PostgreSQL 18.6 ready", "? keys")
        terminal.rest()
        process = psutil.Process(terminal.process.pid)
        threads, before, screen = process.num_threads(), len(terminal.output), terminal.text
        for _ in range(20):
            process.send_signal(signal.SIGCONT)
        terminal.until(lambda: len(terminal.output) > before)
        terminal.rest()
        repainted = terminal.output[before:]
        assert b"?1049l" not in repainted and repainted.count(b"Races") == 1
        assert process.num_threads() == threads and terminal.text == screen
        terminal.press("q")
        assert terminal.wait() == 0
