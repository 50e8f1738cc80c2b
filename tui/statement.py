"""A statement of a run, as far as the stream has told of it."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any

from labs.stream.specs import Cell


@dataclass(slots=True, eq=False)
class Statement:
    """One statement of a run, from its start to the server's answer. Times are seconds of the stream.

    Once it has ended it does not change any more, so what is drawn of it then can be kept.
    """

    number: int
    session: str
    sql: str
    parameters: tuple[Any, ...]
    started_at: float
    index: int
    """Its place in the order of starts, from 0."""
    isolation: str = ""
    """The level of its session's transactions; empty where it is the server's own."""
    waited_since: float | None = None
    waited_for: tuple[str, ...] = ()
    ended_at: float | None = None
    ended_index: int = 0
    """How many statements had started when this one ended."""
    milliseconds: float | None = None
    rows: int | None = None
    preview: tuple[tuple[Cell, ...], ...] = ()
    sqlstate: str | None = None
    message: str = ""

    def __deepcopy__(self, memo: dict[int, Any]) -> Statement:
        if not self.running:
            return self
        memo[id(self)] = copied = copy(self)
        return copied

    @property
    def running(self) -> bool:
        """Whether the server has not answered yet."""
        return self.ended_at is None

    @property
    def failed(self) -> bool:
        """Whether the server refused it."""
        return self.sqlstate is not None or bool(self.message)

    @property
    def begins(self) -> bool:
        """Whether it is a BEGIN, which has no answer of its own: it travels with the statement after it."""
        return not self.running and self.milliseconds is None and not self.failed
