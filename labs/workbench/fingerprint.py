"""What a lab's data and schema amount to, so that a rollback can be proved and a reset compared."""

from __future__ import annotations

import hashlib

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.workbench.engines.engine import Engine
from labs.workbench.lab import Lab

FORMAT = 1
"""Raised whenever the same data and schema come to another fingerprint than before."""


class Fingerprint(msgspec.Struct, frozen=True):
    """Counts and checksums at one moment."""

    tables: dict[str, tuple[int, str]]
    """By name: rows, and a checksum of them in any order."""
    schema: str

    def differences(self, now: Fingerprint) -> tuple[str, ...]:
        """What is different now, a sentence each; empty when all is as it was."""
        found = []
        for name, (rows, checksum) in self.tables.items():
            rows_now, checksum_now = now.tables[name]
            if rows_now != rows:
                found.append(f"{name}: {rows} rows before, {rows_now} now.")
            elif checksum_now != checksum:
                found.append(f"{name}: as many rows as before ({rows}), but with other contents.")
        if now.schema != self.schema:
            found.append("The schema itself is not what it was.")
        return tuple(found)

    @property
    def digest(self) -> str:
        """All of it in sixteen hexadecimal digits."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()[:16]


async def take(engine: Engine, connection: AsyncConnection, lab: Lab, schema: str) -> Fingerprint:
    """The fingerprint of a lab as the connection's transaction sees it."""
    return Fingerprint(
        tables={name: await engine.table_digest(connection, rows) for name, rows in lab.state().items()},
        schema=await engine.schema_digest(connection, schema),
    )
