"""What a latency strip says: what is usual in it, and what is a stall."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from statistics import median

import msgspec

from labs.stream.events import LatencySampled

STALL_FACTOR = 10
STALL_MS = 50.0
"""What is shorter strikes nobody as a stall."""


def usual(columns: Sequence[LatencySampled]) -> float:
    """What operations of a strip usually take, in milliseconds: the median of the medians; 0 where none ever ended."""
    medians = [column.median for column in columns if column.median is not None]
    return median(medians) if medians else 0.0


def still(column: LatencySampled) -> bool:
    """Whether nothing ended in it, although something was under way."""
    return column.count == 0 and column.outstanding > 0


def stalled(column: LatencySampled, typical: float) -> bool:
    """Whether somebody waited far longer than the usual, or longer than it while nothing ended."""
    factor = 1 if still(column) else STALL_FACTOR
    return column.worst >= max(STALL_MS, factor * typical)


def stalls(columns: Sequence[LatencySampled]) -> list[float]:
    """How long somebody waited in each stall, in milliseconds; stalled intervals that touch are one."""
    typical = usual(columns)
    return [
        max(column.worst for column in together)
        for is_stalled, together in groupby(columns, key=lambda column: stalled(column, typical))
        if is_stalled
    ]


def joined(one: LatencySampled, other: LatencySampled) -> LatencySampled:
    """Two successive intervals as one, with the worst of both, and the median of the one in which more ended.

    If nothing ended in one of them, that is what is told.
    """
    return msgspec.structs.replace(
        other,
        seconds=one.seconds + other.seconds,
        count=0 if still(one) or still(other) else one.count + other.count,
        outstanding=max(one.outstanding, other.outstanding),
        median=max(one, other, key=lambda column: column.count).median,
        worst=max(one.worst, other.worst),
    )
