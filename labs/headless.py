"""A runner without a screen: its events go to sinks, and whatever ends it early, it ends in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from labs.catalogue import find_lab
from labs.signals import Signals, say
from labs.stream.events import Event, Looked
from labs.workbench.errors import LabError
from labs.workbench.outbox import Outbox
from labs.workbench.runner import Runner, header
from labs.workbench.target import Target

Sink = Callable[[Event], None]
Work = Callable[[Runner], Awaitable[int]]


async def serve(target: Target, sinks: Sequence[Sink], work: Work, signals: Signals) -> int:
    """Run the work with every event going to the sinks; a signal, or a sink that fails, ends it in order.

    Returns:
        The exit status.

    Raises:
        LabError: from the work; the sinks have been told.
        OSError, RecordingError: from a sink.
    """
    outbox = Outbox()
    outbox.emit(header())
    runner = Runner(target, find_lab, outbox)

    async def drain() -> None:
        async for event in outbox.events():
            if not isinstance(event, Looked):
                for sink in sinks:
                    sink(event)

    async def do() -> int:
        try:
            return await work(runner)
        except LabError as error:
            outbox.emit(error.as_event())
            raise

    draining, doing = asyncio.create_task(drain()), asyncio.create_task(do())
    # Who cannot be told any more has no use for the rest.
    draining.add_done_callback(lambda _: doing.cancel())
    try:
        with signals.cancelling(doing):
            await asyncio.wait({doing})
        await runner.close()
    finally:
        outbox.close()
        await asyncio.wait({draining})
    if signals.received:
        say(f"Ended by {signals.received.name}: what was open has been rolled back.")
        return 128 + signals.received
    draining.result()
    return doing.result()
