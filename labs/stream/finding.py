"""What the doctor says of one thing it looked at, and what others have it look at besides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    name: str
    status: Literal["ok", "note", "problem"]
    found: str
    remedy: str = ""
    """What to do about it; empty when there is nothing to do."""


OTHERS: list[Callable[[], Finding]] = []
"""Looks at what is not the labs' own, given by whoever puts the command line together."""
