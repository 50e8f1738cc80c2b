"""The text that PostgreSQL's isolationtester prints for a run, byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest

from labs.races.scenario.spec import Permutation, Step
from labs.workbench.engines.scripts import Answer, CopyAsked, Notification, Refusal, Table

STARTING = "\nstarting permutation:"

_NUMERIC = frozenset(b"0123456789.Ee -")
_DIGITS = frozenset(b"0123456789")


class Transcript:
    """Writes the text as the run goes on."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write_on = write
        self._written: list[str] = []

    @property
    def text(self) -> str:
        """All of it so far."""
        return "".join(self._written)

    def _write(self, text: str) -> None:
        self._written.append(text)
        self._write_on(text)

    def parsed(self, sessions: int) -> None:
        """The file was understood."""
        self._write(f"Parsed test spec with {sessions} sessions\n")

    def starting(self, permutation: Permutation) -> None:
        """A permutation begins."""
        self._write(f"{STARTING} {' '.join(turn.step.name for turn in permutation)}\n")

    def waiting(self, step: Step) -> None:
        """A step was sent and waits."""
        self._write(f"step {step.name}: {step.sql} <waiting ...>\n")

    def ended(self, step: Step, answers: Sequence[Answer], *, told_waiting: bool) -> None:
        """A step's answers are there."""
        self._write(f"step {step.name}: {'<... completed>' if told_waiting else step.sql}\n")
        for answer in answers:
            match answer:
                case Table():
                    self.table(answer)
                case Refusal():
                    self._write(f"{answer.text}\n")
                case CopyAsked():
                    pass  # isolationtester prints for ever; the run is ended instead.

    def table(self, table: Table) -> None:
        """The rows of a query; of several in one setup isolationtester prints only the last."""
        if table.columns:
            self._write("\n".join(_aligned(table)) + "\n\n")

    def notice(self, session: str, message: str) -> None:
        """The server said something on a session's connection."""
        self._write(f"{session}: {message}")

    def notified(self, session: str, notification: Notification, sender: str) -> None:
        """A NOTIFY reached a session."""
        self._write(f'{session}: NOTIFY "{notification.channel}" with payload "{notification.payload}" from {sender}\n')

    def cancelling(self, step: Step, seconds: int) -> None:
        """A step can never end: isolationtester cancels it after so many seconds."""
        self._write(f"isolationtester: canceling step {step.name} after {seconds} seconds\n")

    def not_sent(self, step: Step, problem: str) -> None:
        """A step could not be sent."""
        self._write(f"failed to send query for step {step.name}: {problem}\n")


def _aligned(table: Table) -> list[str]:
    """The lines of a table as libpq's PQprint aligns them, with widths in bytes, and numbers to the right."""
    rows = [[(value or "").encode() for value in row] for row in table.rows]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in table.columns]
    names = [name.encode() for name in table.columns]
    widths = [max(map(len, [name, *column])) for name, column in zip(names, columns, strict=True)]
    right = [all(map(_is_number, filter(None, column))) for column in columns]

    def line(cells: Sequence[bytes]) -> str:
        padded = (
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(cells, widths, right, strict=True)
        )
        return b"|".join(padded).decode()

    return [
        line(names),
        "+".join("-" * width for width in widths),
        *map(line, rows),
        f"({len(rows)} row{'' if len(rows) == 1 else 's'})",
    ]


def _is_number(value: bytes) -> bool:
    """What PQprint takes for one."""
    return value[0] not in b"Ee" and value[-1] in _DIGITS and _NUMERIC.issuperset(value)


def only(permutation: int, text: str) -> str:
    """A transcript without what it says of other permutations; they are counted from 1."""
    head, *permutations = text.split(STARTING)
    return STARTING.join([head, *permutations[permutation - 1 : permutation]])


def difference(expected: str, got: str) -> tuple[int, str, str] | None:
    """The first line in which two transcripts differ but for trailing blanks: its number, and both lines."""
    lines = zip_longest(expected.rstrip().split("\n"), got.rstrip().split("\n"), fillvalue="")
    for number, (wanted, there) in enumerate(lines, 1):
        if wanted.rstrip() != there.rstrip():
            return number, wanted.rstrip(), there.rstrip()
    return None
