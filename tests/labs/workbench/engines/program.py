"""A program that uses a server of our own until its input ends.

``program.py KIND``, where KIND is one of `KINDS`, says the server's process id; ``program.py KIND mute`` says nothing.
"""

import asyncio
import sys

from labs.workbench.engines.embedded import EmbeddedPostgres
from labs.workbench.engines.private_mariadb import PrivateMariaDB

Own = EmbeddedPostgres | PrivateMariaDB
Kind = type[EmbeddedPostgres] | type[PrivateMariaDB]

KINDS: dict[str, Kind] = {"postgres": EmbeddedPostgres, "mariadb": PrivateMariaDB}


async def main(kind: str, *words: str) -> None:
    server = KINDS[kind]()
    await server.acquire(lambda event: None)
    if "mute" not in words:
        print(server.describe().pid, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.release()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
