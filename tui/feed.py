"""A source folded into a state, and someone told about it at a bounded rate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

from labs.stream.commands import AnyCommand
from tui.backend import Source
from tui.state import LabState

PAINT_INTERVAL_S = 0.1
"""While events keep coming, they are shown no more often than this; the first of them is shown at once."""
TICK_S = 0.25
"""While somebody waits, how often the wait is seen to grow."""
BREATHER_EVENTS = 200
"""After so many events in one go, others get their turn."""


class Feed:
    """Reads one source to its end. ``changed`` is called when there is something new to show."""

    def __init__(self, source: Source, changed: Callable[[Feed], None]) -> None:
        self.source = source
        self.state = LabState()
        self.over = False
        self._changed = changed
        self._told_at = 0.0
        self._pending: asyncio.TimerHandle | None = None
        self._ticker: asyncio.TimerHandle | None = None
        self._anchor = (monotonic(), 0.0)
        self.task = asyncio.create_task(self._read(), name="feed")

    async def send(self, command: AnyCommand) -> None:
        """Ask the source for something."""
        await self.source.send(command)

    async def close(self) -> None:
        """End the source and see it out."""
        await self.source.close()
        await asyncio.wait({self.task})
        for timer in (self._pending, self._ticker):
            if timer is not None:
                timer.cancel()

    async def _read(self) -> None:
        try:
            count = 0
            async for event in self.source.events():
                self.state.apply(event)
                self._anchor = (monotonic(), event.t)
                self._tell()
                count += 1
                if count % BREATHER_EVENTS == 0:
                    await asyncio.sleep(0)
        finally:
            self.over = True
            self._tell()

    def _tell(self) -> None:
        """Have it shown: at once when it has been quiet, else when the interval is over."""
        if self._pending is None:
            due = max(self._told_at + PAINT_INTERVAL_S - monotonic(), 0.0)
            self._pending = asyncio.get_running_loop().call_later(due, self._tell_now)

    def _tell_now(self) -> None:
        self._pending = None
        self._told_at = monotonic()
        self._changed(self)
        if self.state.waiting and not self.over and self._ticker is None:
            self._ticker = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        self._ticker = None
        at, t = self._anchor
        self.state.tick(t + monotonic() - at)
        self._tell()
