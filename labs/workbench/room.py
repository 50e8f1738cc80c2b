"""Room on the server's disk: looked at before rows are written, not met in the middle of it."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.workbench import processes
from labs.workbench.engines.engine import Engine
from labs.workbench.errors import LabError

FOLDER = {
    "postgres": "SELECT CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE') "
    "THEN current_setting('data_directory', true) END",
    "mariadb": "SELECT @@datadir",
}
"""Not every role may know."""

WAL_TO_COME = """\
SELECT 2 * pg_size_bytes(current_setting('max_wal_size')) - CASE
  WHEN has_function_privilege('pg_ls_waldir()', 'EXECUTE') THEN (SELECT coalesce(sum(size), 0) FROM pg_ls_waldir())
  ELSE 0 END"""
"""PostgreSQL aims at `max_wal_size`, and under a load may go beyond it. What is there already is used again."""

SPARE_BYTES = 200 * 2**20
"""What must be left over: a server whose disk is full can do nothing at all."""

UNKNOWN = "How much room the server's disk has cannot be seen from here, and so was not looked at."


@dataclass(frozen=True, slots=True)
class Room:
    """What is going to be written, and what there is."""

    needed_bytes: int
    free_bytes: int
    folder: str

    @property
    def sentence(self) -> str:
        """Both, in numbers."""
        return (
            f"This needs about {_in_words(self.needed_bytes)} on the server's disk, log and reserve included; "
            f"{_in_words(self.free_bytes)} are free at {self.folder}."
        )

    def must_do(self) -> None:
        """Raise `LabError` when it will not."""
        if self.free_bytes < self.needed_bytes:
            raise LabError(
                "There is too little room on the server's disk",
                self.sentence,
                "Take fewer rows, or make room. The servers of ninelabs itself live where NINELABS_DATA says.",
            )


async def room(server: Engine, connection: AsyncConnection, stored_bytes: int, log_bytes: int) -> Room | None:
    """What tables and undo of that size need, and what there is.

    Args:
        log_bytes: how much write-ahead log comes with them. PostgreSQL keeps only so much; MariaDB's redo log has its
            size from the beginning, and nothing is added for it.

    Returns:
        None where the server's disk is not one of this machine, or may not be looked at.
    """
    if await processes.serving(server, connection) is None:
        return None
    folder = await connection.scalar(text(FOLDER[server.name]))
    if not folder:
        return None
    log = 0
    if server.name == "postgres":
        log = max(min(log_bytes, int(await connection.scalar(text(WAL_TO_COME)) or 0)), 0)
    with suppress(OSError):
        return Room(stored_bytes + log + SPARE_BYTES, shutil.disk_usage(folder).free, folder)
    return None


def _in_words(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size >> 20} MiB"
