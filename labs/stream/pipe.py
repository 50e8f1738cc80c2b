"""Standard output, kept for the stream alone."""

from __future__ import annotations

import os
import sys


def claim_stdout() -> int:
    """Send whatever else prints to standard output, a driver or a client tool, to standard error from now on.

    Returns:
        The file descriptor on which the stream goes where standard output went.
    """
    sys.stdout.flush()
    stream = os.dup(1)
    os.dup2(2, 1)
    return stream
