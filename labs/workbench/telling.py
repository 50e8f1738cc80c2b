"""What an experiment tells the person, and what comes of it."""

from __future__ import annotations

import time
from collections import deque

from labs.stream.events import (
    AnomalyMeasured,
    LatencySampled,
    Measured,
    Noted,
    ProgressAdvanced,
    TranscriptWritten,
    VerdictReached,
)
from labs.stream.specs import Cell, Outcome
from labs.workbench.errors import LabError
from labs.workbench.sessions import Emit

PROGRESS_INTERVAL_S = 0.2
"""No more than five words on progress a second."""

RECENT_S = 10.0
"""What is left is judged by the pace of so many seconds: a pause or a dial has changed it since."""


class Telling:
    """Sentences, figures, progress and verdicts."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._verdicts: list[VerdictReached] = []
        self._progress_due = 0.0
        self._task: tuple[str, float] | None = None
        self._marks: deque[tuple[float, float]] = deque()
        """When how much of the task was done, lately."""

    def outcome(self) -> Outcome:
        """Passed when every claim held; a run without a verdict proves nothing, and is an error."""
        if not self._verdicts:
            raise LabError("The experiment ended without a verdict", "It settled no claim.", "Report it.")
        return "passed" if all(verdict.holds for verdict in self._verdicts) else "failed"

    def note(self, sentence: str, *, put_back: tuple[str, ...] = ()) -> None:
        """Tell the person what to look at now, and why; and which tables are again what the run began with."""
        self._emit(Noted(text=sentence, put_back=put_back))

    def show(self, found: AnomalyMeasured | LatencySampled) -> None:
        """Show a cell of the catalogue of anomalies, or a column of a latency strip."""
        self._emit(found)

    def transcribe(self, text: str) -> None:
        """Go on with the run's transcript."""
        self._emit(TranscriptWritten(text=text))

    def measured(
        self, metric: str, variant: str, value: float, unit: str, *, samples: int, low: float, high: float
    ) -> None:
        """Tell a figure; a later one of the same metric and variant takes its place."""
        self._emit(
            Measured(
                metric=metric,
                variant=variant,
                value=round(value, 3),
                unit=unit,
                samples=samples,
                low=round(low, 3),
                high=round(high, 3),
            )
        )

    def progress(self, task: str, done: float, total: float, unit: str, *, since: float, start: float = 0.0) -> None:
        """Tell how far something has come that began at that monotonic time; may be called as often as one likes.

        Args:
            since: the later by as long as it has stood still meanwhile, so that a pause is no part of its pace.
            start: how much of it was done when it began.
        """
        now = time.monotonic()
        if now < self._progress_due and done < total:
            return
        self._progress_due = now + PROGRESS_INTERVAL_S
        rate = (done - start) / (now - since) if now > since else 0.0
        if (task, since) != self._task or (self._marks and done < self._marks[-1][1]):
            self._task = task, since
            self._marks.clear()
        self._marks.append((now, done))
        (then, before), pace = self._marks[0], rate
        if now - then > RECENT_S / 2:
            pace = (done - before) / (now - then)
        while now - self._marks[0][0] > RECENT_S:
            self._marks.popleft()
        eta_s = round((total - done) / pace, 1) if pace else None
        self._emit(
            ProgressAdvanced(task=task, done=round(done, 3), total=total, unit=unit, rate=round(rate, 3), eta_s=eta_s)
        )

    def verdict(self, claim: str, holds: bool, **evidence: Cell) -> None:
        """Settle a claim with figures that were read from the server."""
        verdict = VerdictReached(claim=claim, holds=holds, evidence=evidence)
        self._verdicts.append(verdict)
        self._emit(verdict)
