"""A source folded into a state, someone told about it at a bounded rate, and the way back to what was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

from labs.stream.commands import AnyCommand
from labs.stream.events import AnyEvent, Looked
from tui.backend import Source
from tui.line.pace import LOOK_S, Pace
from tui.state import LabState
from tui.tape import Tape

STALE_TICK_S = 1.0
"""How often to see whether what is shown has grown stale, and how old it is by now."""
BREATHER_S = 0.02
"""After so long in one go, others get their turn."""
MOST_EVENTS = 20_000
"""Of what is live, so many events can be gone back through; older ones are folded away."""


class Feed:
    """Reads one source to its end. ``changed`` is called when there is something new to show."""

    def __init__(
        self,
        source: Source,
        changed: Callable[[Feed], None],
        pace: Pace | None = None,
        most_events: int | None = MOST_EVENTS,
    ) -> None:
        self.source = source
        self._pace = pace or Pace()
        self.tape = Tape(most_events)
        self._past: tuple[int, LabState] | None = None
        """The step that is shown in the place of the present, and what there was at its end."""
        self.over = False
        self._changed = changed
        self._told_at = 0.0
        self._pending: asyncio.TimerHandle | None = None
        self._ticker: asyncio.TimerHandle | None = None
        self._anchor = (monotonic(), 0.0)
        self.task = asyncio.create_task(self._read(), name="feed")

    @property
    def state(self) -> LabState:
        """What all events so far come to."""
        return self.tape.latest

    # the past

    @property
    def shown(self) -> LabState:
        """What is to be on the screen: the state, or that of the step that was gone back to."""
        return self._past[1] if self._past else self.state

    @property
    def in_past(self) -> bool:
        """Whether another step than the latest is shown."""
        return self._past is not None

    @property
    def at(self) -> int:
        """The step that is shown, from 0."""
        return self._past[0] if self._past else max(self.tape.steps - 1, 0)

    @property
    def coming(self) -> str:
        """What the next step shows; empty at the latest."""
        return self.tape.coming(*self._past) if self._past else ""

    def go(self, to: int) -> None:
        """Show everything up to that step; the latest one is the present."""
        to = max(to, 0)
        self._past = (to, self.tape.state(to)) if to < self.tape.steps - 1 else None
        self._tell()

    # the source

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
            breathed = monotonic()
            async for event in self.source.events():
                stale = self.state.stale
                self._take(event)
                self._anchor = (monotonic(), event.t)
                if stale or not isinstance(event, Looked):
                    self._tell()
                if monotonic() - breathed >= BREATHER_S:
                    await asyncio.sleep(0)
                    breathed = monotonic()
        finally:
            self.over = True
            self._tell()

    def _take(self, event: AnyEvent) -> None:
        gone = self.tape.add(event)
        if gone and self._past:
            at, state = self._past
            self._past = (at - gone, state) if at >= gone else (0, self.tape.state(0))

    def _tell(self) -> None:
        """Have it shown: at once when it has been quiet, else when the interval is over."""
        loop = asyncio.get_running_loop()
        due = loop.time() + max(self._told_at + self._pace.paint_interval_s - monotonic(), 0.0)
        if self._pending is not None and due < self._pending.when():
            self._pending.cancel()
            self._pending = None
        if self._pending is None:
            self._pending = loop.call_at(due, self._tell_now)

    def _tell_now(self) -> None:
        if self._pace.busy:
            self._pending = asyncio.get_running_loop().call_later(LOOK_S, self._tell_now)
            return
        self._pending = None
        self._told_at = monotonic()
        self._changed(self)
        self._arm()

    def _arm(self) -> None:
        """See to it that time passes while something lasts, and that what grows stale is noticed."""
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None
        if not self.over and (self.state.waiting or self.state.looked is not None):
            due = self._pace.tick_s if self.state.waiting else STALE_TICK_S
            self._ticker = asyncio.get_running_loop().call_later(due, self._tick)

    def _tick(self) -> None:
        self._ticker = None
        at, t = self._anchor
        self.state.tick(t + monotonic() - at)
        if self.state.waiting or self.state.stale:
            self._tell()
        else:
            self._arm()
