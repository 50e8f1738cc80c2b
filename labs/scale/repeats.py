"""Repeated measurements as one figure, with a spread that tells a difference from chance."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log, sqrt
from statistics import fmean, stdev

from labs.stream.events import Measured
from labs.workbench.bench import Bench

T: tuple[float, ...] = (
    10.21,
    7.173,
    5.893,
    5.208,
    4.785,
    4.501,
    4.297,
    4.144,
    4.025,
    3.930,
    3.852,
    3.787,
    3.733,
    3.686,
    3.646,
    3.610,
    3.579,
)
"""Student's t for 99.8 %, both sides, from 3 degrees of freedom on: of a hundred comparisons of a thing with
itself, fewer than one finds a difference, although each figure brings a spread of its own."""

FEWEST, MOST = 4, len(T) + 3

FINEST = 0.03
"""A share by which two figures may differ whatever their spread: clock, caches and allocators differ by so much."""


def figure(metric: str, variant: str, values: Sequence[float], unit: str) -> Measured:
    """The mean of repeated measurements, all above zero, and how far from it the mean of as many others may lie.

    Both on a scale of ratios, for what makes a run slow makes it slower by a share. Two figures of which each lies
    within the other's spread do not differ, as far as these measurements can tell.
    """
    logs = [log(value) for value in values]
    spread = T[len(logs) - FEWEST] * stdev(logs) * sqrt(2 / len(logs)) if len(logs) >= FEWEST else 0.0
    spread = max(spread, log(1 + FINEST))
    mean = exp(fmean(logs))
    return Measured(
        metric=metric,
        variant=variant,
        value=mean,
        unit=unit,
        samples=len(values),
        low=mean * exp(-spread),
        high=mean * exp(spread),
    )


def tell(bench: Bench, metric: str, variant: str, values: Sequence[float], unit: str) -> Measured:
    """Tell the figure of such measurements; those of which any is zero are told from lowest to highest."""
    if min(values) > 0:
        told = figure(metric, variant, values, unit)
    else:
        low, high = min(values), max(values)
        told = Measured(metric=metric, variant=variant, value=fmean(values), unit=unit, low=low, high=high)
    assert told.low is not None and told.high is not None
    bench.measured(metric, variant, told.value, unit, samples=len(values), low=told.low, high=told.high)
    return told
