"""Lines for people, beside a lead and wrapped by words under themselves."""

from __future__ import annotations

import sys
from typing import BinaryIO

from rich.console import Console
from rich.text import Text

from labs.stream.pipe import write_all
from labs.stream.visible import clean

NARROWEST = 20
"""Columns that are left to a text, however narrow the terminal."""


class Paper:
    """Standard output as people read it.

    Args:
        stream: where it goes, unbuffered; by default standard output.
        whole_lines: keep each text on one line where there is no terminal, for `grep` and the like.
    """

    def __init__(self, stream: BinaryIO | None = None, *, whole_lines: bool = False) -> None:
        self._stream = stream
        terminal = stream.isatty() if stream is not None else sys.stdout is not None and sys.stdout.isatty()
        self._console = Console(force_terminal=terminal, highlight=False)
        self._wraps = terminal or not whole_lines

    def print(self, body: Text | str = "", lead: Text | str = "") -> None:
        """Print a text beside its lead; raises `OSError` when it cannot be written."""
        text, lead = (Text(part) if isinstance(part, str) else part for part in (body, lead))
        text.plain, lead.plain = clean(text.plain), clean(lead.plain)
        width = max(self._console.width - lead.cell_len, NARROWEST)
        lines = text.wrap(self._console, width) if self._wraps else [text]
        with self._console.capture() as captured:
            self._console.print(lead + Text("\n" + " " * lead.cell_len).join(lines), soft_wrap=True)
        said = captured.get().encode()
        if self._stream is not None:
            write_all(self._stream, said)
        elif sys.stdout is not None:
            write_all(sys.stdout.buffer, said)
            sys.stdout.buffer.flush()
