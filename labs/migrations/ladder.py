"""The revisions in order, and the way up and down between them, through Alembic itself.

There is no ``env.py``: it would find a connection and hand it to Alembic, and here both are at hand.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path
from time import monotonic
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_random_exponential

from labs.workbench.engines.engine import Engine
from labs.workbench.sessions import SessionMaker

FOLDER = Path(__file__).parent / "revisions"

BASE = "base"
"""Before the first revision."""

LOCK_NOT_AVAILABLE = frozenset({"55P03", "1205"})
"""A statement has waited for a lock for as long as it was to wait."""

FIRST_BACKOFF_S = 0.05
LONGEST_BACKOFF_S = 2.0

PATIENCE_S = 600.0
"""How long a lock is tried for: an autovacuum of ten million rows that cannot be cancelled takes minutes."""

HURRY = text(
    "SELECT set_config('deadlock_timeout', :soon, true) WHERE has_parameter_privilege('deadlock_timeout', 'SET')"
)
"""An autovacuum that stands in the way of a lock is cancelled when the waiter looks for a deadlock, so after
``deadlock_timeout``, a second: later than our `lock_timeout` gives up. Looking sooner takes a right of its own. A tenth
of `lock_timeout` is soon enough, as everybody who comes meanwhile waits behind."""

HURRIES = (15,)
"""The first PostgreSQL that can be asked for that right."""


class _Context(MigrationContext):
    """Takes its table for granted, as the lab builds it: otherwise it looks for it before each step, in the lanes."""

    def _has_version_table(self) -> bool:
        return True

    def _ensure_version_table(self, purge: bool = False) -> None:
        """It is there."""


@cache
def _script() -> ScriptDirectory:
    return ScriptDirectory(FOLDER, version_locations=[FOLDER])


@cache
def order() -> tuple[str, ...]:
    """The revisions from the first to the last."""
    return tuple(reversed([script.revision for script in _script().walk_revisions()]))


def below(revision: str) -> str:
    """The revision before that one, or `BASE`."""
    place = order().index(revision)
    return order()[place - 1] if place else BASE


def above(revision: str) -> str:
    """The revision after that one, or after `BASE`."""
    names = (BASE, *order())
    return names[names.index(revision) + 1]


def about(revision: str) -> str:
    """The first line of what a revision says of itself."""
    return _script().get_revision(revision).doc


def go(connection: Connection, revision: str, written: StringIO | None = None) -> None:
    """Upgrade or downgrade to that revision in the connection's transaction, or only write the SQL of one step up."""

    def steps(current: Any, _context: MigrationContext) -> Any:
        at = (current[-1] if isinstance(current, tuple) else current) if current else BASE
        names = (BASE, *order())
        if names.index(revision) >= names.index(at):
            return _script()._upgrade_revs(revision, current)
        return _script()._downgrade_revs(revision, current)

    options: dict[str, Any] = {"fn": steps, "script": _script()}
    if written is not None:
        options |= {"as_sql": True, "output_buffer": written, "starting_rev": below(revision)}
    context = _Context(connection.dialect, connection, options)
    with Operations.context(context):
        context.run_migrations()


def undo(connection: Connection, revision: str) -> None:
    """Take back what a revision has left that was broken off: its downgrade, whatever the version says.

    Only for a server on which each statement commits; there a downgrade may be run whether its upgrade was or not.
    """
    context = _Context(connection.dialect, connection, {})
    with Operations.context(context):
        _script().get_revision(revision).module.downgrade()


def current(connection: Connection) -> str:
    """The revision at which the schema stands."""
    return _Context(connection.dialect, connection, {}).get_current_revision() or BASE


def sql(connection: Connection, revision: str) -> tuple[str, ...]:
    """What the step up to that revision would send to this kind of server, without Alembic's own bookkeeping."""
    written = StringIO()
    go(connection, revision, written)
    statements = (part.strip() for part in written.getvalue().split(";\n\n"))
    return tuple(
        "\n".join(line for line in statement.splitlines() if not line.startswith("-- Running")).strip()
        for statement in statements
        if "alembic_version" not in statement and statement
    )


def lock_timeout(dialect: str, milliseconds: int) -> str:
    """The statement that limits how long the next ones wait for a lock. MariaDB counts in whole seconds."""
    if dialect == "postgresql":
        return f"SET LOCAL lock_timeout = '{milliseconds}ms'"
    return f"SET SESSION lock_wait_timeout = {math.ceil(milliseconds / 1000)}"


@dataclass(frozen=True, slots=True)
class Step:
    """One revision that was gone to."""

    revision: str
    attempts: int
    """How often its statements were sent, the last time with success."""
    milliseconds: float
    """Of the last attempt."""


@dataclass(frozen=True, slots=True)
class Climber:
    """Goes from revision to revision on a session of its own; waits for a lock briefly, and often instead of long.

    While a statement waits for a table, everybody who comes after it waits behind it, readers too. So it gives up
    after ``lock_timeout_ms``, lets them pass, and comes back after a back-off. It also does where it is the victim of a
    deadlock: who has read the table in a transaction, and then writes to it, can wait for a step that waits for him.
    """

    server: Engine
    sessions: SessionMaker
    lock_timeout_ms: int | None = 100
    """None to wait for as long as the server lets it."""
    patience_s: float = PATIENCE_S
    told: Callable[[int], None] = lambda _: None
    """Called with the number of each attempt that gave up."""

    async def go(self, revision: str) -> Step:
        """One transaction; raises what the server says when patience is at its end, and anything but a timeout."""
        retrying = AsyncRetrying(
            retry=retry_if_exception(self._gave_up),
            wait=wait_random_exponential(multiplier=FIRST_BACKOFF_S, max=LONGEST_BACKOFF_S),
            stop=stop_after_delay(self.patience_s),
            after=lambda state: self.told(state.attempt_number),
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                began = monotonic()
                async with self.sessions.begin() as session:
                    connection = await session.connection()
                    await self._limit(connection)
                    await connection.run_sync(go, revision)
        milliseconds = (monotonic() - began) * 1000
        return Step(revision, int(retrying.statistics["attempt_number"]), milliseconds)

    async def _limit(self, connection: AsyncConnection) -> None:
        if self.lock_timeout_ms is None:
            return
        await connection.exec_driver_sql(lock_timeout(connection.dialect.name, self.lock_timeout_ms))
        if connection.dialect.name == "postgresql" and (connection.dialect.server_version_info or ()) >= HURRIES:
            await connection.execute(HURRY, {"soon": f"{self.lock_timeout_ms // 10}ms"})

    def _gave_up(self, error: BaseException) -> bool:
        return isinstance(error, DBAPIError) and (
            self.server.sqlstate(error) in LOCK_NOT_AVAILABLE or self.server.transient(error)
        )
