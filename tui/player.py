"""A recording that is stepped through: the same state as a live stream's, at any step of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tui.backend import Source
from tui.feed import Feed
from tui.line.pace import Pace
from tui.state import LabState

PACE_S = 0.7
"""What plays by itself shows each step at least this long, at the speed it was recorded at."""
LONGEST_PAUSE_S = 3.0
"""A recording's longer pauses are shortened to this."""
SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


class Player(Feed):
    """Reads a recording whole, and shows it up to a step; it starts with the first, paused."""

    def __init__(self, source: Source, changed: Callable[[Feed], None], pace: Pace | None = None) -> None:
        self._next: asyncio.TimerHandle | None = None
        self.speed = 1.0
        """How many times as fast as it was recorded it plays."""
        super().__init__(source, changed, pace, most_events=None)
        self._past = (0, LabState())

    @property
    def playing(self) -> bool:
        """Whether it goes on by itself."""
        return self._next is not None

    def go(self, to: int) -> None:
        """Show everything up to that step, once the recording is read."""
        if self.over:
            super().go(to)

    def go_to_run(self, by: int) -> bool:
        """Go to where another experiment of the recording begins; back, first to where this one does.

        Returns:
            Whether there is one.
        """
        others = [at for at in self.tape.runs() if (at > self.at if by > 0 else at < self.at)]
        if others:
            self.go(others[0] if by > 0 else others[-1])
        return bool(others)

    def play(self) -> None:
        """Go on by itself."""
        self.pause()
        if self.in_past:
            self._next = asyncio.get_running_loop().call_later(self._gap(), self._play_on)
        self._tell()

    def pause(self) -> None:
        """Stay at this step."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
            self._tell()

    def change_speed(self, by: int) -> None:
        """Play faster or slower from here on, within `SPEEDS`."""
        at = SPEEDS.index(self.speed) + by
        self.speed = SPEEDS[min(max(at, 0), len(SPEEDS) - 1)]
        if self.playing:
            self.play()
        self._tell()

    async def close(self) -> None:
        """Stop, and end the source."""
        self.pause()
        await super().close()

    async def _read(self) -> None:
        try:
            await super()._read()
        finally:
            self.go(0)

    def _gap(self) -> float:
        here, there = (self.tape.events[self.tape.end(step) - 1].t for step in (self.at, self.at + 1))
        return min(max(there - here, PACE_S), LONGEST_PAUSE_S) / self.speed

    def _play_on(self) -> None:
        self._next = None
        self.go(self.at + 1)
        self.play()
