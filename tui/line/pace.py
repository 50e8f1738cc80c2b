"""How often the screen is painted: no oftener than the terminal takes it, and how much that is."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Protocol

PAINT_INTERVAL_S = 0.1
"""While news keep coming, they are shown no more often than this; the first of them are shown at once."""
TICK_S = 0.25
"""While somebody waits, how often the wait is seen to grow."""
QUIET_S = 1.0
"""Both of them on a quiet screen, but for what a person has just asked for."""
ASKED_S = 1.0
"""For so long after a key, what comes is taken for its answer."""
LOOK_S = 0.03
"""While the line is busy, how often to see whether it still is."""
BUSY_BYTES = 512
"""With more than this on its way, news wait: they would only grow old behind it."""
FULL_BYTES = 2048
"""With more than this on its way, nothing at all is painted, answers to keys neither."""
MEASURED_S = 1.0
RATES = 3
"""How many such measurements make up the rate that is told."""
TOLD_BYTES_PER_S = 3000
"""Above this, the rate is told also where the line keeps up with it."""


class Carrier(Protocol):
    """What the screen is painted on; see `tui.line.Writer`."""

    @property
    def backlog(self) -> int:
        """Bytes that are on their way."""
        ...

    @property
    def taken(self) -> int:
        """Bytes that have arrived."""
        ...


class Pace:
    """The one place that says when to paint. Without a line, as in tests, nothing has to wait for it."""

    def __init__(
        self,
        line: Callable[[], Carrier | None] = lambda: None,
        rate_changed: Callable[[], object] = lambda: None,
        *,
        quiet: bool = False,
    ) -> None:
        """``rate_changed`` is called when there is another rate to tell."""
        self.quiet = quiet
        self.rate = ""
        """What goes to the terminal in a second, in words, where that matters; else empty."""
        self._line = line
        self._rate_changed = rate_changed
        self._asked_at = float("-inf")
        self._held_up = False
        self._measured: deque[tuple[float, bool]] = deque(maxlen=RATES)
        """Of the latest measurements, bytes a second, and whether something had to wait for the line."""
        self._measuring: asyncio.TimerHandle | None = None

    def asked(self) -> None:
        """A person wants something, and the answer is not to be late."""
        self._asked_at = monotonic()

    @property
    def paint_interval_s(self) -> float:
        """The least time between two showings of news."""
        return PAINT_INTERVAL_S if self._brisk else QUIET_S

    @property
    def tick_s(self) -> float:
        """The time between two showings of something that only grows."""
        return TICK_S if self._brisk else QUIET_S

    @property
    def _brisk(self) -> bool:
        return not self.quiet or monotonic() - self._asked_at < ASKED_S

    @property
    def busy(self) -> bool:
        """Whether news have to wait for what is on its way."""
        return self._more_than(BUSY_BYTES)

    @property
    def full(self) -> bool:
        """Whether everything has to."""
        return self._more_than(FULL_BYTES)

    def _more_than(self, most: int) -> bool:
        line = self._line()
        more = line is not None and line.backlog > most
        self._held_up |= more
        return more

    # the rate

    def painted(self) -> None:
        """Something has been painted: see what that comes to."""
        line = self._line()
        if line is not None and self._measuring is None:
            self._held_up = False
            at = (line.taken, monotonic())
            self._measuring = asyncio.get_running_loop().call_later(MEASURED_S, self._measure, line, *at)

    def _measure(self, line: Carrier, taken_before: int, began_at: float) -> None:
        rate = max(line.taken - taken_before, 0) / (monotonic() - began_at)
        self._measured.append((rate, self._held_up))
        before, self.rate = self.rate, self._told()
        self._measuring = None
        if self.rate != before:
            self._rate_changed()
        if rate or self.rate:
            self.painted()

    def _told(self) -> str:
        rates = [rate for rate, _ in self._measured]
        lasting = len(rates) == RATES and min(rates) > TOLD_BYTES_PER_S
        if not lasting and sum(held_up for _, held_up in self._measured) < RATES - 1:
            return ""
        rate = sum(rates) / len(rates) / 1000
        return f"{rate:.{0 if rate >= 10 else 1}f} kB/s"
