"""A real terminal for tests: a program on a pty, and what a person would see on it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

import pyte


class Terminal:
    """A program on a pty of its own, as its session's leader, read all the time.

    Args:
        command: the program and its arguments.
        columns, lines: the size of the terminal.
        environment: added to the test's own; ``TERM`` is xterm-256color unless it says otherwise.
        bytes_per_second: how fast the line is; as fast as can be by default.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int = 80,
        lines: int = 24,
        environment: Mapping[str, str] | None = None,
        bytes_per_second: int | None = None,
    ) -> None:
        self.received = bytearray()
        self.started = time.monotonic()
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._changed = threading.Condition()
        self._pause_s_per_byte = 1 / bytes_per_second if bytes_per_second else 0.0
        self._master, slave = pty.openpty()
        self.resize(columns, lines)
        self.attributes_before = termios.tcgetattr(slave)
        self._slave = slave
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", **(environment or {})},
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.hang_up()

    def press(self, keys: str | bytes) -> None:
        """Type."""
        os.write(self._master, keys.encode() if isinstance(keys, str) else keys)

    def resize(self, columns: int, lines: int) -> None:
        """Change the window's size."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        with self._changed:
            self._screen.resize(lines, columns)

    def display(self) -> list[str]:
        """The lines on the screen now."""
        with self._changed:
            return [line.rstrip() for line in self._screen.display]

    def text(self) -> str:
        """The screen now, as one text."""
        return "\n".join(self.display())

    def until(self, seen: str | Callable[[str], bool], seconds: float = 20.0) -> float:
        """Wait until the screen shows a text, or fulfils a condition; returns when, in wall-clock seconds."""
        fulfilled = (lambda text: seen in text) if isinstance(seen, str) else seen
        deadline = time.monotonic() + seconds
        with self._changed:
            while not fulfilled("\n".join(self._screen.display)):
                if not self._changed.wait(deadline - time.monotonic()):
                    shown = "\n".join(line.rstrip() for line in self._screen.display)
                    raise AssertionError(f"never seen: {seen!r}; the screen shows\n{shown}")
            return time.time()

    def attributes(self) -> list[object]:
        """The terminal's modes now, to compare with `attributes_before`."""
        return list(termios.tcgetattr(self._slave))

    def wait(self, seconds: float = 20.0) -> int:
        """Wait for the program's end; returns its exit status, negative for a signal."""
        return self.process.wait(seconds)

    def hang_up(self) -> None:
        """Take the terminal away."""
        for descriptor in (self._master, self._slave):
            try:
                os.close(descriptor)
            except OSError:
                continue
        self._reader.join(5)

    def _read(self) -> None:
        while True:
            try:
                ready, _, _ = select.select([self._master], [], [], 0.2)
                if not ready:
                    continue
                data = os.read(self._master, 4096 if not self._pause_s_per_byte else 256)
            except (OSError, ValueError):
                return
            with self._changed:
                self.received += data
                self._stream.feed(data)
                self._changed.notify_all()
            if self._pause_s_per_byte:
                time.sleep(len(data) * self._pause_s_per_byte)
