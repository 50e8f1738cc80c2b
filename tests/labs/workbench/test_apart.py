"""A function in a process of its own: what it takes is told, and however it ends, only it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine
from typing import Any

import psutil
import pytest

from labs.workbench.apart import ApartError, OutOfMemoryError, apart

MIB = 2**20


async def doubled(number: int) -> tuple[int, int]:
    return number * 2, os.getpid()


async def takes(mebibytes: int) -> int:
    return len(bytearray(os.urandom(1)) * (mebibytes * MIB))


async def spins(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


async def raises() -> None:
    raise ValueError("of all things")


async def dies() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def in_a_callback() -> None:
    """Runs out of memory where asyncio would only log it, and then waits for what does not come."""

    def callback() -> None:
        bytearray(1 << 40)

    asyncio.get_running_loop().call_soon(callback)
    await asyncio.Event().wait()


async def wrapped() -> None:
    """As a driver that tells of everything in its own words."""
    try:
        bytearray(1 << 40)
    except MemoryError as error:
        raise ConnectionError("closed") from error


async def grouped() -> None:
    """As a task group tells, of an error that comes from itself."""
    try:
        bytearray(1 << 40)
    except MemoryError as error:
        again = ConnectionError("closed")
        again.__cause__ = ExceptionGroup("both", [again, error])
        raise again from again.__cause__


async def goes_on() -> int:
    """Where it was only a callback that had no memory, whatever the work makes of that."""
    try:
        await in_a_callback()
    except asyncio.CancelledError:
        return 1
    return 0


async def returns_without_an_exception() -> None:
    """As an extension that got no memory, and returns NULL all the same."""
    raise SystemError("error return without exception set")


async def aborts() -> None:
    os.abort()


async def test_it_returns_what_it_took_and_was_another_process() -> None:
    ran = await apart(doubled, 21)
    assert ran.value[0] == 42 and ran.value[1] != os.getpid()
    small, large = await apart(takes, 1), await apart(takes, 101)
    assert 90 * MIB < large.peak_bytes - small.peak_bytes < 120 * MIB
    spun = await apart(spins, 0.3)
    assert 0.3 <= spun.cpu_s < 0.6 and spun.seconds >= 0.3


async def test_its_memory_ends_at_the_limit_and_it_says_so() -> None:
    assert (await apart(takes, 20, memory_bytes=64 * MIB)).value == 20 * MIB
    with pytest.raises(OutOfMemoryError):
        await apart(takes, 100, memory_bytes=64 * MIB)


@pytest.mark.parametrize("ends", [in_a_callback, wrapped, grouped, goes_on, returns_without_an_exception, aborts])
async def test_however_the_limit_is_met_it_is_called_so(ends: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    with pytest.raises(OutOfMemoryError):
        await asyncio.wait_for(apart(ends, memory_bytes=64 * MIB), 30)


@pytest.mark.parametrize("ends", [returns_without_an_exception, aborts])
async def test_without_a_limit_it_is_not(ends: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with pytest.raises(ApartError):
        await apart(ends)


async def test_what_it_raises_and_that_it_was_killed_is_told() -> None:
    with pytest.raises(ApartError, match="of all things"):
        await apart(raises)
    with pytest.raises(ApartError, match="status -9"):
        await apart(dies)


async def test_cancelled_it_is_gone() -> None:
    before = {one.pid for one in psutil.Process().children(recursive=True)}
    running = asyncio.create_task(apart(spins, 60.0))
    await asyncio.sleep(0.5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    busy = [one for one in psutil.Process().children(recursive=True) if one.pid not in before and one.cpu_percent(0.1)]
    assert busy == []
