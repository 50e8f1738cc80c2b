"""A lab's own place on a server: one schema, claimed for one session, built from the seed, and brought back."""

from __future__ import annotations

import getpass
import hashlib
import os
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from sqlalchemy import Connection, inspect, select
from sqlalchemy.engine.mock import MockConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.schema import CreateTable, ExecutableDDLElement

from labs.stream.events import LabReset, RolledBack
from labs.workbench import fingerprint, journal
from labs.workbench.engines.engine import Engine, Probe
from labs.workbench.errors import EngineError, LabError
from labs.workbench.lab import SEED, Lab

LOCK_PATIENCE_S = 5.0
"""How long the upkeep of a schema waits for somebody else's lock, before it says so."""


def schema_name(lab: str) -> str:
    """The only schema that a lab may touch."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # A user id without a name, as containers have them.
        name = f"uid{os.getuid()}"
    user = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "user"
    return f"ninelabs_{user[:30]}_{lab}"


async def probed(server: Engine, application: str) -> Probe:
    """What the server says of itself, on a connection of its own; raises `EngineError` and drivers' errors."""
    engine = server.create(application=application)
    try:
        async with engine.connect() as connection:
            return await server.probe(connection)
    finally:
        await engine.dispose()


TAKEN_BACK = "The compensation was taken back, because it did not bring the data back."
TAKEN_BACK_BUT_DDL = (
    "The compensation did not bring the data back. What could be was taken back: changes of the schema, and of the "
    "rows before them, cannot, since on this server each change of the schema commits."
)


class _UncleanRollbackError(Exception):
    """Takes back a compensation that did not bring the fingerprint back."""


