"""An error as a person can use it: what happened, why, and what to do next."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from labs.stream.events import ErrorReported
from tui.screens.dialog import Dialog
from tui.sqltext import exact
from tui.text import clean, cut, styled, wrap

MOST_LINES = 4
"""A longer text is cut, so that the keys stay in sight."""


class ErrorDialog(Dialog[bool]):
    """Shows one error; Enter answers yes to what it offers."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "dismiss(True)", show=False)]

    def __init__(self, error: ErrorReported, offer: str = "go on") -> None:
        super().__init__("Error")
        self._error = error
        self._offer = offer

    def lines(self, width: int) -> list[Text]:
        """Title, cause, remedy, the server's code, SQL, and the key."""
        error = self._error
        body = [
            styled(("✗ " if number == 0 else "  ", "error"), (line, "title"))
            for number, line in enumerate(wrap(clean(error.title), width - 2, 2))
        ]
        body += [Text(line) for line in wrap(clean(error.cause), width, MOST_LINES)]
        if error.sqlstate:
            body.append(styled(("code ", "dim"), cut(clean(error.sqlstate), width - 6)))
        if error.sql:
            body += [styled((line, "dim")) for line in wrap(exact(error.sql), width, 3)]
        body.append(Text())
        body += [Text(line) for line in wrap(clean(error.remedy), width, MOST_LINES)]
        body.append(Text())
        body.append(styled(("Enter", "key"), f" {self._offer}"))
        return body
