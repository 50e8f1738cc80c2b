"""Room on the server's disk: looked at before a load begins, not met in the middle of it."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.scale import server as servers
from labs.workbench.engines.engine import Engine
from labs.workbench.errors import LabError

FOLDER = {
    "postgres": "SELECT CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE') "
    "THEN current_setting('data_directory', true) END",
    "mariadb": "SELECT @@datadir",
}
"""Not every role may know."""

BYTES_A_ROW = {"postgres": 320, "mariadb": 400}
"""Of a customer in the table and its indexes, measured at a million rows; the test of this lab watches over it."""

LOG_BYTES_A_ROW = {"postgres": 450, "mariadb": 0}
"""MariaDB's redo log has its size from the beginning; its undo is in the next figure."""

UNDO_BYTES_A_ROW = {"postgres": 0, "mariadb": 60}

WAL_KEPT = 2
"""PostgreSQL aims at `max_wal_size`, and under a load may go beyond it."""

SPARE_BYTES = 200 * 2**20
"""What must be left over: a server whose disk is full can do nothing at all."""

UNKNOWN = "How much room the server's disk has cannot be seen from here, and so was not looked at."


@dataclass(frozen=True, slots=True)
class Room:
    """What a load needs, and what there is."""

    needed_bytes: int
    free_bytes: int
    folder: str

    @property
    def sentence(self) -> str:
        """Both, in numbers."""
        return (
            f"The load needs about {_written(self.needed_bytes)} on the server's disk, log and reserve included; "
            f"{_written(self.free_bytes)} are free at {self.folder}."
        )

    def must_do(self) -> None:
        """Raise `LabError` when it will not."""
        if self.free_bytes < self.needed_bytes:
            raise LabError(
                "There is too little room for the load",
                self.sentence,
                "Load fewer rows, or make room; nothing has been loaded.",
            )


async def room(server: Engine, connection: AsyncConnection, rows: int) -> Room | None:
    """What so many customers need and have; none where the server's disk is not one of this machine."""
    name = server.name
    pid = await servers.process(server, connection)
    if pid is None or not servers.runs_here(server, pid):
        return None
    folder = await connection.scalar(text(FOLDER[name]))
    if not folder:
        return None
    log = rows * LOG_BYTES_A_ROW[name]
    if name == "postgres":
        log = min(log, WAL_KEPT * await _max_wal_bytes(connection))
    needed = rows * (BYTES_A_ROW[name] + UNDO_BYTES_A_ROW[name]) + log + SPARE_BYTES
    with suppress(OSError):
        return Room(needed, shutil.disk_usage(folder).free, folder)
    return None


async def must_do(server: Engine, connection: AsyncConnection, rows: int) -> None:
    """Raise `LabError` where it can be seen that so many customers do not fit."""
    found = await room(server, connection, rows)
    await connection.rollback()
    if found is not None:
        found.must_do()


async def _max_wal_bytes(connection: AsyncConnection) -> int:
    query = "SELECT pg_size_bytes(current_setting('max_wal_size'))"
    return await connection.scalar(text(query)) or 0


def _written(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size >> 20} MiB"