class Place:
    """A lab's schema on one server, for as long as it is open."""

    def __init__(self, server: Engine, lab: Lab, seed: int = SEED) -> None:
        self.server = server
        self.lab = lab
        self.schema = schema_name(lab.slug)
        self.application = f"ninelabs/{lab.slug}"
        self._seed = seed
        self._engines: list[AsyncEngine] = []
        self.foreign = False
        """Whether the tables are now those of a run, not the lab's."""
        self._claimed: AsyncConnection | None = None

    async def open(self, *, rebuild: bool = False) -> Probe:
        """Probe the server, claim the schema, and build it unless it stands as today's code would build it.

        Args:
            rebuild: whether tables that this lab would not have built may be dropped.

        Raises:
            EngineError: the server will not do, or another session has the lab.
            LabError: the schema has tables that this lab would not have built.
        """
        probe = await probed(self.server, self.application)
        # Only a probed server makes connections that notice when their client is gone.
        self.control = self._engine(application=f"{self.application}/control", isolation="autocommit")
        self._work = self._engine(
            application=f"{self.application}/work", schema=self.schema, patience_s=LOCK_PATIENCE_S
        )
        self._claimed = await self._engine(application=self.application, isolation="autocommit").connect()
        holder = await self.server.claim(self._claimed, self.schema)
        if holder is not None:
            raise EngineError(
                f"The {self.lab.slug} lab is in use",
                f"On this server {holder} has it, and two sessions would undo each other's work.",
                "Close that session first, or look at another lab.",
            )
        async with self._work.begin() as connection:
            if rebuild or not await self._stands(connection):
                await self._build(connection)
        return probe

    def ddl(self) -> tuple[str, ...]:
        """The statements that build the lab's tables on this server, in order; to be asked of an open place."""
        statements: list[str] = []

        def write(statement: ExecutableDDLElement, *_: object, **__: object) -> None:
            statements.append(str(statement.compile(dialect=dialect)).strip())

        dialect = self._work.dialect
        self.lab.metadata.create_all(MockConnection(dialect, write), checkfirst=False)
        return tuple(statements)

    async def still_ours(self) -> None:
        """Make sure that the claim stands: it does for as long as its connection; raises a driver's error."""
        if self._claimed is not None:
            await self._claimed.execute(select(1))

    async def close(self) -> None:
        """Give up the claim and all connections, each also when the server is gone from the others."""
        async with AsyncExitStack() as stack:
            for engine in self._engines:
                stack.push_async_callback(engine.dispose)
            if self._claimed is not None:
                stack.push_async_callback(self._claimed.close)

    async def begin(self, experiment: str) -> None:
        """Write down what must be there again after the experiment's rollback."""
        async with self._work.begin() as connection:
            before = await fingerprint.take(self.server, connection, self.lab, self.schema)
            await journal.begin(connection, experiment, await self.lab.watermark(connection), before)

    async def undoable(self) -> str:
        """The experiment that a rollback would undo; empty when there is none."""
        async with self._work.connect() as connection:
            entry = await journal.latest(connection)
        return entry.experiment if entry is not None else ""

    async def roll_back(self) -> RolledBack | None:
        """Undo the latest experiment by compensation, and prove it; when that fails, take back what can be.

        Returns:
            None when there is nothing to undo.
        """
        async with self._work.connect() as connection:
            entry = await journal.latest(connection)
        if entry is None:
            return None
        how: tuple[str, ...] = ()
        differences: tuple[str, ...] = ()
        try:
            async with self._work.begin() as connection:
                how = tuple(await self.lab.compensate(connection, entry.watermark))
                now = await fingerprint.take(self.server, connection, self.lab, self.schema)
                differences = entry.before.differences(now)
                if differences:
                    raise _UncleanRollbackError
                await journal.undone(connection, entry)
        except _UncleanRollbackError:
            how = (TAKEN_BACK_BUT_DDL if self.server.ddl_commits else TAKEN_BACK,)
        return RolledBack(
            experiment=entry.experiment,
            clean=not differences,
            how=how,
            differences=differences,
            undoable=await self.undoable(),
        )

    async def reset(self) -> LabReset:
        """Drop the schema and build it again from the seed."""
        async with self._work.begin() as connection:
            built = await self._build(connection)
        return LabReset(seed=self._seed, fingerprint=built.digest)

    @asynccontextmanager
    async def taken_over(self) -> AsyncIterator[None]:
        """The schema, empty but for the journal, for a run that brings tables of its own.

        Afterwards the schema is built from the seed. What could not be built then, as after a crash, is built when
        the lab is next opened: the journal tells.
        """
        async with self._work.begin() as connection:
            entry = await journal.latest(connection)
            before = await fingerprint.take(self.server, connection, self.lab, self.schema)
            await self.server.recreate_schema(connection, self.schema)
            await connection.run_sync(journal.metadata.create_all)
            await journal.begin(connection, journal.TAKEN_OVER, 0, before)
        self.foreign = True
        try:
            yield
        finally:
            async with self._work.begin() as connection:
                await self._build(connection)
                if entry is not None:
                    watermark = await self.lab.watermark(connection)
                    await journal.begin(connection, entry.experiment, watermark, entry.before)
            self.foreign = False

    async def restore(self, connection: AsyncConnection) -> None:
        """Bring the rows back to the seed without rebuilding the schema; ends the connection's transaction."""
        await connection.rollback()
        await self.server.empty(connection, self.lab.metadata.sorted_tables)
        await self.lab.seed(connection, self._seed)
        await connection.commit()

    def _engine(self, **settings: Any) -> AsyncEngine:
        engine = self.server.create(**settings)
        self._engines.append(engine)
        return engine

    async def _stands(self, connection: AsyncConnection) -> bool:
        def present(sync: Connection) -> set[str]:
            # Without the schema's name: only what the role can see, for the refusal of the rest says more.
            found = inspect(sync)
            return set(found.get_table_names()) if self.schema in found.get_schema_names() else set()

        tables = await connection.run_sync(present)
        if not tables:
            return False
        if journal.table.name in tables:
            if await journal.taken_over(connection):
                return False
            built = await journal.definition(connection)
            ours = {table.name for table in (*self.lab.metadata.sorted_tables, journal.table)}
            if built is None and tables <= ours:
                return False  # The journal comes first, its entry last: a build was broken off, where DDL commits.
            if built == self._definition(connection):
                return True
        raise LabError(
            f"The schema {self.schema} is not as this version of the lab builds it",
            f"It has {', '.join(sorted(tables))}, of another version or made by somebody else.",
            f"`ninelabs reset {self.lab.slug}` drops it, with everything in it, and builds it anew.",
        )

    async def _build(self, connection: AsyncConnection) -> fingerprint.Fingerprint:
        await self.server.recreate_schema(connection, self.schema)
        for metadata in (journal.metadata, self.lab.metadata):
            await connection.run_sync(metadata.create_all)
        await self.lab.seed(connection, self._seed)
        built = await fingerprint.take(self.server, connection, self.lab, self.schema)
        await journal.begin(connection, journal.BUILT, 0, built, self._definition(connection))
        return built

    def _definition(self, connection: AsyncConnection) -> str:
        tables = [*self.lab.metadata.sorted_tables, journal.table]
        ddl = [str(CreateTable(table).compile(dialect=connection.dialect)) for table in tables]
        return hashlib.sha256(
            "\n".join([*ddl, f"seed {self._seed}", f"fingerprint {fingerprint.FORMAT}"]).encode()
        ).hexdigest()
