from __future__ import annotations

from tenacity import AsyncRetrying, RetryCallState

from labs.races import retry


def test_the_back_off_has_jitter_and_a_bound() -> None:
    waits = set()
    state = RetryCallState(AsyncRetrying(), None, (), {})
    for state.attempt_number in (1, 2, 3) * 20:
        waits.add(retry.BACKOFF(state))
    assert len(waits) > 20
    assert min(waits) >= 0 and max(waits) <= retry.LONGEST_BACKOFF_S
