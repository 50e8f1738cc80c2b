"""The server's processes, where they are of this machine and can be looked into."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.workbench.engines.engine import Engine

PROGRAMS = {"postgres": "postgres", "mariadb": "mariadbd"}


async def serving(server: Engine, connection: AsyncConnection) -> int | None:
    """The id of the process that serves a connection: its own on PostgreSQL, on MariaDB the whole server's.

    Returns:
        None where it is not one of this machine.
    """
    pid: int | None = None
    if server.name == "mariadb":
        with suppress(OSError, ValueError):
            pid = _pid_in(await connection.scalar(text("SELECT @@pid_file")) or "")
    else:
        pid = server.backend_pid(await connection.get_raw_connection())
    return pid if pid is not None and _runs_here(server, pid) else None


def _runs_here(server: Engine, pid: int) -> bool:
    with suppress(psutil.Error):
        return psutil.Process(pid).name() == PROGRAMS[server.name]
    return False


def _pid_in(file: str) -> int:
    return int(Path(file).read_text())
