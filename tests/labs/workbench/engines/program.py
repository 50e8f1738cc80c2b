"""A program that uses the embedded server until its input ends. Says the server's process id, unless it is ``mute``."""

import asyncio
import sys

from labs.workbench.engines.embedded import EmbeddedPostgres


async def main() -> None:
    server = EmbeddedPostgres()
    await server.acquire(lambda event: None)
    if "mute" not in sys.argv:
        print(server.describe().pid, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.release()


asyncio.run(main())
