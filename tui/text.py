"""Text from a server, made fit for a cell grid: as data, never as markup, escapes or direction marks.

Everything here measures in terminal cells, not characters.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len, chop_cells
from rich.text import Text

from labs.stream.engines import ENGINES
from labs.stream.visible import clean as clean

OUTCOMES = {"passed": ("✓ passed", "ok"), "failed": ("✗ failed", "error"), "cancelled": ("– cancelled", "wait")}
"""How an experiment ended: in a glyph and a word, and in which colour."""
LONGEST_VALUE_CELLS = 400
"""No value is shown at greater width anywhere; a longer one ends in an ellipsis."""


def value(cell: object, width: int = LONGEST_VALUE_CELLS) -> str:
    """A cell of a result as clean text of at most ``width`` cells; NULL, true and false as SQL says them."""
    if cell is None:
        return "NULL"
    if isinstance(cell, bool):
        return "true" if cell else "false"
    # Cut before cleaning, so that a huge cell costs no more than what is shown of it.
    return cut(clean(str(cell)[: width + 1]), width)


def engine_name(engine: str) -> str:
    """An engine as its makers write it."""
    return clean(ENGINES.get(engine, engine))


def cut(text: str, width: int) -> str:
    """The text within ``width`` cells, ending in an ellipsis where something is missing."""
    if cell_len(text) <= width:
        return text
    if width <= 1:
        return "…"[:width]
    kept = chop_cells(text, width - 1)
    return (kept[0] if kept else "") + "…"


def shorten(text: str, width: int) -> str:
    """The text within ``width`` cells; what is left out is in its middle, so that both its ends stay in sight."""
    if cell_len(text) <= width or width < 12:
        return cut(text, width)
    tail = ""
    for character in reversed(text):
        if cell_len(character + tail) > width * 3 // 5:
            break
        tail = character + tail
    return cut(text, width - cell_len(tail)) + tail


def spaced(text: str) -> str:
    """A name from a program as words."""
    return clean(text).replace("_", " ")


def wrap(text: str, width: int, most: int | None = None) -> list[str]:
    """The text in lines of at most ``width`` cells, broken at spaces where possible.

    With ``most``, no more lines than that; the last one then tells that more follows.
    """
    width = max(width, 1)
    lines: list[str] = []
    line = ""
    for word in text.split():
        if line and cell_len(line) + 1 + cell_len(word) <= width:
            line += " " + word
            continue
        if line:
            lines.append(line)
        *full, line = chop_cells(word, width) or [""]
        lines.extend(full)
        if most is not None and len(lines) > most:
            break
    lines.append(line)
    if most is not None and len(lines) > most:
        lines = lines[:most]
        lines[-1] = cut(lines[-1] + " …", width) if cell_len(lines[-1]) + 2 > width else lines[-1] + " …"
    return lines


def fit(text: Text, width: int) -> Text:
    """The styled text cut or padded to exactly ``width`` cells."""
    fitted = text.copy()
    fitted.truncate(max(width, 0), overflow="ellipsis", pad=True)
    # As a span: Rich renders the style of a whole text only where it has spans, and lets it leak into what is appended.
    return Text().append_text(fitted)


def spread(left: Text, right: Text, width: int) -> Text:
    """One line with ``left`` at its start and ``right`` at its end; the left one is cut when both do not fit."""
    return fit(left, width - right.cell_len).append_text(right)


def row(cells: Iterable[tuple[Text, int]], separator: str = " ") -> Text:
    """Cells of given widths side by side."""
    line = Text()
    for number, (cell, width) in enumerate(cells):
        if number:
            line.append(separator, "rule")
        line.append_text(fit(cell, width))
    return line


def styled(*parts: str | tuple[str, str]) -> Text:
    """Text from strings and (string, role) pairs; the roles are those of `tui.themes`."""
    return Text.assemble(*parts)


def plural(count: int, noun: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def seconds(amount: float) -> str:
    """A duration in seconds with one decimal; minutes once there are some."""
    if amount < 60:
        return f"{amount:.1f}s"
    return f"{int(amount // 60)}m{int(amount % 60):02d}s"


def clock(amount: float) -> str:
    """A duration that is read while it runs, in whole seconds."""
    return f"{int(amount)}s" if amount < 60 else seconds(amount)


def milliseconds(amount: float | None) -> str:
    """A server's answer time; empty when there is none."""
    if amount is None:
        return ""
    return f"{amount:.1f} ms" if amount < 1000 else f"{amount / 1000:.1f} s"
