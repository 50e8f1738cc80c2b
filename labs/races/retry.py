"""Begin again: what a transaction needs that the server has refused through no fault of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential
from tenacity.wait import wait_base

FIRST_BACKOFF_S = 0.05
LONGEST_BACKOFF_S = 1.0

BACKOFF = wait_random_exponential(multiplier=FIRST_BACKOFF_S, max=LONGEST_BACKOFF_S)
"""A random wait, from a range that doubles with each attempt: two victims do not meet again."""


async def retried(
    transaction: Callable[[], Awaitable[object]],
    *,
    attempts: int,
    transient: Callable[[BaseException], bool],
    wait: wait_base = BACKOFF,
) -> int:
    """Run a whole transaction, and again when it ended in a transient error, by default after a jittered back-off.

    Returns:
        How many attempts it took. The last one's error is raised when all are used up.
    """
    retrying = AsyncRetrying(
        retry=retry_if_exception(transient),
        wait=wait,
        stop=stop_after_attempt(attempts),
        reraise=True,
    )
    async for attempt in retrying:
        with attempt:
            await transaction()
    return int(retrying.statistics["attempt_number"])
