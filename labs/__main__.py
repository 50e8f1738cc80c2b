"""The child process of the screen: one runner, commands on standard input, events on what was standard output."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator

from labs.catalogue import find_lab
from labs.stream.commands import AnyCommand
from labs.stream.lines import LINE_LIMIT_BYTES, decode_command, encode
from labs.stream.pipe import claim_stdout
from labs.workbench import logs
from labs.workbench.errors import LabError
from labs.workbench.outbox import Outbox
from labs.workbench.runner import Runner, header
from labs.workbench.target import choose


async def serve(outbox: Outbox, commands: AsyncIterator[AnyCommand]) -> None:
    """Run a runner on the server that the environment asks for."""
    outbox.emit(header())
    try:
        target = choose(os.environ.get("NINELABS_ENGINE"), os.environ.get("NINELABS_URL"))
    except LabError as error:
        outbox.emit(error.as_event())
    else:
        await Runner(target, find_lab, outbox).serve(commands)


async def main() -> None:
    """Serve until the command stream ends or a signal asks to leave."""
    logs.to_file()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LINE_LIMIT_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    transport, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(claim_stdout(), "wb")
    )
    writer = asyncio.StreamWriter(transport, protocol, None, loop)
    outbox = Outbox()

    async def commands() -> AsyncIterator[AnyCommand]:
        async for line in reader:
            yield decode_command(line)

    async def send() -> None:
        async for event in outbox.events():
            writer.write(encode(event))
            await writer.drain()

    sending = asyncio.create_task(send())
    serving = asyncio.create_task(serve(outbox, commands()))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, serving.cancel)
    # A screen that is gone cannot be told anything; what it had running still ends in order.
    sending.add_done_callback(lambda _: serving.cancel())
    try:
        await asyncio.gather(serving, return_exceptions=True)
    finally:
        outbox.close()
        await asyncio.gather(sending, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main())
