"""What the words of the stream are made of: edges, locks and versions."""

from __future__ import annotations

from typing import Literal

import msgspec

from labs.stream.specs import Cell


class LockWait(msgspec.Struct, frozen=True):
    """One edge of the wait-for graph."""

    waiter: str
    blocker: str
    mode: str
    object: str
    milliseconds: float


class LockHeld(msgspec.Struct, frozen=True):
    """A lock that one of the sessions holds."""

    session: str
    mode: str
    object: str


class Dependency(msgspec.Struct, frozen=True):
    """That one transaction comes before another, after Adya: an edge of the serialization graph."""

    source: str
    target: str
    kind: Literal["ww", "wr", "rw"]
    """The target overwrote, read, or (rw) the source read what the target then overwrote."""
    item: str
    """What both touched: a row, or a condition."""
    predicate: bool = False
    """Whether it is a condition, which rows come to meet or cease to."""


class Version(msgspec.Struct, frozen=True):
    """What an entity was from one moment to another, the later one excluded.

    A moment is a number, such as that of a transaction, or a time as ISO 8601 or PostgreSQL write it: with or without
    an offset, ``BC``, ``infinity``. An end that is open is none, and an empty range has the same moment at both ends.
    """

    values: tuple[Cell, ...]
    """By column."""
    valid_from: str | int | float | None = None
    valid_to: str | int | float | None = None
    """When it was so, as people say."""
    system_from: str | int | float | None = None
    system_to: str | int | float | None = None
    """When it stood so in the database."""
    who: str = ""
    operation: str = ""
    """What made it, such as ``UPDATE``."""
