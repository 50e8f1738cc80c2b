"""What a scenario file says: sessions, the steps that each can take, and in which orders these are to be tried."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """A script of one or several statements, sent in one piece."""

    name: str
    session: str
    sql: str


@dataclass(frozen=True, slots=True)
class Session:
    """A connection of its own; its setup and teardown enclose every permutation."""

    name: str
    setup: str | None
    steps: tuple[Step, ...]
    teardown: str | None


@dataclass(frozen=True, slots=True)
class ReportedLate:
    """``(*)``: told as waiting at first, even when it is not."""


@dataclass(frozen=True, slots=True)
class AfterStep:
    """``(other)``: not told as completed while that step is under way."""

    step: Step


@dataclass(frozen=True, slots=True)
class AfterNotices:
    """``(other notices n)``: not told as completed until that step's session has sent so many further notices."""

    step: Step
    notices: int


Marker = ReportedLate | AfterStep | AfterNotices


@dataclass(frozen=True, slots=True)
class Turn:
    """A step's place in a permutation. Markers put off when its completion is told, never when it is sent."""

    step: Step
    markers: tuple[Marker, ...] = ()


Permutation = tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Spec:
    """One file."""

    setups: tuple[str, ...]
    teardown: str | None
    sessions: tuple[Session, ...]
    written: tuple[Permutation, ...]
    """The permutations that the file names; without any, all are meant."""

    @property
    def count(self) -> int:
        """How many permutations there are."""
        if self.written:
            return len(self.written)
        lengths = [len(session.steps) for session in self.sessions]
        return math.factorial(sum(lengths)) // math.prod(map(math.factorial, lengths))

    def permutations(self) -> Iterator[Permutation]:
        """Those that the file names, or else every order that keeps each session's steps in sequence."""
        if self.written:
            yield from self.written
        else:
            yield from _merged([session.steps for session in self.sessions])

    @property
    def unused(self) -> tuple[str, ...]:
        """Names of the steps that no permutation takes."""
        if not self.written:
            return ()
        taken = {turn.step.name for permutation in self.written for turn in permutation}
        return tuple(step.name for session in self.sessions for step in session.steps if step.name not in taken)

    @property
    def scripts(self) -> Iterator[str]:
        """Every SQL text of the file."""
        yield from self.setups
        for session in self.sessions:
            yield from (step.sql for step in session.steps)
            yield from (text for text in (session.setup, session.teardown) if text is not None)
        if self.teardown is not None:
            yield self.teardown


def _merged(piles: Sequence[tuple[Step, ...]]) -> Iterator[Permutation]:
    """Every way to take all steps off the piles, the first pile's first."""
    if not any(piles):
        yield ()
    for number, pile in enumerate(piles):
        if pile:
            for rest in _merged([*piles[:number], pile[1:], *piles[number + 1 :]]):
                yield (Turn(pile[0]), *rest)
