"""What the screen needs of a terminal, and what a terminal can show: asked before it opens, and by the doctor."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

SMALLEST = (60, 16)
"""Columns and lines."""
HEADLESS_HINT = "The labs run without a screen too: ninelabs run races/double_spend"

Colours = Literal["none", "16", "256", "truecolor"]
Glyphs = Literal["unicode", "console", "ascii"]
"""What its font has: everything, what the Linux console's has, or what is safe in every encoding."""

_TRUECOLOR_TERMS = ("direct", "kitty", "ghostty", "alacritty", "foot", "wezterm")
_LIGHT_BACKGROUNDS = {"7", "9", "10", "11", "12", "13", "14", "15"}


@dataclass(frozen=True, slots=True)
class Look:
    """What a terminal can show."""

    colours: Colours
    dark: bool
    glyphs: Glyphs

    @property
    def own_colours(self) -> bool:
        """Whether there are colours enough for a theme other than the terminal's own sixteen."""
        return self.colours in ("256", "truecolor")

    def __str__(self) -> str:
        colours = {"none": "no colours (NO_COLOR)", "16": "16 colours", "256": "256 colours", "truecolor": "truecolor"}
        glyphs = {"unicode": "all glyphs", "console": "the console font's glyphs", "ascii": "ASCII glyphs"}
        return f"{colours[self.colours]}, {'dark' if self.dark else 'light'}, {glyphs[self.glyphs]}"


def look(environment: Mapping[str, str], encoding: str) -> Look:
    """What the terminal of this environment can show, when written to in that encoding.

    There is no asking it: what would answer is not there in every terminal, and costs a round trip over the line.
    """
    term = environment.get("TERM", "").lower()
    unicode = encoding.lower().replace("_", "-") in ("utf-8", "utf8")
    return Look(
        colours=_colours(term, environment),
        dark=environment.get("COLORFGBG", "").rpartition(";")[2] not in _LIGHT_BACKGROUNDS,
        glyphs="ascii" if not unicode else "console" if term.startswith("linux") else "unicode",
    )


def _colours(term: str, environment: Mapping[str, str]) -> Colours:
    if environment.get("NO_COLOR"):
        return "none"
    # COLORTERM is inherited by what runs in GNU screen or on a console, which have no truecolor all the same.
    if not term.startswith(("screen", "linux")):
        if environment.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
            return "truecolor"
        if any(name in term.split("-") for name in _TRUECOLOR_TERMS):
            return "truecolor"
    return "256" if "256" in term else "16"


def refusal(environment: Mapping[str, str]) -> str:
    """Why a full screen cannot be shown here, as a sentence; empty when it can."""
    for stream, name in ((sys.stdin, "input"), (sys.stdout, "output"), (sys.stderr, "error")):
        if stream is None or not stream.isatty():
            return f"The standard {name} is not a terminal. {HEADLESS_HINT}"
    term = environment.get("TERM", "")
    if term in ("", "dumb", "unknown"):
        told = f"TERM={term}" if term else "TERM is not set"
        return f"This terminal cannot show a full screen ({told}). {HEADLESS_HINT}"
    width, height = os.get_terminal_size(sys.stdout.fileno())
    least_width, least_height = SMALLEST
    # A terminal that does not know its size says 0×0.
    if (width or least_width) < least_width or (height or least_height) < least_height:
        return f"The terminal is {width}×{height}; ninelabs needs {least_width}×{least_height}."
    return ""
