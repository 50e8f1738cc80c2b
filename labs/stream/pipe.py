"""Standard output, kept for the stream alone."""

from __future__ import annotations

import os
import sys
from typing import Protocol


class Unbuffered(Protocol):
    """A binary stream that may take less than it is given, and then says so."""

    def write(self, data: bytes, /) -> int | None:
        """Write some of it; returns how many bytes."""


def hold_standard_descriptors() -> None:
    """Open those of 0, 1 and 2 that are closed on nothing, or the next file opened would get what is printed."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def claim_stdout() -> int:
    """Send whatever else prints to standard output, a driver or a client tool, to standard error from now on.

    Returns:
        The file descriptor on which the stream goes where standard output went.
    """
    if sys.stdout is not None:
        sys.stdout.flush()
    stream = os.dup(1)
    os.dup2(2, 1)
    return stream


def write_all(stream: Unbuffered, data: bytes) -> None:
    """Write all of it; a stream on a full disk takes a part first, and only then raises `OSError`."""
    while data:
        data = data[stream.write(data) or 0 :]
