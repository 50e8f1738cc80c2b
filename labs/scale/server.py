"""What a load costs the server: its log, the processes that serve it, and what the tables take on its disk."""

from __future__ import annotations

import threading
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.workbench.engines.engine import Engine

SAMPLE_S = 0.05

LOG_POSITION = {
    "postgres": "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint",
    "mariadb": "SELECT CAST(variable_value AS UNSIGNED) FROM information_schema.global_status "
    "WHERE variable_name = 'Innodb_lsn_current'",
}
"""Bytes of write-ahead log, or of redo log, that have ever been written."""

LOG_NAME = {"postgres": "WAL", "mariadb": "Redo log"}

SIZES = {
    "postgres": "SELECT pg_table_size(CAST(:table AS regclass)), pg_indexes_size(CAST(:table AS regclass))",
    "mariadb": "SELECT data_length, index_length FROM information_schema.tables "
    "WHERE table_schema = database() AND table_name = :table",
}
"""MariaDB's table is its primary key; what it calls indexes are the others."""

PROGRAMS = {"postgres": "postgres", "mariadb": "mariadbd"}


class Sizes(NamedTuple):
    """Bytes on the disk."""

    table: int
    indexes: int


async def log_position(server: Engine, connection: AsyncConnection) -> int:
    """See `LOG_POSITION`."""
    return int(await connection.scalar(text(LOG_POSITION[server.name])) or 0)


async def sizes(server: Engine, connection: AsyncConnection, table: str) -> Sizes:
    """How large a table and its indexes are; MariaDB has to look first."""
    if server.name == "mariadb":
        await connection.execute(text(f"ANALYZE TABLE {table}"))
    row = (await connection.execute(text(SIZES[server.name]), {"table": table})).one()
    return Sizes(int(row[0]), int(row[1]))


async def process(server: Engine, connection: AsyncConnection) -> int | None:
    """The id of the process that serves a connection, where it is one of this machine that can be looked into."""
    if server.name == "mariadb":
        with suppress(OSError, ValueError):
            return _pid(await connection.scalar(text("SELECT @@pid_file")) or "")
        return None
    return server.backend_pid(await connection.get_raw_connection())


def _pid(file: str) -> int:
    return int(Path(file).read_text())


def runs_here(server: Engine, pid: int) -> bool:
    """Whether the process of that id is one of this machine, and of that kind of server."""
    with suppress(psutil.Error):
        return psutil.Process(pid).name() == PROGRAMS[server.name]
    return False


class ServerMeter:
    """Looks into processes of the server while something goes on; those that cannot be looked into tell nothing.

    Args:
        pids: a connection's own process on PostgreSQL; on MariaDB the whole server.
    """

    def __init__(self, server: Engine, pids: Collection[int]) -> None:
        self.peak_bytes = 0
        """The most memory they had together: of what they share with others, their share."""
        self.cpu_s = 0.0
        self._processes = [psutil.Process(pid) for pid in pids if runs_here(server, pid)]
        self._ended = threading.Event()
        self._looking = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> ServerMeter:
        self._cpu_began = self._cpu()
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._looking.join()
        self._sample()
        self.cpu_s = self._cpu() - self._cpu_began

    def _look(self) -> None:
        while not self._ended.wait(SAMPLE_S):
            self._sample()

    def _sample(self) -> None:
        with suppress(psutil.Error):
            memory = [one.memory_full_info() for one in self._processes]
            self.peak_bytes = max(self.peak_bytes, sum(getattr(one, "pss", one.rss) for one in memory))

    def _cpu(self) -> float:
        with suppress(psutil.Error):
            return sum(times.user + times.system for times in (one.cpu_times() for one in self._processes))
        return 0.0
