"""What the screen needs of a terminal: asked before it opens, and by the doctor."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

SMALLEST = (60, 16)
"""Columns and lines."""
HEADLESS_HINT = "The labs run without a screen too: ninelabs run races/double_spend"


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
