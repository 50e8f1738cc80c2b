"""What every engine's server, or the way to it, says no with, as the person should meet it."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.exc import DBAPIError

from labs.workbench.errors import EngineError, LabError

Known = Mapping[str, tuple[str, str]]
"""By a server's code, the title of the error and what to do about it."""


def unreachable(where: str, said: str, code: str | None, known: Known) -> EngineError:
    """The error for a connection that could not be made; ``where`` names the server without its password."""
    if code is not None and code in known:
        title, remedy = known[code]
        return EngineError(title, f"{where} answered: {said}", remedy, sqlstate=code)
    return EngineError(
        "The server cannot be reached",
        f"{where}: {said}",
        "Look whether the server runs there and lets this machine in; `ninelabs doctor` tells more.",
        sqlstate=code,
    )


def lost(last_word: str) -> EngineError:
    """The error for a server that went away in the middle of something."""
    return EngineError(
        "The server went away",
        f"{last_word.strip().rstrip('.')}.",
        "Open transactions are gone with it; nothing of them is half done. Run it again, or `ninelabs doctor`.",
    )


def refused(error: DBAPIError, code: str | None, message: str, known: Known, remedy: str = "") -> LabError:
    """The error for a statement that was refused and should not have been; ``remedy`` replaces the known one."""
    title, usual = known.get(
        code or "", ("The server refused a statement", "Reset the lab; if that does not help, report it.")
    )
    kind = EngineError if code in known else LabError
    told = kind(title, f"It said: {message.rstrip('.')}.", remedy or usual, sqlstate=code)
    told.sql = error.statement or ""
    return told
