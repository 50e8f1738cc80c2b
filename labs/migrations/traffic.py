"""The program that goes on meanwhile: clients that write and read users, and remember what they were told.

Whatever a server confirmed is written down here, in the client. So afterwards it can be said of each single write
whether it is in the table: nothing is concluded from counts that could cancel out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import Literal

from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from labs.migrations.models import User
from labs.workbench.latency import LatencyMeter
from labs.workbench.sessions import SessionMaker

EVERY = 10
"""Clients change each tenth of the old users; the other nine must not change at all."""

THINKING_S = 0.004
"""Between two operations of a client."""

Knows = Literal["nothing", "the column", "the date"]
"""What the program's newest version knows: old ones do not name the column; then one names it with NULL, as an ORM
does; at last it gives the date itself."""

READ_COMMITTED = {
    "postgresql": text("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED"),
    "mariadb": text("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"),
    "mysql": text("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"),
}
"""Whatever the server's default is: above it, whoever waited behind a batch would be refused on PostgreSQL."""

EDIT = text("UPDATE users SET name = :name WHERE id = :id")
INSERT = text("INSERT INTO users (id, name) VALUES (:id, :name)")
INSERT_WITH_DATE = text("INSERT INTO users (id, name, created_at) VALUES (:id, :name, :created_at)")
READ = text("SELECT name FROM users WHERE id = :id")


def name(user: int, edit: int) -> str:
    """What a client calls a user; tells which of its writes was the last."""
    return f"User {user}, edit {edit}"


@dataclass(slots=True)
class Journal:
    """What the clients were told."""

    edits: dict[int, int] = field(default_factory=dict)
    """By user the number of the last confirmed write; 0 is the insert."""
    operations: int = 0
    refused: list[str] = field(default_factory=list)
    """What the server said to operations that it did not carry out."""
    misread: list[int] = field(default_factory=list)
    """Users who were read as they had been before a write confirmed earlier."""
    longest_write_ms: float = 0.0
    longest_read_ms: float = 0.0

    async def lost(self, connection: AsyncConnection, chunk: int = 1_000) -> list[int]:
        """The users whose last confirmed write is not what the table has."""
        users, lost = list(self.edits), []
        for first in range(0, len(users), chunk):
            some = users[first : first + chunk]
            rows = await connection.execute(select(User.id, User.name).where(User.id.in_(some)))
            found = {user: called for user, called in rows}  # noqa: C416 (a row is no pair to mypy)
            lost += [user for user in some if found.get(user) != name(user, self.edits[user])]
        return lost


@dataclass(slots=True)
class Traffic:
    """Clients over so many old users; the last of several only reads.

    Args:
        clients: in autocommit: each statement is a transaction of its own, and one round trip.
        meter: of every operation.
        describe: the server's words for a refusal.
    """

    clients: Sequence[SessionMaker]
    rows: int
    seed: int
    meter: LatencyMeter
    describe: Callable[[DBAPIError], str]
    knows: Knows = "nothing"
    journal: Journal = field(default_factory=Journal)
    _under_way: set[object] = field(default_factory=set, init=False)

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[Journal]:
        """Let them work for as long as this lasts; at the end each finishes what it has begun."""
        over = asyncio.Event()
        async with self.meter.telling(), asyncio.TaskGroup() as group:
            for number in range(len(self.clients)):
                group.create_task(self._client(number, over))
            try:
                yield self.journal
            finally:
                over.set()

    async def deploy(self, knows: Knows) -> None:
        """Bring a version that knows more; returns when no operation of an older one is under way."""
        self.knows = knows
        older = set(self._under_way)
        while older & self._under_way:  # noqa: ASYNC110 (each of several clients may be the last)
            await asyncio.sleep(THINKING_S)

    async def _client(self, number: int, over: asyncio.Event) -> None:
        draw = Random(f"{self.seed}, client {number}")
        mine = range(EVERY * (number + 1), self.rows + 1, EVERY * len(self.clients))
        """No two clients write the same user, so that it is known whose write was the last."""
        reads = number == len(self.clients) - 1 > 0
        fresh = count(self.rows + 1 + number, len(self.clients))
        async with self.clients[number]() as session:
            await session.execute(READ_COMMITTED[session.get_bind().dialect.name])
            while not over.is_set():
                kind = "read" if reads else draw.choice(("edit", "insert"))
                began = time.perf_counter()
                operation = object()
                self._under_way.add(operation)
                try:
                    with self.meter.timed():
                        if kind == "read":
                            await self._read(session, draw)
                        elif kind == "insert":
                            await self._insert(session, next(fresh), new=draw.random() < 0.5)
                        else:
                            await self._edit(session, draw.choice(mine))
                except DBAPIError as error:
                    self.journal.refused.append(f"{kind}: {self.describe(error)}")
                    await session.rollback()
                finally:
                    self._under_way.remove(operation)
                took = (time.perf_counter() - began) * 1000
                self.journal.operations += 1
                if kind == "read":
                    self.journal.longest_read_ms = max(self.journal.longest_read_ms, took)
                else:
                    self.journal.longest_write_ms = max(self.journal.longest_write_ms, took)
                await asyncio.sleep(draw.random() * 2 * THINKING_S)

    async def _edit(self, session: AsyncSession, user: int) -> None:
        edit = self.journal.edits.get(user, 0) + 1
        await session.execute(EDIT, {"id": user, "name": name(user, edit)})
        self.journal.edits[user] = edit

    async def _insert(self, session: AsyncSession, user: int, *, new: bool) -> None:
        values = {"id": user, "name": name(user, 0)}
        if not new or self.knows == "nothing":
            await session.execute(INSERT, values)
        else:
            date = datetime.now(UTC) if self.knows == "the date" else None
            await session.execute(INSERT_WITH_DATE, {**values, "created_at": date})
        self.journal.edits[user] = 0

    async def _read(self, session: AsyncSession, draw: Random) -> None:
        known = len(self.journal.edits)
        user = draw.randrange(1, self.rows + 1) if not known else EVERY * draw.randint(1, max(1, self.rows // EVERY))
        at_least = self.journal.edits.get(user)
        found = await session.scalar(READ, {"id": user})
        if at_least is not None and (found is None or int(found.rpartition(" ")[2]) < at_least):
            self.journal.misread.append(user)
