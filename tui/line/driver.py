"""The line to the terminal: writing to it never holds up the program, and how much is still on its way is known."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from textual._ansi_sequences import SYNC_END, SYNC_START
from textual.drivers.linux_driver import LinuxDriver
from textual.events import CursorPosition

if TYPE_CHECKING:
    from textual.message import Message

from tui.line.writer import SETTLE_S, Writer, pieces

STDERR = 2
"""Where Textual paints."""


class Line(LinuxDriver):
    """Textual's driver with a writer that nobody waits for, no reports of a mouse that only moves, and job control.

    Between this program and the terminal there may be large buffers, a network's above all. So the terminal is asked
    now and then where its cursor is: its answer says that it has taken everything written before. Where it never
    answers, what has left this program counts as taken.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._encoding = self._file.encoding if self._file else "utf-8"
        self._painting = False
        self.writer = Writer(STDERR)

    @contextmanager
    def frame(self) -> Iterator[None]:
        """What is written inside is the screen's content: dispensable once the screen is to close."""
        self._painting = True
        try:
            yield
        finally:
            self._painting = False

    def write(self, data: str) -> None:
        """Hand it over; returns at once."""
        encoded = data.encode(self._encoding, "replace")
        if self._painting and data not in (SYNC_START, SYNC_END):
            for piece in pieces(encoded):
                self.writer.write(piece, dispensable=True)
        else:
            self.writer.write(encoded)

    def process_message(self, message: Message) -> None:
        """Keep the answers, pass everything else on. Called by the thread that reads the keyboard."""
        if isinstance(message, CursorPosition):
            self.writer.answered()
        else:
            super().process_message(message)

    # beginning and end

    def start_application_mode(self) -> None:
        """Take the terminal over."""
        self.writer = Writer(STDERR)
        self.writer.start()
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._loop.add_signal_handler(signal.SIGTSTP, self.suspend)
        self._loop.add_signal_handler(signal.SIGCONT, self._continued)

    def stop_application_mode(self) -> None:
        """Restore the terminal; what was still to be painted is not worth waiting for."""
        self.writer.end()
        deadline = monotonic() + SETTLE_S
        while self.writer.owed and monotonic() < deadline:
            sleep(0.01)
        self.write("\x1b[m")
        super().stop_application_mode()

    def close(self) -> None:
        """End what writes."""
        super().close()
        self._loop.remove_signal_handler(signal.SIGTSTP)
        self._loop.remove_signal_handler(signal.SIGCONT)
        self.writer.finish()

    def _enable_mouse_support(self) -> None:
        """Have clicks and the wheel reported, but not every move: it would cross the line, and nothing here hovers."""
        if self._mouse:
            self.write("\x1b[?1000h\x1b[?1006h")

    def _disable_mouse_support(self) -> None:
        if self._mouse:
            self.write("\x1b[?1000l\x1b[?1006l")

    # job control

    def suspend(self) -> None:
        """Give the terminal back and stop, with all that is in front with us; returns when we are in front again.

        Where no shell could bring us back, the system does not stop us, and we go on at once.
        """
        self.suspend_application_mode()
        os.killpg(os.getpgrp(), signal.SIGTSTP)
        self._come_back()

    def _continued(self) -> None:
        """We were stopped without being told: a shell has used the terminal since, so take it over anew."""
        self.suspend_application_mode()
        self._come_back()

    def _come_back(self) -> None:
        while not self._in_front():
            os.killpg(os.getpgrp(), signal.SIGSTOP)
        self.resume_application_mode()
        self._app.post_message(self.SignalResume())

    def _in_front(self) -> bool:
        try:
            return os.tcgetpgrp(self.fileno) == os.getpgrp()
        except OSError:  # The terminal is gone; others see to that.
            return True
