"""Whose turn it is, of sessions that the interleaver holds: as an order has it, or as a person steps."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from labs.stream.events import ScheduleChanged
from labs.workbench.sessions import Emit

Order = Sequence[str]
"""Names of sessions, one for each step. A session that cannot move is passed over, and keeps its turn. What is left
after the end of the order runs session after session."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A moment at which no session moves by itself."""

    pending: Mapping[str, str]
    """The sessions that can be stepped, each with the statement that it would send."""
    waiting: tuple[str, ...]
    """Those that wait for a lock."""
    step: int
    """How many steps have been taken."""
    overtaken: bool = False
    """Whether one that began to wait later than another was let through before it: the two were let go together, and
    raced on the server. The same order may come out differently next time."""


class Turns(Protocol):
    """Decides whose turn it is."""

    async def choose(self, rest: Rest, moved: asyncio.Event) -> str | None:
        """A session of ``rest.pending``; none to be asked again at the next rest, as when ``moved`` was set."""


class InOrder:
    """The order given, by itself."""

    def __init__(self, order: Order) -> None:
        self._left = list(order)

    async def choose(self, rest: Rest, moved: asyncio.Event) -> str | None:
        """The next turn of a session that can take it."""
        return self.take(self.suggest(rest))

    def suggest(self, rest: Rest) -> str:
        """Whose turn it is."""
        return next((name for name in self._left if name in rest.pending), next(iter(rest.pending)))

    def take(self, name: str) -> str:
        """Use up one turn of that session."""
        if name in self._left:
            self._left.remove(name)
        return name


class Stepper:
    """Where a person's steps come in; until one takes over, the order plays by itself."""

    def __init__(self, by_hand: bool = False) -> None:
        self.by_hand = by_hand
        self._steps: asyncio.Queue[str | None] = asyncio.Queue()

    def step(self, session: str | None) -> None:
        """Ask for one step: of that session, or of the one whose turn it is."""
        self._steps.put_nowait(session)

    def play_on(self) -> None:
        """Let the order play by itself from here."""
        self.by_hand = False
        self._steps.put_nowait(None)

    async def next(self) -> str | None:
        """The next step asked for."""
        return await self._steps.get()


class ByHand(InOrder):
    """A person's steps, with the order as advice, for as long as the stepper is in hand."""

    def __init__(self, order: Order, stepper: Stepper, emit: Emit) -> None:
        super().__init__(order)
        self._stepper = stepper
        self._emit = emit

    async def choose(self, rest: Rest, moved: asyncio.Event) -> str | None:
        """What the person steps; none when a session moved by itself meanwhile, or the step cannot be taken."""
        if not self._stepper.by_hand:
            return await super().choose(rest, moved)
        suggested = self.suggest(rest)
        self._emit(ScheduleChanged(suggested=suggested, steppable=tuple(rest.pending), step=rest.step))
        moved.clear()
        waits = asyncio.create_task(self._stepper.next()), asyncio.create_task(moved.wait())
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if not waits[0].done():
                return None
            wanted = waits[0].result() or suggested
            return self.take(wanted) if wanted in rest.pending else None
        finally:
            for wait in waits:
                wait.cancel()
