"""A ruler of time: which column a moment is in, and bars from one to another."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from tui.widgets.timeline.moments import Place

FULL, LEAST, SUPERSEDED, EMPTY = "█", "▌", "░", "×"
OPEN_START, OPEN_END = "◀", "▶"


class Ruler:
    """Columns of cells. The first and the last are kept for what has no beginning or no end."""

    def __init__(self, bounds: Sequence[Place], width: int) -> None:
        """``bounds`` are the moments to tell apart, in order; ``width`` is 4 cells or more."""
        self.width = width
        inner = width - 3
        low, high = (bounds[0], bounds[-1]) if bounds else (0, 0)
        span = high - low
        linear = {at: 1 + int((at - low) / span * inner) for at in bounds} if span and isfinite(span) else {}
        # Where many moments would share a column with others, a true scale does not show them.
        self.true_to_scale = len(bounds) < 2 or len(set(linear.values())) * 4 >= min(len(bounds), inner) * 3
        last = max(len(bounds) - 1, 1)
        ranks = {at: 1 + number * inner // last for number, at in enumerate(bounds)}
        self._columns = linear if self.true_to_scale and linear else ranks

    def column(self, at: Place) -> int:
        """Of one of the moments, or of what lies before or after everything."""
        if isfinite(at):
            return self._columns[at]
        return 0 if at < 0 else self.width - 1

    def marked(self) -> list[str]:
        """The ruler itself, a tick at each moment."""
        cells = ["─"] * self.width
        for column in self._columns.values():
            cells[column] = "┬"
        return cells

    def bar(self, start: Place, end: Place, glyph: str) -> list[str]:
        """From a start to an end that is excluded; what is shorter than a cell can still be seen."""
        cells = [" "] * self.width
        left, right = self.column(start), self.column(end) + (not isfinite(end))
        cells[left:right] = [glyph] * (right - left)
        if left == right:
            cells[left] = LEAST if glyph == FULL else glyph
        if not isfinite(start):
            cells[0] = OPEN_START
        if not isfinite(end):
            cells[-1] = OPEN_END
        return cells

    def dot(self, at: Place) -> list[str]:
        """A range that is empty, where it is."""
        cells = [" "] * self.width
        if isfinite(at):
            cells[self.column(at)] = EMPTY
        return cells
