"""What MariaDB, or the way to it, says no with; each as a sentence with a way on."""

from __future__ import annotations

import os

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from labs.workbench.engines import refusals
from labs.workbench.engines.refusals import lost as lost
from labs.workbench.errors import EngineError, LabError

_RIGHTS = (
    "The server does not allow this",
    "The lab's schema belongs to another user: use that user, or have the schema dropped.",
)
_DISK = ("The server's disk is full", "Free some space there, then roll back or reset the lab.")
_CONNECTIONS = (
    "The server takes no more connections",
    "Close some, or raise max_connections; a lab needs about six.",
)

_BY_CODE: dict[str, tuple[str, str]] = {
    "1021": _DISK,
    "1040": _CONNECTIONS,
    "1044": _RIGHTS,
    "1045": ("The server refused the password", "Correct the user and password in --url or NINELABS_URL."),
    "1049": ("There is no such database", "Leave the database out of the URL: each lab has one of its own."),
    "1053": ("The server is not ready to work", "It starts or stops: wait a moment and try again."),
    "1114": _DISK,
    "1130": ("The server lets nobody in from this machine", "Ask for an account that may log in from here."),
    "1142": _RIGHTS,
    "1203": _CONNECTIONS,
    "1205": ("Somebody else holds a lock in the lab's schema", "End that session, then try again."),
    "1226": _CONNECTIONS,
    "1227": (
        "The server does not allow this",
        "Ask for the right that it names. To see locks, that is PROCESS; all else works without it.",
    ),
    "1290": ("The server is read-only", "Give the URL of a server that takes changes."),
    "1836": ("The server is read-only", "Give the URL of a server that takes changes."),
}


def unreachable(error: BaseException, code: str | None, url: URL) -> EngineError:
    """The error for a connection that could not be made; names the server without its password."""
    where = url.query.get("unix_socket") or f"{url.host or 'localhost'}:{url.port or 3306}"
    return refusals.unreachable(str(where), _sentence(error), code, _BY_CODE)


def refused(error: DBAPIError, code: str | None, message: str, url: URL) -> LabError:
    """The error for a statement that was refused and should not have been; ``url`` is that of its server."""
    needed = f"The labs need databases of their own. As an administrator: {grant(url)}" if code == "1044" else ""
    return refusals.refused(error, code, message, _BY_CODE, needed)


def grant(url: URL) -> str:
    """The statement that gives the URL's user what the labs need, and nothing outside their databases."""
    user = (url.username or "…").replace("'", "''")
    return rf"GRANT ALL PRIVILEGES ON `ninelabs\_%`.* TO '{user}';"


def _sentence(error: BaseException) -> str:
    reasons = (error, error.__cause__)
    if any(isinstance(reason, TimeoutError) for reason in reasons):
        return "no answer within 10 seconds."
    number = next((reason.errno for reason in reasons if isinstance(reason, OSError) and reason.errno), None)
    words = os.strerror(number) if number and number > 0 else str(error.args[-1] if error.args else error).strip()
    words = words or type(error).__name__
    return words if words.endswith(".") else f"{words}."
