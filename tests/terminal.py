"""A real terminal for tests: a program on a pty of its own, and what a person would see on it."""

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
from typing import Any, Self

import psutil
import pyte

ALTERNATE_SCREEN, MOUSE = b"\x1b[?1049", b"\x1b[?1000"
_MODES = (ALTERNATE_SCREEN, MOUSE)
SLICE_S = 0.02
"""A slow line takes its bytes in portions of so many seconds."""


class _Screen(pyte.Screen):
    def __init__(self, columns: int, lines: int, answer: Callable[[str], None]) -> None:
        self._answer = answer
        super().__init__(columns, lines)

    def write_process_input(self, data: str) -> None:
        self._answer(data)


class Terminal:
    """A program as the leader of a session with a terminal, whose output is read all the time. It answers questions.

    Args:
        command: the program and its arguments.
        size: columns and lines.
        environment: added to the test's own; ``TERM`` is xterm-256color unless it says otherwise.
        ignore_hang_up: start the program with SIGHUP ignored, as nohup does.
        bytes_per_s: the line's speed, where it is not as fast as the reader.
        answers_after_s: how late the terminal's answers arrive; none when there are none.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        size: tuple[int, int] = (80, 24),
        environment: Mapping[str, str] | None = None,
        ignore_hang_up: bool = False,
        bytes_per_s: int | None = None,
        answers_after_s: float | None = 0.0,
    ) -> None:
        self.output = bytearray()
        self.bytes_per_s = bytes_per_s
        """Of the line, from here on; 0 when nothing goes over it."""
        self._answers_after_s = answers_after_s
        self._screen = _Screen(*size, self._answer)
        self._stream = pyte.ByteStream(self._screen)
        self._changed = threading.Condition()
        self._came_at = time.time()
        self._master, self._slave = pty.openpty()
        self._set_size(*size)
        self._before = termios.tcgetattr(self._slave)

        def become_foreground() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # Whoever starts tests in the background ignores it for them.
            if ignore_hang_up:
                signal.signal(signal.SIGHUP, signal.SIG_IGN)

        self.process = subprocess.Popen(
            command,
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", **(environment or {})},
            preexec_fn=become_foreground,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.hang_up()
        self.let_go()

    @property
    def text(self) -> str:
        """The screen now, a line each."""
        with self._changed:
            return self._shown()

    @property
    def restored(self) -> bool:
        """Whether the terminal is as it was: cooked, on its main screen, cursor shown, mouse left alone."""
        cooked = termios.tcgetattr(self._slave) == self._before
        modes_off = all(self.output.rfind(mode + b"h") < self.output.rfind(mode + b"l") for mode in _MODES)
        return cooked and modes_off and self.output.rfind(b"\x1b[?25l") < self.output.rfind(b"\x1b[?25h")

    @property
    def untouched(self) -> bool:
        """Whether nothing of a full screen was ever sent to it."""
        return termios.tcgetattr(self._slave) == self._before and ALTERNATE_SCREEN not in self.output

    def press(self, keys: str | bytes) -> None:
        """Type."""
        os.write(self._master, keys.encode() if isinstance(keys, str) else keys)

    def resize(self, columns: int, lines: int) -> None:
        """Have another size from here on."""
        with self._changed:
            self._screen.resize(lines, columns)
            self._set_size(columns, lines)

    def until(self, seen: str | Callable[[], bool], within_s: float = 20.0) -> float:
        """Wait until the screen shows a text, or a condition is true.

        Returns:
            When the latest of what it shows then came, in wall-clock seconds; to understand it takes us a while longer.
        """
        deadline = time.monotonic() + within_s
        with self._changed:
            while not (seen in self._shown() if isinstance(seen, str) else seen()):
                # The condition may be about something else than the screen: look again now and then.
                self._changed.wait(0.05)
                assert time.monotonic() < deadline, f"never seen: {seen!r}; the screen shows\n{self._shown()}"
            return self._came_at

    def shows(self, *words: str) -> None:
        """Wait until all of them are on the screen at once."""
        self.until(lambda: all(word in self._shown() for word in words))

    def until_any(self, *words: str) -> float:
        """Wait until one of them is on the screen; returns what `until` does."""
        return self.until(lambda: any(word in self._shown() for word in words))

    def rest(self, quiet_s: float = 0.5) -> None:
        """Wait until nothing has been painted for a while."""
        with self._changed:
            while self._changed.wait(quiet_s):
                continue

    def children(self) -> list[psutil.Process]:
        """The program's own child processes."""
        return psutil.Process(self.process.pid).children()

    def wait(self, within_s: float = 20.0) -> int:
        """Wait for the program's end and its last words; returns its exit status, negative for a signal."""
        status = self.process.wait(within_s)
        self.rest(0.1)
        return status

    def hang_up(self) -> None:
        """Take the terminal away."""
        with self._changed:
            master, self._master = self._master, -1
        if master >= 0:
            self._reader.join()
            os.close(master)

    def let_go(self) -> None:
        """Close this side's copy of the program's end, so that a hang-up reaches the program."""
        slave, self._slave = self._slave, -1
        if slave >= 0:
            os.close(slave)

    def _answer(self, data: str) -> None:
        if self._answers_after_s:
            late = threading.Timer(self._answers_after_s, self._say, (data,))
            late.daemon = True
            late.start()
        elif self._answers_after_s is not None:
            self._say(data)

    def _say(self, data: str) -> None:
        """What the terminal itself has to say, as long as it is there."""
        with self._changed:
            if self._master >= 0:
                os.write(self._master, data.encode())

    def _set_size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def _shown(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display)

    def _read(self) -> None:
        while (master := self._master) >= 0:
            ready, _, _ = select.select([master], [], [], 0.1)
            speed = self.bytes_per_s
            if speed is not None:
                time.sleep(SLICE_S)
            if not ready or speed == 0:
                continue
            try:
                data = os.read(master, 65536 if speed is None else max(int(speed * SLICE_S), 1))
            except OSError:  # Nobody has the other end open any more.
                return
            came_at = time.time()
            with self._changed:
                self._came_at = came_at
                self.output += data
                self._stream.feed(data)
                self._changed.notify_all()
