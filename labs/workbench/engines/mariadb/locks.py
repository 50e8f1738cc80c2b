"""Who waits for whom on a MariaDB server, put together from the sources that it lets us read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.stream.events import LockHeld, LockWait
from labs.workbench.engines.mariadb import innodb, metadata, probing
from labs.workbench.engines.mariadb.innodb import Lock, Transaction
from labs.workbench.engines.mariadb.metadata import MetadataLock
from labs.workbench.engines.mariadb.statements import statement
from labs.workbench.engines.mariadb.views import LockViews

NOBODY_NAMED = "unknown"
"""For a wait of which the server does not say for whom."""

KEY_CHARACTERS = 60
"""Of a key, how much is shown."""

PROCESSES = text("SHOW PROCESSLIST")

_STOPPED = re.compile(r"Waiting for .* lock|User lock")
"""The states of threads that wait for a lock that InnoDB knows nothing of."""

_IDENTIFIER = re.compile(r"`((?:[^`]|``)+)`")

InnodbWait = tuple[Transaction, Lock, tuple[int, ...]]
"""Who waits, for which lock, and the connections that it waits for."""


@dataclass(slots=True)
class LockWatch:
    """Looks at a server's locks through what it lets us read; by default, through everything.

    Args:
        status: InnoDB's status report, which knows at once who waits.
        views: InnoDB's lock views, which are slow, but know keys, and who is waited for where the report does not.
        metadata: the performance schema's metadata locks.
    """

    status: bool = True
    views: bool = True
    metadata: bool = True
    _views: LockViews = field(default_factory=LockViews)

    @classmethod
    def able(cls, capabilities: Mapping[str, bool]) -> Self:
        """One for a server that can do so much."""
        return cls(
            status=capabilities[probing.WAITS],
            views=capabilities[probing.LOCKS],
            metadata=capabilities[probing.METADATA],
        )

    async def blockers(self, connection: AsyncConnection, pids: Sequence[int]) -> dict[int, tuple[int, ...]]:
        """Of the connections given, those that wait, each with those that it waits for, as far as the server says."""
        waiting = {
            transaction.connection: who
            for transaction, _, who in await self._innodb_waits(connection, await self._transactions(connection), pids)
        }
        # As the lock pane does it, each look would need a temporary table; asked a thousand times a minute, it has
        # brought a server down (10.11.19, in `ha_maria::drop_table`).
        processes = await connection.execute(PROCESSES)
        stopped = [row.Id for row in processes if row.Id in pids and _STOPPED.fullmatch(row.State or "")]
        if stopped:
            named = {lock.connection: who for lock, who in metadata.blockers(await self._metadata(connection)).items()}
            # Who asks for what nobody has any more was let in, and has not come round to saying so.
            waiting |= {pid: named.get(pid, ()) for pid in stopped if named.get(pid) != ()}
        return waiting

    async def locks(
        self, connection: AsyncConnection, sessions: Mapping[int, str], schema: str
    ) -> tuple[tuple[LockWait, ...], tuple[LockHeld, ...]]:
        """Who waits for whom, where one of the two is a session, and what the sessions hold in the schema."""
        transactions = await self._transactions(connection)
        if self.views and any(transaction.waiting for transaction in transactions):
            await self._views.read(connection)
        records = await self._innodb_waits(connection, transactions)
        stopped = await self._stopped(connection)
        definitions = await self._metadata(connection)
        waits = [
            *self._record_waits(records, sessions),
            *_definition_waits(definitions, stopped, sessions),
        ]
        held = [
            *(
                LockHeld(session=sessions[transaction.connection], mode=lock.described, object=_on(lock))
                for transaction in transactions
                if transaction.connection in sessions
                for lock in transaction.held
                if _names(lock.table)[0] == schema
            ),
            *(
                LockHeld(session=sessions[lock.connection], mode=lock.mode, object=_definition(lock))
                for lock in definitions
                if lock.connection in sessions and lock.schema == schema and not lock.pending
            ),
        ]
        return tuple(waits), tuple(sorted(dict.fromkeys(held), key=lambda lock: (lock.session, lock.object, lock.mode)))

    async def _transactions(self, connection: AsyncConnection) -> tuple[Transaction, ...]:
        if not self.status:
            return ()
        row = (await connection.execute(probing.STATUS)).one()
        return innodb.transactions(row[2])

    async def _innodb_waits(
        self, connection: AsyncConnection, transactions: Sequence[Transaction], pids: Collection[int] | None = None
    ) -> list[InnodbWait]:
        """The waits in InnoDB, of the connections given or of all."""
        named = innodb.blockers(transactions)
        waits: list[InnodbWait] = []
        for waiter in transactions:
            if waiter.waiting and (pids is None or waiter.connection in pids):
                who = named[waiter.connection] or await self._named_by_views(connection, waiter, transactions)
                waits.append((waiter, waiter.waiting, who))
        return waits

    async def _named_by_views(
        self, connection: AsyncConnection, waiter: Transaction, transactions: Iterable[Transaction]
    ) -> tuple[int, ...]:
        """The report names only some of the locks that a transaction holds; the views name all that are in the way.

        But by transaction, and one that has only read under shared locks has no id.
        """
        if not self.views:
            return ()
        await self._views.read(connection)
        blocking = self._views.blockers.get(waiter.id, ())
        return tuple(other.connection for other in transactions if other.id in blocking)

    async def _stopped(self, connection: AsyncConnection) -> dict[int, float]:
        """Who waits for a lock that is not InnoDB's, and for how many milliseconds."""
        return {row.connection: float(row.milliseconds) for row in await connection.execute(statement("waiting"))}

    async def _metadata(self, connection: AsyncConnection) -> tuple[MetadataLock, ...]:
        if not self.metadata:
            return ()
        return tuple(
            MetadataLock(row.connection, row.kind, row.schema_name, row.object_name, row.mode, row.status == "PENDING")
            for row in await connection.execute(statement("metadata_locks"))
        )

    def _record_waits(self, waits: Iterable[InnodbWait], sessions: Mapping[int, str]) -> Iterator[LockWait]:
        for waiter, lock, who in waits:
            where = _on(lock, self._views.keys.get(waiter.id, ""))
            yield from _edges(sessions, waiter.connection, who, lock.described, where, waiter.waited_ms)


