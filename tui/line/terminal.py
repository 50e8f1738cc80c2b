"""Whether the terminal that this program was given is still there."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable

CHECK_S = 1.0
"""How often to look whether the terminal is still there."""
GRACE_S = 12.0
"""How long the program may take to end once it is gone: what `tui.backend` gives a lab's process to roll back and end,
and some more."""
HANG_UP_STATUS = 129


class Watch(threading.Thread):
    """Looks whether the terminal is still there, and sees to it that the program does not outlive it for long.

    It is a thread so that nothing that holds up the event loop holds it up too.
    """

    def __init__(self, gone: Callable[[], object], last: Callable[[], object]) -> None:
        """``gone`` asks the program to end; ``last`` is called before it is ended without its consent."""
        super().__init__(name="terminal watch", daemon=True)
        self._gone = gone
        self._last = last
        self._over = threading.Event()

    def stop(self) -> None:
        """The program has ended by itself."""
        self._over.set()

    def run(self) -> None:
        """Look once a second."""
        while not self._over.wait(CHECK_S):
            if hung_up():
                self._gone()
                if not self._over.wait(GRACE_S):
                    self._last()
                    os._exit(HANG_UP_STATUS)


def hung_up() -> bool:
    """Whether the terminal behind stdin is gone."""
    poll = select.poll()
    try:
        poll.register(sys.__stdin__.fileno() if sys.__stdin__ else 0, 0)
        return any(happened & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, happened in poll.poll(0))
    except (OSError, ValueError):
        return True
