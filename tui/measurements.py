"""What a run has measured, and how fast it goes: a fold over events, a part of `tui.state`."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labs.stream.events import LatencySampled, Measured, ProgressAdvanced
from labs.stream.latency import joined, stalled, stalls, usual
from tui.survey import Survey

if TYPE_CHECKING:
    from tui.state import Run

MOST_RATES = 120
MOST_COLUMNS = 400
"""A strip of as many joins them in pairs, and loses no worst by that."""


@dataclass(slots=True)
class Rates:
    """How fast a task went from one word on its progress to the next, in units a second."""

    recent: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_RATES))
    latest: ProgressAdvanced | None = None

    def take(self, event: ProgressAdvanced) -> None:
        """Go on; words of the same moment are one."""
        before = self.latest
        if before is not None and event.t <= before.t:
            return
        if before is not None:
            self.recent.append(max(event.done - before.done, 0) / (event.t - before.t))
        self.latest = event


@dataclass(slots=True)
class Strip:
    """The latencies of one operation of one variant, so many intervals a column."""

    columns: list[LatencySampled] = field(default_factory=list)
    each: int = 1
    """Intervals a column, a power of two."""
    filled: int = 1
    """Intervals in the last column."""
    _stalls: int = 0
    _longest: float = 0.0
    """Of the stalls, once intervals are joined: two stalls in a column could not be told apart in it any more."""
    _stalling: bool = False
    """Whether the latest interval was one of a stall."""

    @property
    def stalls(self) -> tuple[int, float]:
        """How many there were, and how long somebody waited in the longest, in milliseconds."""
        if self.each > 1:
            return self._stalls, self._longest
        found = stalls(self.columns)
        return len(found), max(found, default=0.0)

    def take(self, event: LatencySampled) -> None:
        """Go on by one interval."""
        if len(self.columns) >= MOST_COLUMNS and self.filled == self.each:
            self._join()
        if self.each > 1:
            self._count(event)
        if self.columns and self.filled < self.each:
            self.columns[-1] = joined(self.columns[-1], event)
            self.filled += 1
        else:
            self.columns.append(event)
            self.filled = 1

    def _join(self) -> None:
        if self.each == 1:
            self._stalls, self._longest = self.stalls
            self._stalling = stalled(self.columns[-1], usual(self.columns))
        self.columns = list(map(joined, self.columns[::2], self.columns[1::2]))
        self.each *= 2
        self.filled = self.each

    def _count(self, event: LatencySampled) -> None:
        """Take an interval for a stall, or not, by what has been usual so far."""
        stalling = stalled(event, usual(self.columns))
        if stalling:
            self._stalls += not self._stalling
            self._longest = max(self._longest, event.worst)
        self._stalling = stalling


@dataclass(slots=True)
class Measurements:
    """The latest of what was measured, of each engine, until a run of other parameters measures anew."""

    figures: Survey[Measured] = field(default_factory=Survey)
    """What was measured of a variant, on an engine."""
    latencies: Survey[Strip] = field(default_factory=Survey)
    """The strip of an operation and a variant, on an engine."""
    progress: ProgressAdvanced | None = None
    """How far the run has come that is under way."""
    rates: dict[str, Rates] = field(default_factory=dict)
    """By task, of that run."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw: what only told its progress leaves nothing when it ends."""
        return not (self.figures.cells or self.latencies.cells or self.progress)

    def take(self, run: Run | None, event: Measured | LatencySampled | ProgressAdvanced) -> None:
        """Take one event of a run into account; its first one clears what was measured before."""
        engine = run.engine if run is not None else ""
        if run is not self.figures.run:
            self.rates = {}
        self.figures.begin(run, engine)
        self.latencies.begin(run, engine)
        match event:
            case Measured():
                self.figures.cells[event.metric, engine, event.variant] = event
            case LatencySampled():
                self.latencies.cells.setdefault((event.operation, engine, event.variant), Strip()).take(event)
            case ProgressAdvanced():
                self.progress = event
                self.rates.setdefault(event.task, Rates()).take(event)
