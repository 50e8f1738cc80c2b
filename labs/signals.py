"""What SIGINT, SIGTERM and SIGHUP do to a command, from its first moment to its last."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from labs.stream.visible import clean

LEAVING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def say(sentence: str) -> None:
    """Tell the person, if there is still a terminal to do it on."""
    with suppress(OSError):
        print(clean(sentence), file=sys.stderr, flush=True)


class Signals:
    """Hears the signals that end a program.

    At first one ends the program at once, for there is nothing yet to end in order. While something is under way
    (`cancelling`) it is cancelled, and gets the time to end as it should. After that the result stands, and signals
    change nothing any more. A second Ctrl+C never waits. A signal that was ignored at the start, as under nohup,
    stays ignored.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        """The one that cancelled what was under way."""
        self._act: Callable[[signal.Signals], object] = self._end
        self._warned = False
        self._heard = [number for number in LEAVING if signal.getsignal(number) is not signal.SIG_IGN]
        for number in self._heard:
            signal.signal(number, self._arrived)

    @contextmanager
    def cancelling(self, work: asyncio.Future[int]) -> Iterator[None]:
        """Within the block a signal cancels the work; after it signals are only swallowed."""
        loop = asyncio.get_running_loop()

        def cancel(number: signal.Signals) -> None:
            self.received = number
            # Python runs this between any two of its steps; the loop is to take it up at its own time.
            loop.call_soon_threadsafe(work.cancel)

        self._act = cancel
        try:
            yield
        finally:
            self._act = lambda _: None

    def close(self) -> None:
        """Hear nothing any more: what is left of the program is only its way out."""
        for number in self._heard:
            signal.signal(number, signal.SIG_IGN)

    def _arrived(self, number: int, _frame: FrameType | None) -> None:
        arrived = signal.Signals(number)
        if self._warned and arrived == signal.SIGINT:
            os._exit(128 + arrived)
        self._warned = True
        self._act(arrived)

    def _end(self, number: signal.Signals) -> None:
        say(f"Ended by {number.name}.")
        os._exit(128 + number)  # Python drops an exception that comes while it tidies up after an import.
