"""The meter that tells how long the users of a server wait: while they wait, not only when it is over."""

from __future__ import annotations

import asyncio

import pytest

from labs.stream.events import LatencySampled
from labs.workbench.latency import INTERVAL_S, LatencyMeter


def meter(told: list[LatencySampled]) -> LatencyMeter:
    return LatencyMeter("writers", "Naive", told.append)


async def operations(one: LatencyMeter, seconds: float, count: int = 1) -> None:
    for _ in range(count):
        with one.timed():
            await asyncio.sleep(seconds)


async def test_what_lasts_is_told_while_it_lasts_and_then_once_as_ended() -> None:
    told: list[LatencySampled] = []
    one = meter(told)
    async with one.telling():
        await operations(one, 3.5 * INTERVAL_S)
    assert [(column.count, column.outstanding) for column in told] == [(0, 1), (0, 1), (0, 1), (1, 0)]
    assert [column.worst for column in told] == sorted(column.worst for column in told)
    assert told[0].worst == pytest.approx(INTERVAL_S * 1000, abs=60) and told[0].median is None
    assert told[3].median == told[3].worst == pytest.approx(3.5 * INTERVAL_S * 1000, abs=60)


async def test_every_operation_is_in_exactly_one_column_however_it_ended() -> None:
    told: list[LatencySampled] = []
    one = meter(told)
    async with one.telling(), asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(operations(one, 0.01, 50))
        with pytest.raises(KeyError), one.timed():
            raise KeyError
    assert sum(column.count for column in told) == 4 * 50 + 1
    assert told[-1].outstanding == 0
    assert all(column.median is not None and column.median <= column.worst for column in told)


async def test_an_interval_without_work_has_no_latency() -> None:
    told: list[LatencySampled] = []
    async with meter(told).telling():
        await asyncio.sleep(1.5 * INTERVAL_S)
    assert [(one.count, one.outstanding, one.median, one.worst) for one in told] == [(0, 0, None, 0)]


async def test_nothing_is_told_after_the_end() -> None:
    told: list[LatencySampled] = []
    one = meter(told)
    with pytest.raises(KeyError):
        async with one.telling():
            await operations(one, 0.01)
            raise KeyError
    assert len(told) == 1
    await asyncio.sleep(1.5 * INTERVAL_S)
    assert len(told) == 1
