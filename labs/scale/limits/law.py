"""A law of growth, fitted: a power of the number of rows, by least squares over the logarithms of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from statistics import fmean

from labs.scale.repeats import T

FEWEST_POINTS = 5
"""Two parameters are fitted, and the table of Student's t begins at three degrees of freedom."""


@dataclass(frozen=True, slots=True)
class Law:
    """y = factor · rows ** exponent."""

    factor: float
    exponent: float
    spread: float
    """By which the exponent may be off, to either side, with the confidence of `repeats.T`."""
    centre: float
    """The mean of the logarithms of the rows."""
    residual: float
    """Standard deviation of the logarithms of y about the law."""
    points: int
    width: float
    """Sum of the squared distances of the logarithms of the rows from their mean."""

    @classmethod
    def fitted(cls, rows: Sequence[float], y: Sequence[float]) -> Law:
        """The law of measurements above zero, of at least `FEWEST_POINTS` sizes."""
        across, up = [log(one) for one in rows], [log(one) for one in y]
        centre, middle = fmean(across), fmean(up)
        width = sum((one - centre) ** 2 for one in across)
        exponent = sum((a - centre) * (b - middle) for a, b in zip(across, up, strict=True)) / width
        level = middle - exponent * centre
        left = sum((b - level - exponent * a) ** 2 for a, b in zip(across, up, strict=True))
        residual = sqrt(left / (len(across) - 2))
        t = T[len(across) - FEWEST_POINTS]
        return cls(exp(level), exponent, t * residual / sqrt(width), centre, residual, len(across), width)

    def at(self, rows: float) -> tuple[float, float, float]:
        """What it projects for so many rows, and from where to where a single measurement may lie there."""
        value = self.factor * rows**self.exponent
        far = (log(rows) - self.centre) ** 2 / self.width
        off = T[self.points - FEWEST_POINTS] * self.residual * sqrt(1 + 1 / self.points + far)
        return value, value * exp(-off), value * exp(off)

    def reaches(self, y: float) -> float | None:
        """At how many rows it comes to that; none where it does not grow."""
        return (y / self.factor) ** (1 / self.exponent) if self.exponent > self.spread else None

    def __str__(self) -> str:
        return f"rows^{self.exponent:.2f} ± {self.spread:.2f}"
