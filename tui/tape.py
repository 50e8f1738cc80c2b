"""A recording as a person steps through it: where it stops, and what comes next. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from labs.stream.events import (
    AnomalyMeasured,
    AnyEvent,
    ErrorReported,
    ExperimentEnded,
    ExperimentStarted,
    LabReset,
    OrdersExplored,
    RolledBack,
    SessionChanged,
    StatementEnded,
    StatementStarted,
    VerdictReached,
)
from tui.sqltext import humanize
from tui.state import LabState
from tui.text import clean

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


def stops(tape: Sequence[AnyEvent]) -> list[int]:
    """After how many events each step is complete: a statement and all that came of it, a wait, the verdicts.

    What runs rolled back before they began belongs to their beginning, and a BEGIN to the statement after it.
    """
    ends: list[int] = []
    seen = False
    last: AnyEvent | None = None
    for at, event in enumerate(tape):
        together = isinstance(event, VerdictReached | ExperimentEnded) and isinstance(last, VerdictReached)
        cleaned = isinstance(event, ExperimentStarted) and isinstance(last, RolledBack)
        if seen and _begins(event) and not together and not cleaned:
            ends.append(at)
            seen = False
        if _completes(event):
            seen = True
        if isinstance(event, StatementStarted | StatementEnded | _SHOWN):
            last = event
    return [*ends, len(tape)]


def runs(tape: Sequence[AnyEvent], ends: Sequence[int]) -> list[int]:
    """The step with which each experiment begins."""
    starts = [at for at, event in enumerate(tape) if isinstance(event, ExperimentStarted)]
    return [next(step for step, end in enumerate(ends) if start < end) for start in starts]


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


def _begins(event: AnyEvent) -> bool:
    return isinstance(event, StatementStarted | StatementEnded | _SHOWN) or _waits(event)


def _completes(event: AnyEvent) -> bool:
    if isinstance(event, StatementEnded):
        return event.milliseconds is not None or event.sqlstate is not None
    return isinstance(event, _SHOWN) or _waits(event)


def _waits(event: AnyEvent) -> bool:
    return isinstance(event, SessionChanged) and event.state == "waiting"
