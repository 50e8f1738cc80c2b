"""What the workbench asks of a database engine. A further engine is a further folder beside `postgres`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sqlalchemy import URL, Select, Table, delete
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm.exc import StaleDataError

from labs.stream.events import LockHeld, LockWait
from labs.workbench.engines.scripts import Heard, ScriptConnection
from labs.workbench.errors import LabError


@dataclass(frozen=True, slots=True)
class Probe:
    """What a server said of itself."""

    server_version: str
    isolation_default: str
    capabilities: Mapping[str, bool] = field(default_factory=dict)
    """What it can do, asked of the server, not concluded from its name."""


NO_WAIT: Mapping[str, Any] = {"pool_timeout": 0}
"""For a pool of one connection whose second user is to be refused at once: the first may be waiting for it."""


@dataclass(frozen=True, slots=True)
class Scheduled:
    """What a session that a scheduler holds asks for on top."""

    deadlock_s: float
    """How long a wait lasts before the server looks for a circle, where it waits with that and lets us say so."""
    durable: bool = True
    """Whether a commit must survive a crash of the server."""


class ConnectingError(Exception):
    """A connection could not be made; its cause is what the driver or the system said.

    A class of its own, so that a lab's own `OSError` is not taken for a lost server.
    """


class Engine(ABC):
    """One server, and the SQL of its kind that the workbench itself needs."""

    name: ClassVar[str]
    schemes: ClassVar[frozenset[str]]
    """How URLs of its kind may begin, without the driver."""
    levels: tuple[str, ...]
    """The isolation levels that differ on this server, weakest first, in words; complete once it is probed."""
    transient_sqlstates: ClassVar[frozenset[str]]
    """Refusals that a fresh attempt of the whole transaction may well get past."""
    deadlock_code: ClassVar[str]
    """What the victim of a deadlock is told, as `sqlstate` gives it."""
    commit_sql: ClassVar[str]
    rollback_sql: ClassVar[str]
    """What the driver sends to end a transaction."""
    ddl_commits: ClassVar[bool]
    """Whether a change of the schema ends the transaction, and cannot be rolled back."""
    driver_errors: ClassVar[tuple[type[Exception], ...]] = (DBAPIError, ConnectingError)
    """What comes from a server, or from the way to it."""

    def __init__(self, url: URL) -> None:
        self.url = url

    @classmethod
    @abstractmethod
    def driver_url(cls, url: URL) -> URL:
        """A URL as people write it, with the driver that the labs use; raises `LabError` for options unknown."""

    def accepts(self, level: str) -> bool:
        """Whether sessions can be had at that isolation level."""
        return level in self.levels

    @abstractmethod
    def create(
        self,
        *,
        application: str,
        schema: str | None = None,
        isolation: str | None = None,
        patience_s: float | None = None,
        scheduled: Scheduled | None = None,
        connections: int = 1,
    ) -> AsyncEngine:
        """A SQLAlchemy engine with a pool of its own, at the isolation level given or else the server's.

        Args:
            application: the name under which the server's views show it.
            schema: where names without a schema are looked for.
            isolation: a level's name in words (``read committed``), or ``autocommit``.
            patience_s: how long a statement may wait for a lock; by default as long as the server lets it.
            scheduled: for a session under a scheduler; a second connection is then refused, not waited for.
            connections: how many the pool has.

        Its connections raise `ConnectingError` when they cannot be made.
        """

    @abstractmethod
    async def probe(self, connection: AsyncConnection) -> Probe:
        """Ask the server who it is; raises `EngineError` for one that the labs cannot stand on."""

    @abstractmethod
    def begin_sql(self, isolation: str | None) -> str:
        """The statement with which the driver opens a transaction at that level; empty when it sends none."""

    @abstractmethod
    def grant(self) -> str:
        """The statement with which its owner gives this user what the labs need."""

    @abstractmethod
    def backend_pid(self, dbapi_connection: Any) -> int:
        """How the server names that connection in its views."""

    @abstractmethod
    async def blockers(self, connection: AsyncConnection, pids: Sequence[int]) -> dict[int, tuple[int, ...]]:
        """Of the backends given, those that wait for a lock, each with the backends that it waits for.

        With no backends where the server tells that one waits, but not, or not yet, for whom.
        """

    async def waiting_among(self, connection: AsyncConnection, pids: Sequence[int]) -> dict[int, tuple[int, ...]]:
        """Of the backends given, those that wait for another of them, each with all that it waits for."""
        waiting = await self.blockers(connection, pids)
        return {pid: blocking for pid, blocking in waiting.items() if not blocking or set(blocking) & set(pids)}

    @abstractmethod
    async def scripts(self, *, application: str, schema: str, heard: Heard) -> ScriptConnection:
        """A connection for scripts, with names looked for in that schema; raises `ConnectingError`."""

    def has_looked(self, pid: int) -> bool:
        """Whether the server has looked for a circle behind the wait of that backend, as far as it can be known."""
        return True

    @abstractmethod
    async def locks(
        self, connection: AsyncConnection, sessions: Mapping[int, str], schema: str
    ) -> tuple[tuple[LockWait, ...], tuple[LockHeld, ...]]:
        """Who waits for whom, and what the sessions (by backend pid) hold in that schema."""

    @abstractmethod
    async def cancel(self, connection: AsyncConnection, pids: Sequence[int]) -> None:
        """Cancel what those backends run now; their connections live on."""

    @abstractmethod
    async def claim(self, connection: AsyncConnection, schema: str) -> str | None:
        """Take the lock that makes the schema ours for as long as the connection lives.

        Returns:
            None when it is ours; otherwise who has it, in words.
        """

    @abstractmethod
    async def recreate_schema(self, connection: AsyncConnection, schema: str) -> None:
        """Drop the schema with all that is in it, if it is there, and create it empty."""

    async def empty(self, connection: AsyncConnection, tables: Sequence[Table]) -> None:
        """Delete every row of the tables, which are given with those that refer to others last."""
        for table in reversed(tables):
            await connection.execute(delete(table))

    @abstractmethod
    async def estimated_rows(self, connection: AsyncConnection, table: Table) -> int:
        """About how many rows a table has, by the server's statistics, without counting them."""

    @abstractmethod
    async def table_digest(self, connection: AsyncConnection, rows: Select[*tuple[Any, ...]]) -> tuple[int, str]:
        """How many rows a query yields, and a checksum of them that does not depend on their order."""

    @abstractmethod
    async def schema_digest(self, connection: AsyncConnection, schema: str) -> str:
        """A checksum of columns, constraints, indexes and triggers, without the schema's own name."""

    @abstractmethod
    def sqlstate(self, error: DBAPIError) -> str | None:
        """The server's own code for an error, where it gave one: SQLSTATE, or the number of MariaDB and MySQL."""

    @abstractmethod
    def ends_transaction(self, error: DBAPIError) -> bool:
        """Whether after this refusal nothing is left of the transaction but to roll it back."""

    @abstractmethod
    def message(self, error: DBAPIError) -> str:
        """The server's words for an error."""

    @abstractmethod
    def lost(self, error: Exception) -> bool:
        """Whether the error means that the connection, or the whole server, is gone."""

    @abstractmethod
    def explain(self, error: Exception) -> LabError:
        """An error of the driver, on the way to the server or from it, as the person should meet it."""

    def transient(self, error: BaseException) -> bool:
        """Whether a fresh attempt of the whole transaction may succeed, as where SQLAlchemy found a row stale."""
        refused = isinstance(error, DBAPIError) and self.sqlstate(error) in self.transient_sqlstates
        return refused or isinstance(error, StaleDataError)
