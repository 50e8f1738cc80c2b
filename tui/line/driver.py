"""The line to the terminal: writing to it never holds up the program, and how much is still on its way is known."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from textual._ansi_sequences import SYNC_END, SYNC_START
from textual.drivers.linux_driver import (
    KITTY_DISAMBIGUATE_ESCAPE_CODES,
    KITTY_REPORT_ALL_KEYS,
    KITTY_REPORT_ASSOCIATED_TEXT,
    LinuxDriver,
)
from textual.events import CursorPosition

if TYPE_CHECKING:
    from textual.message import Message

from tui.line.keyboard import messages
from tui.line.terminal import HANG_UP_STATUS
from tui.line.writer import Writer, pieces

STDERR = 2
"""Where Textual paints."""
HEAR_S = 0.1
"""After the program was stopped, other signals are heard for so long before it does anything about that."""
CONTROL_STRINGS = ("\x1b]", "\x1bP")
KITTY_FLAGS = KITTY_DISAMBIGUATE_ESCAPE_CODES | KITTY_REPORT_ALL_KEYS | KITTY_REPORT_ASSOCIATED_TEXT
MODES = f"\x1b[?1049h\x1b[?25l\x1b[?1004h\x1b[={KITTY_FLAGS}u\x1b[?2004h\x1b[?7l"
"""What Textual sets at the beginning, in a form that may be said again at any time."""


class Line(LinuxDriver):
    """Textual's driver with a writer of its own, no reports of a mouse that only moves, and job control.

    Between this program and the terminal there may be large buffers, a network's above all. So the terminal is asked
    now and then where its cursor is: its answer says that it has taken everything written before. Where it never
    answers, what has left this program counts as taken.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._encoding = self._file.encoding if self._file else "utf-8"
        self._painting = False
        self._away = False
        """Whether the terminal has been given back."""
        self._continued = False
        """Whether we have been continued since we last stopped."""
        self._looking: asyncio.TimerHandle | None = None
        self._raw: list[Any] | None = None
        self.writer = Writer(STDERR)

    def _get_terminal_size(self) -> tuple[int, int]:
        """What the terminal says itself: LINES and COLUMNS, where they are exported, are of another moment."""
        try:
            width, height = os.get_terminal_size(STDERR)
        except OSError:
            return super()._get_terminal_size()
        return (width, height) if width and height else super()._get_terminal_size()

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
        elif data.startswith(CONTROL_STRINGS):
            self.writer.write_string(encoded)
        else:
            self.writer.write(encoded)

    def process_message(self, message: Message) -> None:
        """Keep the answers, pass everything else on. Called by the thread that reads the keyboard."""
        if isinstance(message, CursorPosition):
            self.writer.answered()
        else:
            super().process_message(message)

    def run_input_thread(self) -> None:
        """Read the keyboard until the terminal is given back."""
        for message in messages(self.fileno, self.exit_event):
            self.process_message(message)

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except Exception as defect:
            with contextlib.suppress(RuntimeError):  # The event loop has ended before.
                self._loop.call_soon_threadsafe(self._app._handle_exception, defect)

    # beginning and end

    def start_application_mode(self) -> None:
        """Take the terminal over."""
        self.writer = Writer(STDERR)
        self.writer.start()
        super().start_application_mode()  # type: ignore[no-untyped-call]
        with contextlib.suppress(termios.error):
            self._raw = termios.tcgetattr(self.fileno)
        self._loop.add_signal_handler(signal.SIGTSTP, self.suspend)
        self._loop.add_signal_handler(signal.SIGCONT, self._go_on)

    def stop_application_mode(self) -> None:
        """Restore the terminal; what was still to be painted is not worth waiting for."""
        # Whoever restores a terminal from behind another program is stopped for it, and does harm to that program.
        behind = not self._in_front()
        if behind:
            self.attrs_before = None
            for number in (signal.SIGTTOU, signal.SIGTTIN):
                signal.signal(number, signal.SIG_IGN)
        if self._away:
            return
        self.writer.end()
        if not behind:
            self.writer.settle()
        self.write("\x1b[m")
        super().stop_application_mode()

    def disable_input(self) -> None:
        """Read no keys any more."""
        if not self._away:
            super().disable_input()

    def close(self) -> None:
        """End what writes."""
        super().close()
        self._loop.remove_signal_handler(signal.SIGTSTP)
        if not self._away:
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
        """Give the terminal back and stop, with all that is in front with us, until a shell brings us back.

        Where no shell could, the system does not stop us, and we go on.
        """
        if not self._away:
            self.suspend_application_mode()
            self._away = True
            self._stop()

    def _stop(self) -> None:
        self._continued = False
        os.killpg(os.getpgrp(), signal.SIGTSTP)
        self._look_soon()

    def _go_on(self) -> None:
        """We are continued, or were never stopped. That others have said it too makes no difference."""
        self._continued = True
        self._look_soon()

    def _look_soon(self) -> None:
        """See what is to be done, when the signals that came with it have been heard."""
        if self._looking is None:
            self._looking = self._loop.call_later(HEAR_S, self._look)

    def _look(self) -> None:
        self._looking = None
        if self._app._exit:
            return
        if self._in_front():
            self._take_over()
        elif self._continued:
            if not self._away:
                self.suspend_application_mode()
                self._away = True
            self._stop()
        else:  # Nobody could stop us, so nobody will bring us back.
            self._app.exit(return_code=HANG_UP_STATUS)

    def _take_over(self) -> None:
        """Have the terminal as it was, whatever others have done to it."""
        if self._away:
            self._away = False
            self.resume_application_mode()
        else:
            self.write(MODES)
            self._enable_mouse_support()
            if self._raw is not None:
                with contextlib.suppress(termios.error):
                    termios.tcsetattr(self.fileno, termios.TCSANOW, self._raw)
        self._app.post_message(self.SignalResume())

    def _in_front(self) -> bool:
        try:
            return os.tcgetpgrp(self.fileno) == os.getpgrp()
        except OSError:  # The terminal is gone; others see to that.
            return True
