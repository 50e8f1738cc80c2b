"""How much log a server has written with which it would do everything again after a crash."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.workbench.engines.engine import Engine

NAME = {"postgres": "WAL", "mariadb": "Redo log"}

WRITTEN = {
    "postgres": "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint",
    "mariadb": "SELECT CAST(variable_value AS UNSIGNED) FROM information_schema.global_status "
    "WHERE variable_name = 'Innodb_lsn_current'",
}


async def written(server: Engine, connection: AsyncConnection) -> int:
    """Bytes that have ever been written of it; the difference of two is what went on in between."""
    return int(await connection.scalar(text(WRITTEN[server.name])) or 0)
