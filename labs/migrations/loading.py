"""Users in the number asked for, with a look at the disk first."""

from __future__ import annotations

import shutil
import time

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.migrations import users
from labs.stream.places import data_home
from labs.workbench.bench import Bench
from labs.workbench.errors import LabError

BYTES_A_USER = 600
"""At the worst moment: the table, a rewritten copy of it with all its dead rows, and the log of both."""


def must_fit(rows: int, free: int) -> None:
    """Raise `LabError` when the disk has no room for what so many users come to."""
    needed = rows * BYTES_A_USER
    if free < needed:
        raise LabError(
            f"There is no room for {rows:,} users",
            f"The table, its copy and their log come to {needed >> 20} MiB, and {free >> 20} MiB are free.",
            "Give fewer rows, or set NINELABS_DATA to a larger disk.",
        )


async def load(bench: Bench, connection: AsyncConnection, rows: int) -> None:
    """Have that many users, the log of their sign-ups, and statistics of both."""
    # Of a server that was given by URL the disk cannot be seen; its own refusal is told as it is.
    if "host" not in bench.server.url.query and "unix_socket" not in bench.server.url.query:
        bench.note("How much disk that server has left cannot be seen from here.")
    else:
        must_fit(rows, shutil.disk_usage(data_home()).free)
    began = time.monotonic()
    await users.grow(connection, rows, lambda done: bench.progress("Users", done, rows, "users", since=began))
    for table in ("users", "signups"):
        analyse = f"ANALYZE {table}" if connection.dialect.name == "postgresql" else f"ANALYZE TABLE {table}"
        await connection.execute(text(analyse))
    await connection.commit()
