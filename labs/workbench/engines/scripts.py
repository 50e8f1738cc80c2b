"""SQL scripts: texts of one or several statements that go to a server as they stand, with every answer as text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

Heard = Callable[[str], None]
"""Is given a notice or a warning of the server, as a line or several, each with its line end."""


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a query, each value as the server writes it; none for NULL."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]


@dataclass(frozen=True, slots=True)
class Done:
    """A statement without rows to show was carried out."""

    rows: int | None = None
    """How many rows it touched, where the server says."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A statement was refused; the rest of its script was not run."""

    text: str
    """As it is shown, such as ``ERROR:  deadlock detected``."""
    code: str | None = None
    """The server's own code for it."""


@dataclass(frozen=True, slots=True)
class CopyAsked:
    """The server wants to copy data to or from the client. The connection is of no further use."""


Answer = Table | Done | Refusal | CopyAsked


@dataclass(frozen=True, slots=True)
class Notification:
    """A message of NOTIFY."""

    channel: str
    payload: str
    pid: int
    """The backend that sent it."""


class SendingError(Exception):
    """A script could not be sent, because the connection is gone; its text is the driver's."""


class ScriptConnection(ABC):
    """One connection, of which one script at a time is run. It begins and ends no transaction by itself."""

    pid: int
    """How the server names the connection in its views."""

    @abstractmethod
    async def run(self, script: str) -> list[Answer]:
        """Send a script and take an answer for each of its statements, up to the first that is refused.

        Raises:
            SendingError: the connection is gone. Where it goes only now, that is a refusal.
        """

    @abstractmethod
    def notifications(self) -> list[Notification]:
        """What has been notified since this was last asked."""

    @property
    @abstractmethod
    def transaction(self) -> bool | None:
        """Whether a transaction is open; none when it is, and the server has given it up."""

    @abstractmethod
    async def close(self) -> None:
        """End the connection, and with it what is open on it."""
