"""Glyphs for fonts and encodings that lack ours: one cell for one cell, whatever drew them."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from labs.stream.terminal import Glyphs

CONSOLE = {
    "✓": "+",
    "✗": "x",
    "…": "~",
    "●": "o",
    "►": ">",
    "▷": ")",
    "▶": ">",
    "◀": "<",
    "┊": ":",
    "▰": "█",
    "▱": "░",
    "≠": "#",
    "≈": "~",
    "×": "x",
    "–": "-",
    "—": "-",
    "−": "-",
    "›": ">",
    "‹": "<",
    "‖": "║",
    "○": "o",
    "▲": "^",
    "▼": "v",
    # pictures of control characters, which stand for these in a database's text
    **dict.fromkeys(map(chr, range(0x2400, 0x2422)), "?"),
    # eighths of a cell, to the nearest of nothing, half and all
    "▏": "│",
    "▎": "│",
    "▍": "▌",
    "▋": "▌",
    "▊": "█",
    "▉": "█",
    "▁": "_",
    "▂": "_",
    "▃": "▄",
    "▅": "▄",
    "▆": "█",
    "▇": "█",
    # what Textual draws borders and scroll bars with
    "▔": "─",
    "▕": "│",
    "╭": "┌",
    "╮": "┐",
    "╰": "└",
    "╯": "┘",
    "━": "─",
    "┃": "│",
    "╸": "─",
    "╺": "─",
}
"""What the Linux console's font has in the place of a glyph that it lacks."""

ASCII = CONSOLE | {
    "±": "~",
    "µ": "u",
    "≥": ">",
    "─": "-",
    "═": "=",
    "│": "|",
    "║": "|",
    **dict.fromkeys("┌┐└┘├┤┬┴┼╔╗╚╝╭╮╰╯", "+"),
    "█": "#",
    "▓": "#",
    "▒": ":",
    "░": ".",
    "▌": "|",
    "▐": "|",
    "▄": "_",
    "▀": "-",
    "■": "#",
    "▰": "#",
    "▱": ".",
    "▊": "#",
    "▉": "#",
    "▍": "|",
    "▋": "|",
    "▏": "|",
    "▎": "|",
    "▃": "_",
    "▅": "_",
    "▆": "#",
    "▇": "#",
    "▔": "-",
    "▕": "|",
    "━": "-",
    "┃": "|",
    "╸": "-",
    "╺": "-",
    "‖": "|",
    "·": "-",
    "°": "o",
    "↑": "^",
    "↓": "v",
    "←": "<",
    "→": ">",
    "↕": "|",
    "○": "o",
    "▲": "^",
    "▼": "v",
    "◄": "<",
}
"""What stands for a glyph where there is nothing but ASCII."""


class PlainGlyphs(LineFilter):
    """Replaces what the terminal lacks.

    In an encoding that is not Unicode, what it has no character for becomes a question mark a cell, so that nothing is
    moved by it. What comes from a database and is not in the console's font stays: the console shows it as it can.
    """

    def __init__(self, glyphs: Glyphs, encoding: str = "ascii") -> None:
        super().__init__(enabled=glyphs != "unicode")
        self._table = str.maketrans(ASCII if glyphs == "ascii" else CONSOLE)
        self._encoding = encoding if glyphs == "ascii" else "utf-8"

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments in other glyphs."""
        return [
            segment if segment.text.isascii() else Segment(self._plain(segment.text), segment.style, segment.control)
            for segment in segments
        ]

    def _plain(self, text: str) -> str:
        text = text.translate(self._table)
        return text if self._has(text) else "".join(one if self._has(one) else "?" * cell_len(one) for one in text)

    def _has(self, text: str) -> bool:
        try:
            text.encode(self._encoding)
        except UnicodeEncodeError:
            return False
        return True
