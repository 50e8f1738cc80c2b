"""Locks on files, which end with the process that holds them, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self


class FileLock:
    """An open lock file, closed at the end of a block. Each object is a holder of its own.

    A child process that was given the descriptor holds the lock as well, and keeps it after a `close`.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def try_shared(self) -> bool:
        """Hold it together with others. If it was held exclusively, that ends."""
        return self._try(fcntl.LOCK_SH)

    def try_exclusive(self) -> bool:
        """Hold it alone. A shared hold may be lost also when this fails: the kernel lets go of it first."""
        return self._try(fcntl.LOCK_EX)

    def unlock(self) -> None:
        """Let go, on behalf of children too."""
        fcntl.flock(self.fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go, unless a child holds it too."""
        os.close(self.fd)

    def _try(self, mode: int) -> bool:
        try:
            fcntl.flock(self.fd, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
