"""What a load costs the server: the time and memory of its processes, and what the tables take on its disk."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

import psutil
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.workbench.engines.engine import Engine

SAMPLE_S = 0.05

SIZES = {
    "postgres": "SELECT pg_table_size(CAST(:table AS regclass)), pg_indexes_size(CAST(:table AS regclass))",
    "mariadb": "SELECT data_length, index_length FROM information_schema.tables "
    "WHERE table_schema = database() AND table_name = :table",
}
"""MariaDB's table is its primary key; what it calls indexes are the others."""


class Sizes(NamedTuple):
    """Bytes on the disk."""

    table: int
    indexes: int


async def sizes(server: Engine, connection: AsyncConnection, table: str) -> Sizes:
    """How large a table and its indexes are; MariaDB has to look first."""
    if server.name == "mariadb":
        await connection.execute(text(f"ANALYZE TABLE {table}"))
    row = (await connection.execute(text(SIZES[server.name]), {"table": table})).one()
    return Sizes(int(row[0]), int(row[1]))


class ServerMeter:
    """Looks into processes of the server while something goes on; those that cannot be looked into tell nothing.

    Args:
        pids: a connection's own process on PostgreSQL; on MariaDB the whole server.
    """

    def __init__(self, pids: Iterable[int]) -> None:
        self.peak_bytes = 0
        """The most memory they had together: of what they share with others, their share."""
        self.cpu_s = 0.0
        self._processes = [psutil.Process(pid) for pid in pids]
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
