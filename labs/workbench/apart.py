"""A function in a process of its own: what it takes is then its own too, and a limit that it meets ends only it."""

from __future__ import annotations

import asyncio
import errno
import multiprocessing
import os
import pickle
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

Returned = TypeVar("Returned")

_FORKS = multiprocessing.get_context("forkserver")

_preloaded: list[str] = []

MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
"""The unit of `ru_maxrss`."""

CRASHED = (-signal.SIGABRT, -signal.SIGSEGV)
"""How the interpreter ends at a limit of its memory where it has none left to raise an exception with."""


@dataclass(frozen=True, slots=True)
class Ran(Generic[Returned]):
    """What a function returned, and what it took."""

    value: Returned
    seconds: float
    cpu_s: float
    peak_bytes: int
    """The most memory that the process had resident, with the interpreter and all that it has imported."""


class OutOfMemoryError(Exception):
    """The function met the limit of its memory."""


class ApartError(Exception):
    """The function raised, or its process died: what it said."""


def preload(*modules: str) -> None:
    """Have these imported too, once for all processes to come. Has no effect after the first of them."""
    _preloaded.extend(modules)
    _FORKS.set_forkserver_preload(_preloaded)


def peak_bytes() -> int:
    """The most memory that this process has had resident."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_BYTES


async def apart(
    function: Callable[..., Coroutine[Any, Any, Returned]], *arguments: Any, memory_bytes: int | None = None
) -> Ran[Returned]:
    """Run a coroutine function in a process of its own, which ends with this one, and when this is cancelled.

    Args:
        function: to be found by its module and name, like the arguments' classes.
        memory_bytes: how much address space it may have beyond what the process begins with.

    Raises:
        OutOfMemoryError: that was too little.
        ApartError: it raised anything else, or its process was killed.
    """
    ours, theirs = _FORKS.Pipe(duplex=False)
    process = _FORKS.Process(target=_child, args=(theirs, function, arguments, memory_bytes), daemon=True)
    try:
        starting = asyncio.ensure_future(asyncio.to_thread(process.start))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            await starting
            raise
        theirs.close()
        said = await _said(ours)
    finally:
        ours.close()
        if process.pid is not None:
            process.kill()
            await asyncio.to_thread(process.join)
    if isinstance(said, Ran):
        return said
    if said is None:
        if memory_bytes is not None and process.exitcode in CRASHED:
            raise OutOfMemoryError
        raise ApartError(f"Its process ended with status {process.exitcode}")
    raise said


async def _said(pipe: Connection) -> Any:
    """What the child sends, or nothing when it ends before it has."""
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(pipe.fileno(), readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(pipe.fileno())
    try:
        return pipe.recv()
    except EOFError:
        return None


def _child(
    pipe: Connection,
    function: Callable[..., Coroutine[Any, Any, Any]],
    arguments: tuple[Any, ...],
    memory_bytes: int | None,
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who meant to end the parent ends this with it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if memory_bytes is not None:
        limit = _address_space() + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    limited = memory_bytes is not None
    began, cpu_began = time.perf_counter(), time.process_time()
    try:
        value = asyncio.run(_watched(function(*arguments), limited))
        seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
        said = pickle.dumps(Ran(value, seconds, cpu_s, peak_bytes()))
    except Exception as error:
        if _memory_gave_out(error, limited):
            said = pickle.dumps(OutOfMemoryError())
        else:  # without the parameters, which may be many
            said = pickle.dumps(ApartError(str(error).partition("\n[SQL:")[0] or type(error).__name__))
    pipe.send_bytes(said)


async def _watched(work: Coroutine[Any, Any, Returned], limited: bool) -> Returned:
    """What the work returns. Memory that gives out in a callback ends it too: asyncio would only log that, and the
    work might wait for what the callback was to bring."""
    gave_out = False
    working = asyncio.ensure_future(work)

    def hear(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal gave_out
        if _memory_gave_out(context.get("exception"), limited):
            gave_out = True
            working.cancel()

    asyncio.get_running_loop().set_exception_handler(hear)
    try:
        value = await working
    except (Exception, asyncio.CancelledError):
        if not gave_out:
            raise
    if gave_out:
        raise MemoryError
    return value


def _memory_gave_out(error: BaseException | None, limited: bool) -> bool:
    """Whether that is what an error comes from, whoever has put it in other words, or in a group.

    Args:
        limited: at a limit it is also what a `SystemError` says: an extension got no memory, and returned without
            an exception.
    """
    meant = (MemoryError, SystemError) if limited else (MemoryError,)
    left, seen = [error], set[int]()
    while left:
        one = left.pop()
        if isinstance(one, meant) or (isinstance(one, OSError) and one.errno == errno.ENOMEM):
            return True
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            left += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
    return False


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _address_space() -> int:
    """Of this process, in bytes."""
    with open("/proc/self/statm") as statm:  # noqa: PTH123 (no more memory than that)
        return int(statm.read().split()[0]) * resource.getpagesize()
