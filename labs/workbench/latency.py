"""How long those wait who use the server while something else goes on: measured, and told as columns of a strip."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from statistics import median

from labs.stream.events import LatencySampled

INTERVAL_S = 0.2
"""Five columns a second."""


class LatencyMeter:
    """Times the operations of one variant; what has not ended yet counts with the time that it has taken so far."""

    def __init__(self, operation: str, variant: str, tell: Callable[[LatencySampled], None]) -> None:
        self._operation = operation
        self._variant = variant
        self._tell = tell
        self._numbers = count()
        self._under_way: dict[int, float] = {}
        """By number, when it began."""
        self._ended: list[float] = []
        """Milliseconds of those that have ended in this interval."""
        self._since = 0.0

    @contextmanager
    def timed(self) -> Iterator[None]:
        """One operation, however it ends."""
        number = next(self._numbers)
        began = self._under_way[number] = time.perf_counter()
        try:
            yield
        finally:
            del self._under_way[number]
            self._ended.append((time.perf_counter() - began) * 1000)

    @asynccontextmanager
    async def telling(self) -> AsyncIterator[None]:
        """Tell a column each interval, and at the end what is left of the last one.

        What there is in this process by now is not looked through for garbage meanwhile: that takes a tenth of a
        second, in which nobody's answer is heard, and which the server would be blamed for.
        """
        gc.freeze()
        self._since = time.perf_counter()
        ticking = asyncio.create_task(self._tick())
        try:
            yield
        finally:
            ticking.cancel()
            gc.unfreeze()
            if self._ended:
                self._column()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_S)
            self._column()

    def _column(self) -> None:
        now = time.perf_counter()
        ended, self._ended = self._ended, []
        since, self._since = self._since, now
        waits = [(now - began) * 1000 for began in self._under_way.values()]
        self._tell(
            LatencySampled(
                operation=self._operation,
                variant=self._variant,
                seconds=round(now - since, 3),
                count=len(ended),
                median=round(median(ended), 3) if ended else None,
                worst=round(max((*ended, *waits), default=0.0), 3),
                outstanding=len(waits),
            )
        )