def _definition_waits(
    locks: Sequence[MetadataLock], stopped: Mapping[int, float], sessions: Mapping[int, str]
) -> Iterator[LockWait]:
    known = {lock.connection: (lock, who) for lock, who in metadata.blockers(locks).items()}
    for pid, milliseconds in stopped.items():
        if pid in known:
            lock, who = known[pid]
            yield from _edges(sessions, pid, who, lock.mode, _definition(lock), milliseconds)
        else:
            yield from _edges(sessions, pid, (), "metadata", "a definition or a named lock", milliseconds)


def _edges(
    sessions: Mapping[int, str], waiter: int, who: Sequence[int], mode: str, where: str, milliseconds: float
) -> Iterator[LockWait]:
    """An edge to each who is waited for, where one of the two is a session."""
    if waiter in sessions or any(pid in sessions for pid in who):
        for blocker in [sessions.get(pid, f"pid {pid}") for pid in who] or [NOBODY_NAMED]:
            name = sessions.get(waiter, f"pid {waiter}")
            yield LockWait(waiter=name, blocker=blocker, mode=mode, object=where, milliseconds=milliseconds)


def _on(lock: Lock, key: str = "") -> str:
    """What a lock of InnoDB's is on, in words."""
    table = _names(lock.table)[-1]
    if not lock.index:
        return f"table {table}"
    many = len(lock.records)
    rows = f"row {key[:KEY_CHARACTERS]}" if key else f"{many} row{'s' * (many != 1)}"
    return f"{rows} of {table}" + (f", index {lock.index}" if lock.index != "PRIMARY" else "")


def _definition(lock: MetadataLock) -> str:
    """What a metadata lock is on, in words."""
    name = lock.name or lock.schema or ""
    return f"definition of {name}" if lock.kind == "TABLE" else f"{lock.kind.lower()} {name}".rstrip()


def _names(table: str) -> tuple[str, ...]:
    """Schema and table, of a table as InnoDB writes it."""
    return tuple(name.replace("``", "`") for name in _IDENTIFIER.findall(table)[:2]) or (table,)
