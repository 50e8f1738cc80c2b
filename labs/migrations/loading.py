"""Users in the number asked for, with a look at the disk first."""

from __future__ import annotations

import time

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.migrations import users
from labs.workbench.bench import Bench
from labs.workbench.engines.engine import Engine
from labs.workbench.room import UNKNOWN, Room, room

BYTES_A_USER = 250
"""At the worst moment: the table with its dead rows, or with a copy of it; the test of this lab watches over it."""

LOG_BYTES_A_USER = 450
"""Of a load and all ways of changing it, one after the other."""


async def room_for(server: Engine, connection: AsyncConnection, rows: int) -> Room | None:
    """What so many users and their migration need and have; none where the server's disk is not of this machine."""
    return await room(server, connection, rows * BYTES_A_USER, rows * LOG_BYTES_A_USER)


async def load(bench: Bench, connection: AsyncConnection, rows: int) -> None:
    """Have that many users, the log of their sign-ups, and statistics of both."""
    found = await room_for(bench.server, connection, rows)
    if found is None:
        bench.note(UNKNOWN)
    else:
        found.must_do()
    began = time.monotonic()
    await users.grow(connection, rows, lambda done: bench.progress("Users", done, rows, "users", since=began))
    for table in ("users", "signups"):
        analyse = f"ANALYZE {table}" if connection.dialect.name == "postgresql" else f"ANALYZE TABLE {table}"
        await connection.execute(text(analyse))
    await connection.commit()
