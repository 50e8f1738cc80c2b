"""What the panels show, read from outside on a connection of its own, never from the code under observation."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping
from contextlib import suppress

import msgspec
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.stream.events import (
    Event,
    InvariantSampled,
    LocksSampled,
    Looked,
    StatementEnded,
    StatementStarted,
    TableSampled,
)
from labs.workbench.bench import ask
from labs.workbench.lab import Invariant
from labs.workbench.observer import tables
from labs.workbench.place import Place
from labs.workbench.sessions import Emit

LOCK_PATIENCE_S = 0.1
"""How long a look waits for a table that is locked against readers."""

INTERVAL_S = 0.2
"""No more than five looks a second."""

TELLING_INTERVAL_S = 1.0
"""That it has looked is told no more often than this."""

IDLE_INTERVAL_S = 2.0
"""Between looks while no statement is under way; somebody else may have changed something."""

WAITING_INTERVAL_S = 1.0
"""Between looks while every statement at the server waits for a lock, once nothing has begun, ended or changed for as
long. One that works may begin to wait at any moment; one that waits is only to be seen waiting."""


class Observer:
    """Looks at tables, invariants and locks while a lab is open, and tells what changed."""

    def __init__(self, place: Place, *, emit: Emit) -> None:
        self._server = place.server
        self._lab = place.lab
        self._schema = place.schema
        self._emit = emit
        # Repeatable read: what one look shows was true at one moment.
        self._engine = place.server.create(
            application=f"{place.application}/observer",
            schema=place.schema,
            isolation="repeatable read",
            patience_s=LOCK_PATIENCE_S,
        )
        self._place = place
        self._due = asyncio.Event()
        self._at_server: dict[int, str] = {}
        """Whose statements are there, by number."""
        self._tables: dict[str, TableSampled] = {}
        self._invariants: dict[str, InvariantSampled] = {}
        self._locks = LocksSampled(waits=())
        self._sessions: Mapping[int, str] = {}
        self._stirred = -math.inf
        """When a statement last began or ended, or a look found something new, by the monotonic clock."""

    def heard(self, event: Event) -> None:
        """Be told of each event, so as to look at once when one brings something to see."""
        if isinstance(event, StatementStarted):
            self._at_server[event.number] = event.session
        elif isinstance(event, StatementEnded):
            self._at_server.pop(event.number, None)
        else:
            return
        self._stirred = time.monotonic()
        self._due.set()

    def run_began(self, sessions: Mapping[int, str]) -> None:
        """Watch these sessions, names by backend pid; their statements are numbered afresh."""
        self._sessions = sessions
        self._at_server.clear()
        self._locks = LocksSampled(waits=())

    async def watch(self) -> None:
        """Look again and again until cancelled, or until the server is gone."""
        told = -math.inf
        while True:
            self._due.clear()
            await self.look()
            if time.monotonic() - told >= TELLING_INTERVAL_S:
                told = time.monotonic()
                self._emit(Looked())
            await asyncio.sleep(INTERVAL_S)
            if rest := self._rest():
                with suppress(TimeoutError):
                    async with asyncio.timeout(rest):
                        await self._due.wait()

    def _rest(self) -> float:
        """How much longer there will be nothing to see, unless something is heard; in seconds."""
        if not self._at_server:
            return IDLE_INTERVAL_S
        waiting = {wait.waiter for wait in self._locks.waits}
        stirs = time.monotonic() - self._stirred < WAITING_INTERVAL_S
        return 0.0 if stirs or not waiting.issuperset(self._at_server.values()) else WAITING_INTERVAL_S - INTERVAL_S

    async def look(self) -> None:
        """Look once, at one moment for all tables, and tell what differs from the last look."""
        await self._place.still_ours()
        async with self._engine.connect() as connection:
            await self._look_at_locks(connection)
            if self._place.foreign:  # A look could stand in the way of what they are there for.
                self._tell_problem("The run has tables of its own here.")
            else:
                await self._look_at_tables(connection)

    async def close(self) -> None:
        """Give the connection back."""
        await self._engine.dispose()

    async def _look_at_locks(self, connection: AsyncConnection) -> None:
        if not self._sessions:
            seen = LocksSampled(waits=())
        else:
            waits, held = await self._server.locks(connection, self._sessions, self._schema)
            seen = LocksSampled(waits=waits, held=held)
        if _edges(seen) != _edges(self._locks):
            self._locks = seen
            self._tell(seen)

    async def _look_at_tables(self, connection: AsyncConnection) -> None:
        """All of them, or none: what can be read beside a table that cannot be is not told as if all were well."""
        changed: dict[str, TableSampled] = {}
        try:
            for table in self._lab.metadata.sorted_tables:
                seen = await tables.sample(self._server, connection, table, self._tables.get(table.name))
                if seen is not None:
                    changed[table.name] = seen
            sampled = [await self._measured(connection, invariant) for invariant in self._lab.invariants]
        except DBAPIError as error:
            if self._server.lost(error):
                raise
            self._tables = changed | self._tables
            self._tell_problem(self._server.message(error))
            return
        self._tables |= changed
        for table_seen in changed.values():
            self._tell(table_seen)
        for one in sampled:
            if self._invariants.get(one.claim) != one:
                self._invariants[one.claim] = one
                self._tell(one)

    async def _measured(self, connection: AsyncConnection, invariant: Invariant) -> InvariantSampled:
        holds, evidence = await ask(connection, invariant)
        return InvariantSampled(claim=invariant.claim, holds=holds, evidence=evidence)

    def _tell(self, event: Event) -> None:
        self._stirred = time.monotonic()
        self._emit(event)

    def _tell_problem(self, problem: str) -> None:
        """What was seen last is not what is there now: a table is locked against readers, or is gone."""
        for name, sample in self._tables.items():
            if sample.problem != problem:
                self._tables[name] = told = msgspec.structs.replace(sample, problem=problem, changed=())
                self._tell(told)


def _edges(sample: LocksSampled) -> tuple[object, object]:
    """What makes two looks at the locks differ: not that a wait has grown older."""
    return {(wait.waiter, wait.blocker, wait.mode, wait.object) for wait in sample.waits}, sample.held
