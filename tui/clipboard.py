"""Text for the terminal's clipboard, by OSC 52; and in a file, because no terminal says whether it took it."""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from labs.stream.places import data_home, make_home
from tui.text import plural

LARGEST_BYTES = 74_994
"""Of the encoded text. Terminals drop longer sequences without a word; this is what k9s and the scripts that descend
from ChromiumOS's osc52.sh keep to, whose terminal takes sequences of up to 100,000 bytes."""

SCREEN_CHUNK_BYTES = 700
"""GNU screen drops what of a control string goes beyond 768 bytes; a chunk and its frame stay below."""

FILE_NAME = "copied.txt"


def sequences(text: str, environment: Mapping[str, str]) -> str:
    """What gives a text to the clipboard of the terminal; empty when it is too large for one.

    Inside tmux it is both said to tmux itself, which takes it where ``set-clipboard`` is on, and passed through to the
    terminal around it, where ``allow-passthrough`` is on. Inside GNU screen it is passed through in chunks.
    """
    encoded = base64.b64encode(text.encode()).decode()
    if len(encoded) > LARGEST_BYTES:
        return ""
    plain = f"\x1b]52;c;{encoded}\a"
    if environment.get("TMUX"):
        return plain + "\x1bPtmux;" + plain.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if environment.get("STY") or environment.get("TERM", "").startswith("screen"):
        chunks = (plain[at : at + SCREEN_CHUNK_BYTES] for at in range(0, len(plain), SCREEN_CHUNK_BYTES))
        return "".join(f"\x1bP{chunk}\x1b\\" for chunk in chunks)
    return plain


def save(text: str, folder: Path) -> Path:
    """Write the text to `FILE_NAME` in the data folder, for its owner's eyes only, in the place of what was there.

    Raises:
        OSError: it cannot be written; what was there is still there.
    """
    path = make_home(folder) / FILE_NAME
    handle, unfinished = tempfile.mkstemp(prefix=f".{FILE_NAME}.", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(unfinished).replace(path)
    except OSError:
        Path(unfinished).unlink(missing_ok=True)
        raise
    return path


def copied(text: str, environment: Mapping[str, str], write: Callable[[str], object] | None) -> str:
    """Copy a text, and say in a sentence what became of it.

    Args:
        write: writes to the terminal; none where there is none.
    """
    sequence = sequences(text, environment)
    where, given = "", bool(sequence and write)
    if sequence and write is not None:
        write(sequence)
    try:
        where = f"in {save(text, data_home())}"
    except OSError as error:
        problem = f"the file could not be written: {error.strerror}"
    lines = plural(text.count("\n"), "line")
    if given:
        return f"{lines} copied: given to the terminal's clipboard, and {where or problem}."
    if not where:
        return f"Nothing copied: too much for the terminal's clipboard, and {problem}."
    return f"{lines} copied: {where} only, too much for the terminal's clipboard."
