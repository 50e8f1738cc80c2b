"""What is wrong with a transaction function, found while it is held statement by statement."""

from __future__ import annotations

from labs.workbench.errors import LabError


def standing_still(session: str, patience_s: float, last_statement: str) -> LabError:
    """It does not come to its next statement."""
    return LabError(
        f"{session} does not go on",
        f"For {patience_s:g} seconds it has neither sent a statement nor ended. "
        + (f"Its last statement was {last_statement}" if last_statement else "It has not sent any statement yet."),
        "While its turn is on, a transaction may wait for the database, and for nothing else.",
    )


def running_on(session: str, patience_s: float, statement: str) -> LabError:
    """A statement of its does not end."""
    return LabError(
        f"{session} does not go on",
        f"Its statement {' '.join(statement.split())} has run for {patience_s:g} seconds, and waits for no lock.",
        "Only the clock says so, but nothing tells such a statement from one that never ends: give it less to do.",
    )


def second_connection(session: str) -> LabError:
    """It asked for a further connection with one in use."""
    return LabError(
        f"{session} opened a second connection",
        "It still had the first one in use, and one of two connections can wait for the other for ever.",
        "Do all of a transaction's work in one session, and end it before the next begins.",
    )


def went_on(session: str, code: str) -> LabError:
    """It swallowed a refusal that had ended its transaction."""
    return LabError(
        f"{session} went on after {code}",
        "With that refusal everything before it was rolled back: what followed stood alone, or was refused too.",
        "Let the error leave the transaction, then run the whole of it again.",
    )


def another_order(session: str) -> LabError:
    """Given the same turns, it does not send the same statements."""
    return LabError(
        f"{session} does not do the same thing twice",
        "From the same rows and with the same turns it came to another place than the time before.",
        "Take chance, the clock and what is left in memory out of it, or give it a seed.",
    )
