"""The child process of the screen: one runner, commands on standard input, events on what was standard output."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator, Callable

from labs.catalogue import find_lab
from labs.signals import say
from labs.stream.commands import AnyCommand
from labs.stream.lines import LINE_LIMIT_BYTES, decode_command, encode
from labs.stream.pipe import claim_stdout, hold_standard_descriptors
from labs.workbench import logs
from labs.workbench.errors import USAGE, LabError
from labs.workbench.outbox import Outbox
from labs.workbench.runner import Runner, header
from labs.workbench.target import Target, choose

NO_SCREEN = "This is the half of ninelabs that has no screen, and nobody is at the other end. Start `ninelabs`."


BEHIND = 5
"""The niceness of a lab and of the server that it starts: where all want the processor, the screen comes first."""


class Reader(asyncio.streams.FlowControlMixin):
    """Whoever reads our events; tells when they are gone, also while there is nothing to tell them."""

    def __init__(self, gone: Callable[[], object]) -> None:
        super().__init__()
        self._gone = gone

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        super().connection_lost(exc)
        self._gone()


async def read_commands(reader: asyncio.StreamReader, outbox: Outbox) -> AsyncIterator[AnyCommand]:
    """The commands, until their end. A line that is none is reported, and passed over."""
    while True:
        try:
            line = await reader.readline()
            if not line:
                return
            command = decode_command(line)
        except ValueError as error:  # Malformed, or longer than any command.
            outbox.emit(
                LabError(
                    "The screen asked for something that the lab does not understand",
                    f"{error}.",
                    "Start ninelabs again; both halves must be of one version.",
                    exit_status=USAGE,
                ).as_event()
            )
        else:
            yield command


def _target() -> Target:
    return choose(os.environ.get("NINELABS_ENGINE") or None, os.environ.get("NINELABS_URL") or None)


def check() -> int:
    """Look whether the server that the environment asks for can be asked for; returns the exit status."""
    try:
        _target()
    except LabError as error:
        say(error.sentence)
        return error.exit_status
    return 0


async def serve(outbox: Outbox, commands: AsyncIterator[AnyCommand]) -> None:
    """Run a runner on the server that the environment asks for."""
    outbox.emit(header())
    try:
        await Runner(_target(), find_lab, outbox).serve(commands)
    except LabError as error:
        outbox.emit(error.as_event())
    except Exception as error:
        logging.getLogger(__name__).exception("An error that nobody expected")
        told = LabError(
            "The lab's process met an error that nobody expected",
            f"{type(error).__name__}: {error}.",
            f"{logs.path()} has the details.",
        )
        outbox.emit(told.as_event())


async def main() -> int:
    """Serve until the commands end, their reader is gone, or a signal asks to leave; returns the exit status."""
    hold_standard_descriptors()
    if not all(stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) for mode in (os.fstat(0).st_mode, os.fstat(1).st_mode)):
        print(NO_SCREEN, file=sys.stderr)
        return USAGE
    os.nice(BEHIND)
    logs.to_file()
    loop = asyncio.get_running_loop()
    outbox = Outbox()
    reader = asyncio.StreamReader(limit=LINE_LIMIT_BYTES)
    leave = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, leave.set)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(0, "rb", buffering=0))
    transport, protocol = await loop.connect_write_pipe(
        lambda: Reader(leave.set), os.fdopen(claim_stdout(), "wb", buffering=0)
    )
    writer = asyncio.StreamWriter(transport, protocol, None, loop)

    async def send() -> None:
        async for event in outbox.events():
            writer.write(encode(event))
            await writer.drain()

    sending = asyncio.create_task(send())
    serving = asyncio.create_task(serve(outbox, read_commands(reader, outbox)))
    leaving = asyncio.create_task(leave.wait())
    # A screen that is gone cannot be told anything; what it had running still ends in order.
    await asyncio.wait({serving, leaving, sending}, return_when=asyncio.FIRST_COMPLETED)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    outbox.close()
    await asyncio.gather(sending, return_exceptions=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(check() if "--check" in sys.argv else asyncio.run(main()))
