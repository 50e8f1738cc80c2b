"""A real pty with a program on it, and what a person would see there."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import pyte

ROOT = Path(__file__).parents[2]

RUNNER = """
import sys
print('{"type":"EngineChanged","engine":"postgres","state":"ready","server_version":"18.6"}', flush=True)
for line in sys.stdin:
    if "Close" in line:
        break
"""

PROGRAM = """
import sys
from tui import __main__, backend
backend.RUNNER = (sys.executable, "-c", {runner!r})
{extra}
__main__.main()
"""


def program(extra: str = "", runner: str = RUNNER) -> list[str]:
    """The `ninelabs` command with a runner that only says that it is ready."""
    return [sys.executable, "-c", PROGRAM.format(runner=runner, extra=extra)]


class Terminal:
    """A program on a terminal of its own."""

    def __init__(
        self,
        command: list[str],
        *,
        size: tuple[int, int] = (80, 24),
        environment: Mapping[str, str] | None = None,
        ignore_hang_up: bool = False,
    ) -> None:
        columns, lines = size
        self.master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._before = termios.tcgetattr(self._slave)
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self.output = b""

        def become_foreground() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            if ignore_hang_up:
                signal.signal(signal.SIGHUP, signal.SIG_IGN)

        self.process = subprocess.Popen(
            command,
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm-256color", **(environment or {})},
            start_new_session=True,
            preexec_fn=become_foreground,
        )

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: Any) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.hang_up()
        os.close(self._slave) if self._slave >= 0 else None

    @property
    def text(self) -> str:
        """What is on the screen."""
        return "\n".join(self._screen.display)

    @property
    def restored(self) -> bool:
        """Whether the terminal is as it was: cooked, on its main screen, cursor shown, mouse left alone."""
        cooked = termios.tcgetattr(self._slave) == self._before
        last = {mode: self.output.rfind(mode + b"h") < self.output.rfind(mode + b"l") for mode in _MODES}
        shown = self.output.rfind(b"\x1b[?25l") < self.output.rfind(b"\x1b[?25h")
        return cooked and shown and all(last.values())

    @property
    def untouched(self) -> bool:
        """Whether nothing of a full screen was ever sent to it."""
        return termios.tcgetattr(self._slave) == self._before and b"\x1b[?1049h" not in self.output

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def until(self, true: Callable[[], bool], within_s: float = 10.0) -> None:
        """Read what the program paints until something is true."""
        deadline = time.monotonic() + within_s
        while not true():
            assert time.monotonic() < deadline, f"never so:\n{self.text}"
            self._read(0.05)

    def shows(self, *words: str) -> None:
        self.until(lambda: all(word in self.text for word in words))

    def wait(self, within_s: float = 10.0) -> int:
        """The exit status."""
        self.until(lambda: self.process.poll() is not None, within_s)
        self._read(0.05)
        status = self.process.poll()
        assert status is not None
        return status

    def hang_up(self) -> None:
        """Take the terminal away."""
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def let_go(self) -> None:
        """Close this side's copy of the program's end, so that a hang-up reaches it."""
        os.close(self._slave)
        self._slave = -1

    def _read(self, timeout_s: float) -> None:
        if self.master < 0:
            time.sleep(timeout_s)
            return
        ready, _, _ = select.select([self.master], [], [], timeout_s)
        if ready:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            self.output += data
            self._stream.feed(data)


_MODES = (b"\x1b[?1049", b"\x1b[?1000")
