"""Metadata locks: what keeps a table's definition as it is while a transaction uses it. InnoDB knows nothing of them.

Who waits, the process list tells on every server; who is waited for, only the performance schema. The two matrices
are those of MariaDB's ``sql/mdl.cc``: a request waits for locks granted and for requests that go before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_TYPES = {
    "S": "SHARED",
    "SH": "SHARED_HIGH_PRIO",
    "SR": "SHARED_READ",
    "SW": "SHARED_WRITE",
    "SU": "SHARED_UPGRADABLE",
    "SRO": "SHARED_READ_ONLY",
    "SNW": "SHARED_NO_WRITE",
    "SNRW": "SHARED_NO_READ_WRITE",
    "IX": "INTENTION_EXCLUSIVE",
    "X": "EXCLUSIVE",
}


def _matrix(rows: dict[str, str]) -> dict[str, frozenset[str]]:
    return {_TYPES[wanted]: frozenset(_TYPES[name] for name in names.split()) for wanted, names in rows.items()}


_OBJECT_GRANTED = _matrix(
    {
        "S": "X",
        "SH": "X",
        "SR": "SNRW X",
        "SW": "SRO SNW SNRW X",
        "SU": "SU SNW SNRW X",
        "SRO": "SW SNRW X",
        "SNW": "SW SU SNW SNRW X",
        "SNRW": "SR SW SU SRO SNW SNRW X",
        "X": "S SH SR SW SU SRO SNW SNRW X",
    }
)
_OBJECT_PENDING = _matrix(
    {
        "S": "X",
        "SR": "SNRW X",
        "SW": "SNW SNRW X",
        "SU": "X",
        "SRO": "SW SNRW X",
        "SNW": "X",
        "SNRW": "X",
    }
)
_SCOPE_GRANTED = _matrix({"IX": "S X", "S": "IX X", "X": "IX S X"})
_SCOPE_PENDING = _matrix({"IX": "S X", "S": "X"})


@dataclass(frozen=True, slots=True)
class MetadataLock:
    """A row of ``performance_schema.metadata_locks``, with the connection that it belongs to."""

    connection: int
    kind: str
    """TABLE, SCHEMA, BACKUP, USER LEVEL LOCK and others."""
    schema: str | None
    name: str | None
    mode: str
    pending: bool

    @property
    def object(self) -> tuple[str, str | None, str | None]:
        """What it is on."""
        return self.kind, self.schema, self.name

    def waits_for(self, other: MetadataLock) -> bool:
        """Whether this request cannot be granted because of the other's lock or request."""
        if self.object != other.object or self.connection == other.connection:
            return False
        if self.kind == "SCHEMA":
            matrix = _SCOPE_PENDING if other.pending else _SCOPE_GRANTED
        else:  # Those of backups have types of their own, which are in neither matrix.
            matrix = _OBJECT_PENDING if other.pending else _OBJECT_GRANTED
        return other.mode in matrix.get(self.mode, ())


def blockers(locks: Sequence[MetadataLock]) -> dict[MetadataLock, tuple[int, ...]]:
    """Each request that waits, with the connections that it waits for."""
    return {
        lock: tuple(dict.fromkeys(other.connection for other in locks if lock.waits_for(other)))
        for lock in locks
        if lock.pending
    }
