"""Moments as servers write them, placed on one line of time, and written alike. Pure.

A place is a number: of a time, microseconds since 1970 in UTC; of a number, itself; infinite where it has no end.
Python's own calendar lacks the years before 1 and after 9999, which servers have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import inf, isfinite, isnan

Moment = str | int | float
Place = int | float

_TIME = re.compile(
    r"([+-]?\d{4,6})-(\d\d)-(\d\d)"
    r"(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?(?:(Z)|([+-])(\d\d)(?::?(\d\d)(?::?(\d\d))?)?)?)?( BC)?",
    re.ASCII | re.IGNORECASE,
)
_INFINITE = {"infinity": inf, "+infinity": inf, "-infinity": -inf}
_LONGEST = 48
"""No time is written in more characters."""
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_STEPS = ((_DAY, 10), (60 * _SECOND, 16), (_SECOND, 19), (1000, 23), (1, 26))
"""Of ``2026-01-01 12:30:15.123456``, how many characters write whole days, minutes, seconds and so on."""


def place(moment: Moment | None, default: Place) -> Place | None:
    """Where a moment is; ``default`` of an open end; none of what is no moment."""
    if moment is None:
        return default
    if isinstance(moment, str):
        return _place(moment) if len(moment) <= _LONGEST else None
    return None if isnan(moment) else moment


@lru_cache(maxsize=4096)
def _place(text: str) -> Place | None:
    if text.lower() in _INFINITE:
        return _INFINITE[text.lower()]
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    fraction, _, sign, *offset, before_christ = found.groups()[6:]
    if before_christ:
        year = 1 - year
    days = _days(year, month, day)
    if not (1 <= month <= 12 and hour <= 24 and minute <= 59 and second <= 60 and _date(days) == (year, month, day)):
        return None
    ahead = sum(int(part or 0) * unit for part, unit in zip(offset, (3600, 60, 1), strict=True))
    seconds = hour * 3600 + minute * 60 + second - (-ahead if sign == "-" else ahead)
    return days * _DAY + seconds * _SECOND + int((fraction or "").ljust(6, "0")[:6])


def _days(year: int, month: int, day: int) -> int:
    """Since 1970, in the Gregorian calendar, also before there was one."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def _date(days: int) -> tuple[int, int, int]:
    """The inverse of `_days`."""
    era, of_era = divmod(days + 719_468, 146_097)
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    return year + era * 400 + (month <= 2), month, day


@dataclass(frozen=True, slots=True)
class Scale:
    """How the moments of one kind of time are written: all to the same digit, and those with an offset in UTC."""

    length: int = 0
    """Characters of a time; 0 where moments are numbers."""
    suffix: str = ""

    @classmethod
    def of(cls, moments: Iterable[Moment | None]) -> Scale:
        """As exact as the most exact of them."""
        texts = [moment for moment in moments if isinstance(moment, str)]
        places = [at for text in texts if (at := place(text, 0)) is not None and isfinite(at)]
        if not texts:
            return cls()
        length = next(length for step, length in _STEPS if not any(at % step for at in places))
        return cls(length, "Z" if length > 10 and any(_has_offset(text) for text in texts) else "")

    def write(self, at: Place) -> str:
        """The moment at a place; ``open`` beyond all of them."""
        if not isfinite(at):
            return "open"
        if not self.length:
            return f"{at:,}"
        days, of_day = divmod(int(at), _DAY)
        year, month, day = _date(days)
        seconds, fraction = divmod(of_day, _SECOND)
        clock = f" {seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:06}"
        date = f"{year if year > 0 else 1 - year:04}-{month:02}-{day:02}"
        return date + clock[: self.length - 10] + self.suffix + (" BC" if year <= 0 else "")


@lru_cache(maxsize=4096)
def _has_offset(text: str) -> bool:
    found = _TIME.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    return found is not None and bool(found[8] or found[9])
