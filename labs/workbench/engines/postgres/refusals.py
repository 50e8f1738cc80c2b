"""What PostgreSQL, or the way to it, says no with; each as a sentence with a way on."""

from __future__ import annotations

import os
import re

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from labs.workbench.engines import refusals
from labs.workbench.errors import EngineError, LabError

_BY_SQLSTATE: dict[str, tuple[str, str]] = {
    "28P01": ("The server refused the password", "Correct the password in --url or NINELABS_URL."),
    "28000": ("The server refused this user", "Ask for the right to log in, or use another user in the URL."),
    "3D000": ("There is no such database", "Correct the database's name in the URL, or create it."),
    "42501": (
        "The server does not allow this",
        "The lab's schema belongs to another role: use that role, or have the schema dropped.",
    ),
    "53100": ("The server's disk is full", "Free some space there, then roll back or reset the lab."),
    "53300": (
        "The server takes no more connections",
        "Close some, or raise max_connections; a lab needs about six.",
    ),
    "55P03": ("Somebody else holds a lock in the lab's schema", "End that session, then try again."),
    "57P03": (
        "The server is not ready to work",
        "It starts, stops or recovers: wait a moment and try again.",
    ),
}


DRIVERS_WORDS = "connection was closed in the middle of operation"
"""What the driver says where the server had no last word."""


def unreachable(error: BaseException, where: str) -> EngineError:
    """The error for a connection that could not be made; ``where`` names the server without its password."""
    sqlstate = getattr(error, "sqlstate", None) or getattr(getattr(error, "orig", None), "sqlstate", None)
    return refusals.unreachable(where, _sentence(error), sqlstate, _BY_SQLSTATE)


def lost(message: str) -> EngineError:
    """The error for a server that went away in the middle of something; ``message`` is its last word, if it had one."""
    if message.startswith(DRIVERS_WORDS):
        message = "It ended the connection."
    return refusals.lost(message or "Its connections were closed.")


def refused(error: DBAPIError, sqlstate: str | None, message: str, url: URL) -> LabError:
    """The error for a statement that was refused and should not have been; ``url`` is that of its server."""
    owner = f"As the database's owner: {grant(url)}"
    needed = f"The labs need the right to create a schema there. {owner}" if "for database" in message else ""
    return refusals.refused(error, sqlstate, message, _BY_SQLSTATE, needed if sqlstate == "42501" else "")


def grant(url: URL) -> str:
    """The statement that gives the URL's role the one right that the labs need."""
    role, database = (_quoted(name) if name else "…" for name in (url.username, url.database or url.username))
    return f"GRANT CREATE ON DATABASE {database} TO {role};"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _sentence(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer within 10 seconds."
    words = str(error).strip() or type(error).__name__
    if isinstance(error, OSError):
        # Where a name stands for several addresses, their refusals come as one text without a number of its own.
        number = re.search(r"\[Errno (\d+)\]", words)
        words = os.strerror(int(number[1])) if number else error.strerror or words
    return words if words.endswith(".") else f"{words}."
