"""A stream as a person steps through it: where it stops, and what comes next. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from copy import deepcopy

from labs.stream.events import (
    AnomalyMeasured,
    AnyEvent,
    ErrorReported,
    ExperimentEnded,
    ExperimentStarted,
    LabReset,
    Looked,
    OrdersExplored,
    ProgressAdvanced,
    RolledBack,
    SessionChanged,
    SessionState,
    StatementEnded,
    StatementStarted,
    VerdictReached,
)
from tui.sqltext import humanize
from tui.state import LabState
from tui.text import clean

POINT_EVENTS = 1000
"""Once in so many events it is kept what they came to, so that no more need be gone through to go back."""
PROGRESS_STEP_S = 1.0
"""How much of what is told by its progress alone is one step."""

_SHOWN = (
    ExperimentStarted
    | ExperimentEnded
    | VerdictReached
    | OrdersExplored
    | AnomalyMeasured
    | RolledBack
    | LabReset
    | ErrorReported
)


class Tape:
    """The events of a stream, and where a person stops on the way through them.

    A step is a statement and all that came of it, a wait, or the verdicts; where nothing but progress is told, a second
    of it. What runs rolled back before they began belongs to their beginning, and a BEGIN to the statement after it.
    """

    def __init__(self, most_events: int | None = None) -> None:
        """With ``most_events``, the oldest are folded away once there are more: nobody can go back to them."""
        self.events: list[AnyEvent] = []
        self._most = most_events
        self._ends: list[int] = []
        """After how many events each complete step ends."""
        self._seen = False
        self._last: AnyEvent | None = None
        self._ended_at = 0.0
        self.latest = LabState()
        """What all events come to."""
        self._points = [(0, LabState())]
        """After how many events what they came to was kept, with all that was folded away, in order."""

    @property
    def steps(self) -> int:
        """How many there are; the last one may not be complete yet."""
        return len(self._ends) + bool(self.events)

    def add(self, event: AnyEvent) -> int:
        """Append an event; returns how many steps had to be folded away.

        What is only of the moment goes into the latest state, and cannot be gone back to.
        """
        self.latest.apply(event)
        if isinstance(event, Looked):
            return 0
        if self._seen and self._begins(event):
            self._ends.append(len(self.events))
            self._seen, self._ended_at = False, event.t
        self._seen = self._seen or _completes(event)
        if isinstance(event, StatementStarted | StatementEnded | _SHOWN):
            self._last = event
        self.events.append(event)
        if len(self.events) - self._points[-1][0] >= POINT_EVENTS:
            self._points.append((len(self.events), deepcopy(self.latest)))
        return self._fold_away() if self._most is not None and len(self.events) > self._most else 0

    def end(self, step: int) -> int:
        """After how many events a step, counted from 0, is complete."""
        return self._ends[step] if step < len(self._ends) else len(self.events)

    def runs(self) -> list[int]:
        """The step with which each experiment begins."""
        starts = [at for at, event in enumerate(self.events) if isinstance(event, ExperimentStarted)]
        return [bisect_right(self._ends, start) for start in starts]

    def state(self, step: int) -> LabState:
        """What a screen shows at the end of that step."""
        return self._state(self.end(step))

    def coming(self, step: int, state: LabState) -> str:
        """What the step after that one will show, in a few words; empty when there is none."""
        return coming(self.events[self.end(step) : self.end(step + 1)], state)

    def _begins(self, event: AnyEvent) -> bool:
        if isinstance(event, VerdictReached | ExperimentEnded) and isinstance(self._last, VerdictReached):
            return False
        if isinstance(event, ExperimentStarted) and isinstance(self._last, RolledBack):
            return False
        if isinstance(event, ProgressAdvanced):
            return event.t - self._ended_at >= PROGRESS_STEP_S
        return isinstance(event, StatementStarted | StatementEnded | _SHOWN) or _is(event, "waiting", "running")

    def _state(self, end: int) -> LabState:
        at, kept = self._points[bisect_right(self._points, end, key=lambda point: point[0]) - 1]
        state = deepcopy(kept)
        for event in self.events[at:end]:
            state.apply(event)
        return state

    def _fold_away(self) -> int:
        """Let the older half of the events go, up to the end of a step."""
        gone = bisect_right(self._ends, len(self.events) // 2)
        if not gone:
            return 0
        end = self._ends[gone - 1]
        kept = [(at - end, state) for at, state in self._points if at > end]
        self._points = [(0, self._state(end)), *kept]
        del self.events[:end]
        self._ends = [other - end for other in self._ends[gone:]]
        return gone


def coming(events: Sequence[AnyEvent], state: LabState) -> str:
    """What a step will show, in a few words; empty when there is none."""
    for event in events:
        match event:
            case ExperimentStarted():
                return f"next experiment: {clean(state.title(event.experiment))}"
            case StatementStarted() if not event.sql.startswith("BEGIN"):
                return f"{clean(event.session)} runs {humanize(event.sql, event.parameters, state.schema)}"
            case StatementEnded() if event.milliseconds is not None:
                return f"{clean(event.session)} goes on"
            case VerdictReached():
                return "the verdict"
            case OrdersExplored():
                return f"{clean(event.variant)}, {clean(event.isolation)}"
            case AnomalyMeasured():
                return f"{clean(event.anomaly)}, {clean(event.isolation)}"
            case RolledBack():
                return "the rollback"
            case LabReset():
                return "the reset"
    return "go on" if events else ""


def _completes(event: AnyEvent) -> bool:
    if isinstance(event, StatementEnded):
        return event.milliseconds is not None or event.sqlstate is not None
    return isinstance(event, _SHOWN | ProgressAdvanced) or _is(event, "waiting")


def _is(event: AnyEvent, *states: SessionState) -> bool:
    return isinstance(event, SessionChanged) and event.state in states
