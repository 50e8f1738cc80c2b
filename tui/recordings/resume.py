"""A run as it can be gone through again: with what it was started, and who was stepped when. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from labs.stream.events import (
    AnyEvent,
    ExperimentStarted,
    LabOpened,
    StatementEnded,
    StatementHeld,
    StatementStarted,
)
from labs.stream.specs import Cell


@dataclass(frozen=True, slots=True)
class Resumption:
    """What takes a run to where it was."""

    experiment: str
    parameters: dict[str, Cell]
    engine: str
    """Empty where the stream does not tell."""
    sessions: tuple[str, ...]
    """Whose statement each step was, in order."""

    @property
    def step(self) -> int:
        """The step that comes next, counted from 1."""
        return len(self.sessions) + 1


def steps_taken(events: Iterable[AnyEvent]) -> Resumption | None:
    """The way through the latest run of these events up to their end; none when there is no run in them.

    In a run that was stepped, each statement that was held and then started was a step. In one that ran by itself,
    each statement would have been one, but for a BEGIN, which travels with the statement after it.
    """
    run: ExperimentStarted | None = None
    engine = ""
    held: set[str] = set()
    sessions: list[str] = []
    for event in events:
        match event:
            case LabOpened():
                engine, run = event.engine, None if event.engine != engine else run
            case ExperimentStarted():
                run = event
                held.clear()
                sessions.clear()
            case StatementHeld():
                held.add(event.session)
            case StatementStarted() if run is not None and (event.session in held or not run.stepped):
                held.discard(event.session)
                sessions.append(event.session)
            case StatementEnded(milliseconds=None, sqlstate=None, message="") if run is not None and not run.stepped:
                sessions.pop()
    return Resumption(run.experiment, run.parameters, engine, tuple(sessions)) if run is not None else None
