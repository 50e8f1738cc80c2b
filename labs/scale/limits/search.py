"""Where something ends, found by trying: doubled until it fails, then halved down to the last that works."""

from __future__ import annotations

from collections.abc import Awaitable, Callable


async def largest(
    works: Callable[[int], Awaitable[bool]], *, start: int, end: int, precision: float = 0.0
) -> int | None:
    """The largest number with which something works that works up to some number and not beyond it.

    Args:
        start: what is tried first, and is no smaller than what is returned; 0 when even that fails.
        end: beyond this nothing is tried.
        precision: a share of the number to which it is enough to know it; nothing larger than it has then worked.

    Returns:
        None when it still works at `end`.
    """
    good, bad = 0, start
    while await works(bad):
        if bad == end:
            return None
        good, bad = bad, min(bad * 2, end)
    if not good:
        return 0
    while bad - good > max(1, precision * good):
        middle = (good + bad) // 2
        if await works(middle):
            good = middle
        else:
            bad = middle
    return good
