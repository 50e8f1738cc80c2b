"""What went wrong, as a person can use it: what happened, why, the server's code, the SQL, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from labs.stream.events import ErrorReported
from tui.sqltext import exact
from tui.text import clean, cut, styled, wrap
from tui.widgets.pane import Content

MOST_LINES = 12
"""Of any one text, so that what a server says at great length leaves room for the rest."""
_LABEL = 8


def lines(errors: Sequence[ErrorReported], offers: Sequence[tuple[str, str]], width: int) -> Content:
    """The latest error whole, and the ones before it.

    Args:
        errors: oldest first.
        offers: pairs of a key and what it does about the latest error.
        width: in cells.
    """
    if not errors:
        return Content([styled((" Nothing has gone wrong.", "dim"))])
    body: list[Text] = []
    for error in reversed(errors):
        if body:
            body.append(Text())
        body += _told(error, width - 2)
    foot = Text(" ")
    for key, does in offers:
        foot.append(key, "key").append(f" {does}   ")
    return Content([Text(" ").append_text(line) for line in body], foot=(foot,) if offers else ())


def _told(error: ErrorReported, width: int) -> list[Text]:
    told = [
        styled(("✗ ERROR " if number == 0 else "  ", "error"), (line, "title"))
        for number, line in enumerate(wrap(clean(error.title), width - 8, 2))
    ]
    told += _labelled("why", clean(error.cause), width)
    told += _labelled("code", cut(clean(error.sqlstate or ""), width - _LABEL), width)
    told += _labelled("SQL", exact(error.sql), width)
    return told + _labelled("do", clean(error.remedy), width, "title")


def _labelled(label: str, text: str, width: int, role: str = "") -> list[Text]:
    if not text.strip():
        return []
    return [
        styled((f"{label if number == 0 else '':<{_LABEL}}", "dim"), (line, role))
        for number, line in enumerate(wrap(text, width - _LABEL, MOST_LINES))
    ]
