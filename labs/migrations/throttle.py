"""When a backfill had better rest: while others wait for locks, or the server has its hands full."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

LOOK_S = 0.1
"""Between looks at the server: one costs it more than a small batch's statement."""

ON_POSTGRES = text(
    "SELECT count(*) FILTER (WHERE wait_event_type = 'Lock'), count(*) FILTER (WHERE state = 'active') "
    "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
)
ON_MARIADB = text(
    "SELECT max(CASE variable_name WHEN 'INNODB_ROW_LOCK_CURRENT_WAITS' THEN CAST(variable_value AS SIGNED) END), "
    "max(CASE variable_name WHEN 'THREADS_RUNNING' THEN CAST(variable_value AS SIGNED) END) - 1 "
    "FROM information_schema.global_status "
    "WHERE variable_name IN ('INNODB_ROW_LOCK_CURRENT_WAITS', 'THREADS_RUNNING')"
)


@dataclass(slots=True)
class Throttle:
    """Looks at the server on a connection of its own, in autocommit, so that it sees the present.

    Args:
        waiting: so many sessions may wait for locks, whoever makes them.
        running: so many may be at work.
    """

    connection: AsyncConnection
    waiting: int
    running: int
    rested: dict[str, int] = field(default_factory=dict, init=False)
    """By reason, how often it said to rest."""
    _due: float = field(default=0.0, init=False)

    async def rest(self) -> None:
        """Return when there is no reason to rest any more."""
        while await self.reason():  # noqa: ASYNC110 (it is the server that has to be asked)
            await asyncio.sleep(LOOK_S)

    async def reason(self) -> str:
        """Why to rest now; empty when there is none."""
        if time.monotonic() < self._due:
            return ""
        query = ON_POSTGRES if self.connection.dialect.name == "postgresql" else ON_MARIADB
        waiting, running = (await self.connection.execute(query)).one()
        found = ""
        if waiting > self.waiting:
            found = "lock waits"
        elif running > self.running:
            found = "load"
        else:
            self._due = time.monotonic() + LOOK_S
        if found:
            self.rested[found] = self.rested.get(found, 0) + 1
        return found
