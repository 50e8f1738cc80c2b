"""Users in the number asked for, with a look at the disk first."""

from __future__ import annotations

import time

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.migrations import users
from labs.workbench.bench import Bench
from labs.workbench.engines.engine import Engine
from labs.workbench.room import UNKNOWN, Room, room

BYTES_A_USER = {"postgres": 250, "mariadb": 250}
"""At the worst moment: the table with its dead rows, or a copy of it, and what undoes them."""

LOG_BYTES_A_USER = 450

MAY_CHECKPOINT = "SELECT pg_has_role(to_regrole('pg_checkpoint'), 'USAGE')"
"""A role that PostgreSQL has from 15 on."""


async def room_for(server: Engine, connection: AsyncConnection, rows: int) -> Room | None:
    """What so many users and their migration need and have; none where the server's disk is not of this machine."""
    return await room(server, connection, rows * BYTES_A_USER[server.name], rows * LOG_BYTES_A_USER)


async def load(bench: Bench, connection: AsyncConnection, rows: int) -> None:
    """Have that many users, the log of their sign-ups, and statistics of both.

    On PostgreSQL they are on the disk, too, if that may be asked for: what follows is not to wait for their writing.
    """
    on_postgres = connection.dialect.name == "postgresql"
    found = await room_for(bench.server, connection, rows)
    if found is None:
        bench.note(UNKNOWN)
    else:
        found.must_do()
    began = time.monotonic()
    await users.grow(connection, rows, lambda done: bench.progress("Users", done, rows, "users", since=began))
    for table in ("users", "signups"):
        await connection.execute(text(f"ANALYZE {table}" if on_postgres else f"ANALYZE TABLE {table}"))
    await connection.commit()
    if on_postgres and await connection.scalar(text(MAY_CHECKPOINT)):
        await connection.execute(text("CHECKPOINT"))
    await connection.rollback()
