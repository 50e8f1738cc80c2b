"""When things happen in the shop: more from year to year, before Christmas, on working days and in the evening."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from labs.workbench.dataset.block import FIELD, ZONE, Pieces, pieces
from labs.workbench.dataset.draws import Numbers, slots
from labs.workbench.dataset.pools import Pool

FIRST = date(2019, 1, 1)
DAYS = [FIRST + timedelta(number) for number in range((date(2026, 1, 1) - FIRST).days)]
SLOTS = 1 << 16

WEEKDAYS = (12, 11, 11, 11, 10, 7, 9)
"""Weights from Monday to Sunday."""

MONTHS = (9, 9, 10, 10, 10, 9, 8, 8, 10, 11, 15, 16)

HOURS = (4, 2, 1, 1, 1, 2, 5, 9, 13, 16, 18, 19, 20, 18, 17, 17, 18, 20, 24, 28, 30, 26, 18, 9)
"""Weights of the hours of a day, in UTC."""


def weight(day: date) -> int:
    """How much happens on that day, in proportion to others; four times as much at the end as in the beginning."""
    age, whole = (day - FIRST).days, len(DAYS)
    return (whole + 3 * age) * WEEKDAYS[day.weekday()] * MONTHS[day.month - 1]


DAY_SLOTS = slots([weight(day) for day in DAYS], SLOTS)
"""The day's number, for each of so many equal shares of all that happens."""

FIRST_SLOTS = np.searchsorted(DAY_SLOTS, np.arange(len(DAYS) + 1)).astype(np.int64)
"""By the day's number, the first of its slots."""

HOUR_BITS, TIME_BITS = 10, 30
"""Of a draw: for the hour of the day, and for all of the time of day."""

_HOURS = Pool([b" %02d" % hour for hour in range(24)], HOURS, 1 << HOUR_BITS)
_SECONDS: Pieces = pieces([b":%02d:%02d%b" % (second // 60, second % 60, ZONE) for second in range(3600)])
_DATES: Pieces = pieces([FIELD + day.isoformat().encode() for day in DAYS])


def progress(numbers: Numbers, jitter: Numbers, total: int, start: int = 0) -> Numbers:
    """The slot of each of `total` things numbered from 1 in the order in which they happen, from the slot `start` on.

    Each falls somewhere within its own share of the slots, by a jitter of 16 bits.
    """
    position = ((numbers - 1) << 16) + jitter
    return start + position * (SLOTS - start) // (total << 16)


def done_before(days: Numbers, total: int) -> Numbers:
    """How many of `total` things that began with the slot 0 have surely happened before those days."""
    return FIRST_SLOTS[days] * total >> 16


def timestamp(days: Numbers, times: Numbers) -> list[Pieces]:
    """Seconds of those days, drawn by so many bits as `TIME_BITS`."""
    seconds = (times >> HOUR_BITS) * 3600 >> TIME_BITS - HOUR_BITS
    return [_DATES[days], _HOURS.pick(times & (1 << HOUR_BITS) - 1), _SECONDS[seconds]]
