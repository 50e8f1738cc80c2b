"""What a server says of itself, and what it can do."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Executable, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.workbench.engines.engine import Probe
from labs.workbench.engines.mariadb.statements import statement
from labs.workbench.errors import EngineError

OLDEST = {"MariaDB": (10, 6), "MySQL": (8, 0)}
"""Ten six brought SKIP LOCKED, after ten five INSERT … RETURNING; eight SKIP LOCKED and window functions."""

WAITS, LOCKS, METADATA, CREATE = "wait-for graph", "lock details", "metadata locks", "create schema"
NODES = "waits between nodes"

STATUS = text("SHOW ENGINE INNODB STATUS")

VARIABLES = text(
    "SHOW VARIABLES WHERE variable_name IN ('version', 'tx_isolation', 'transaction_isolation', "
    "'innodb_snapshot_isolation', 'wsrep_on')"
)

METADATA_ON = text("SELECT enabled FROM performance_schema.setup_instruments WHERE name = 'wait/lock/metadata/sql/mdl'")


async def probe(connection: AsyncConnection) -> Probe:
    """Ask for all of it.

    Raises:
        EngineError: the server is too old.
    """
    variables = {name.lower(): value for name, value in await connection.execute(VARIABLES)}
    kind, version = named(variables["version"])
    check_version(kind, version)
    capabilities = {
        WAITS: bool(await _answer(connection, STATUS)),
        LOCKS: await _answer(connection, statement("lock_waits")) is not None,
        METADATA: await _answer(connection, METADATA_ON) == ["YES"],
        CREATE: await _answer(connection, statement("may_create").bindparams(schema="ninelabs_")) == [1],
    }
    if variables.get("wsrep_on") == "ON":
        capabilities[NODES] = False  # Nodes do not wait for each other: one of two conflicting commits is refused.
    return Probe(
        server_version=f"{kind} {version}",
        isolation_default=isolation_default(variables),
        capabilities=capabilities,
    )


def named(version: str) -> tuple[str, str]:
    """Kind and version, from what VERSION() says, such as ``10.11.19-MariaDB-0+deb12u1`` or ``8.0.11-TiDB-v7.5.1``."""
    if found := re.search(r"TiDB-v?([\d.]+)", version):
        return "TiDB", found[1]
    kind = "MariaDB" if "MariaDB" in version else "MySQL"
    return kind, re.split(r"[^\d.]", version, maxsplit=1)[0]


def check_version(kind: str, version: str) -> None:
    """Refuse a server older than the labs can stand on."""
    oldest = OLDEST.get(kind, ())
    if tuple(int(part) for part in version.split(".")[:2] if part) < oldest:
        needed = ".".join(map(str, oldest))
        raise EngineError(
            "This server is too old",
            f"It is {kind} {version}; the labs need {needed} or newer.",
            "Use a newer server, or leave --url out.",
        )


def isolation_default(variables: dict[str, str]) -> str:
    """The default level in words, with what InnoDB's own switch makes of it where there is one."""
    level = variables.get("transaction_isolation") or variables.get("tx_isolation", "")
    words = level.replace("-", " ").lower()
    snapshot = variables.get("innodb_snapshot_isolation")
    return f"{words}, snapshot {snapshot.lower()}" if snapshot else words


async def _answer(connection: AsyncConnection, query: Executable) -> list[Any] | None:
    """The first column of what the server answers; none when it refuses to."""
    try:
        return [row[0] for row in await connection.execute(query)]
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return None
