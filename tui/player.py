"""A recording that is stepped through: the same state as a live stream's, at any step of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from labs.stream.events import AnyEvent
from tui import tape
from tui.backend import Source
from tui.feed import Feed
from tui.state import LabState

PACE_S = 0.7
"""What plays by itself shows each step at least this long."""
LONGEST_PAUSE_S = 3.0
"""A recording's longer pauses are shortened to this."""


class Player(Feed):
    """Reads a recording whole, and shows it up to a step; it starts with the first, paused."""

    def __init__(self, source: Source, changed: Callable[[Feed], None]) -> None:
        self._tape: list[AnyEvent] = []
        self._stops: list[int] = []
        self._applied = 0
        self._next: asyncio.TimerHandle | None = None
        self.at = 0
        super().__init__(source, changed)

    @property
    def steps(self) -> int:
        """How many there are."""
        return len(self._stops)

    @property
    def playing(self) -> bool:
        """Whether it goes on by itself."""
        return self._next is not None

    @property
    def coming(self) -> str:
        """What the next step shows; empty at the end."""
        if self.at + 1 >= self.steps:
            return ""
        return tape.coming(self._tape[self._stops[self.at] : self._stops[self.at + 1]], self.state)

    def go(self, to: int) -> None:
        """Show everything up to that step."""
        if not self._stops:
            return
        self.at = min(max(to, 0), self.steps - 1)
        end = self._stops[self.at]
        if end < self._applied:
            self.state, self._applied = LabState(), 0
        for event in self._tape[self._applied : end]:
            self.state.apply(event)
        self._applied = end
        self._tell()

    def go_to_run(self, by: int) -> None:
        """Go to where another experiment of the recording begins; back, first to where this one does."""
        starts = tape.runs(self._tape, self._stops)
        others = [at for at in starts if (at > self.at if by > 0 else at < self.at)]
        if others:
            self.go(others[0] if by > 0 else others[-1])

    def play(self) -> None:
        """Go on by itself."""
        self.pause()
        if self.at + 1 < self.steps:
            self._next = asyncio.get_running_loop().call_later(self._gap(), self._play_on)
        self._tell()

    def pause(self) -> None:
        """Stay at this step."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
            self._tell()

    async def close(self) -> None:
        """Stop, and end the source."""
        self.pause()
        await super().close()

    async def _read(self) -> None:
        try:
            async for event in self.source.events():
                self._tape.append(event)
        finally:
            self._stops = tape.stops(self._tape)
            self.over = True
            self.go(0)

    def _gap(self) -> float:
        here, there = self._tape[self._applied - 1].t, self._tape[self._stops[self.at + 1] - 1].t
        return min(max(there - here, PACE_S), LONGEST_PAUSE_S)

    def _play_on(self) -> None:
        self._next = None
        self.go(self.at + 1)
        self.play()
