"""Who waits for whom, all the way round."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from typing import TypeVar

Waiter = TypeVar("Waiter", bound=Hashable)


def has_circle(waiting: Mapping[Waiter, Collection[Waiter]]) -> bool:
    """Whether some of those who wait, each with whom it waits for, wait for each other."""
    left = dict(waiting)
    while free := [waiter for waiter, blockers in left.items() if left.keys().isdisjoint(blockers)]:
        for waiter in free:
            del left[waiter]
    return bool(left)
