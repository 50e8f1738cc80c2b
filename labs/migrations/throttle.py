"""When a backfill had better rest: while others wait for locks, the server has its hands full, or a replica lags."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

LOOK_S = 0.1
"""Between looks at the server: one costs it more than a small batch's statement."""

LOCK_WAITS, LOAD, REPLICA_LAG = "lock waits", "load", "replica lag"
"""Reasons to rest."""

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


REPLICAS = text(
    "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint, "
    "pg_wal_lsn_diff(min(replay_lsn), '0/0')::bigint FROM pg_stat_replication"
)


@dataclass(slots=True)
class Lag:
    """How far the replicas of a PostgreSQL are behind, in bytes of log and in time.

    The server's own ``replay_lag`` is of the latest log that was replayed: while a replica is stuck, it stays as small
    as it was. So it is remembered here how far the log was when, and looked up how old the oldest is of it that a
    replica still lacks.
    """

    bytes: int = field(default=0, init=False)
    milliseconds: float = field(default=0.0, init=False)
    _written: deque[tuple[int, float]] = field(default_factory=deque, init=False)

    async def look(self, connection: AsyncConnection) -> None:
        """See how far they are; without replicas, or the right to see them, nobody lags."""
        written, replayed = (await connection.execute(REPLICAS)).one()
        now = time.monotonic()
        self.bytes, self.milliseconds = 0, 0.0
        if replayed is None:
            return
        self._written.append((written, now))
        while self._written and self._written[0][0] <= replayed:
            self._written.popleft()
        if self._written:
            self.bytes, self.milliseconds = written - replayed, (now - self._written[0][1]) * 1000


@dataclass(slots=True)
class Throttle:
    """Looks at the server on a connection of its own, in autocommit, so that it sees the present.

    Args:
        waiting: so many sessions may wait for locks, whoever makes them.
        running: so many may be at work.
        lag_ms: so far a replica may be behind; PostgreSQL only, None not to look.
    """

    connection: AsyncConnection
    waiting: int
    running: int
    lag_ms: int | None = None
    lag: Lag = field(default_factory=Lag, init=False)
    rested: dict[str, int] = field(default_factory=dict, init=False)
    """By reason, how often it said to rest."""
    _due: float = field(default=0.0, init=False)

    async def look_at_replicas(self) -> None:
        """See how far they are; to be done when something comes that may hold them up, and not only when it has."""
        if self.lag_ms is not None and self.connection.dialect.name == "postgresql":
            await self.lag.look(self.connection)

    async def rest(self) -> None:
        """Return when there is no reason to rest any more."""
        while await self.reason():  # noqa: ASYNC110 (it is the server that has to be asked)
            await asyncio.sleep(LOOK_S)

    async def reason(self) -> str:
        """Why to rest now; empty when there is none."""
        if time.monotonic() < self._due:
            return ""
        on_postgres = self.connection.dialect.name == "postgresql"
        waiting, running = (await self.connection.execute(ON_POSTGRES if on_postgres else ON_MARIADB)).one()
        await self.look_at_replicas()
        found = ""
        if waiting > self.waiting:
            found = LOCK_WAITS
        elif running > self.running:
            found = LOAD
        elif self.lag_ms is not None and self.lag.milliseconds > self.lag_ms:
            found = REPLICA_LAG
        else:
            self._due = time.monotonic() + LOOK_S
        if found:
            self.rested[found] = self.rested.get(found, 0) + 1
        return found
