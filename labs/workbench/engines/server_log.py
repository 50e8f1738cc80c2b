"""What a server of our own and its tools say: on disk only, one file for each start."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from labs.workbench.engines.folders import FULL, free_bytes, full_disk
from labs.workbench.errors import EngineError

COMPLAINT = re.compile(r"(?:FATAL|PANIC|ERROR|error):\s+(.+)")
NO_SPACE = (*(os.strerror(number) for number in FULL), "Check free disk space")

LOG_BYTES = 2**20
"""Free disk below which a log cannot be trusted to be complete."""


class ServerLog:
    """The log of the latest start; that of the one before is kept beside it, as ``log.old``."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "log"

    def begin(self) -> None:
        """Begin a new one, for our eyes only."""
        with suppress(FileNotFoundError):
            self.path.replace(self.path.with_suffix(".old"))
        self.path.touch(0o600)

    def read(self) -> str:
        """All of it; empty when there is none."""
        with suppress(OSError):
            return self.path.read_text(errors="replace")
        return ""

    def failure(self, title: str) -> EngineError:
        """The error for a server or tool that ended too early, in its own last words."""
        log = self.read()
        said = COMPLAINT.findall(log) or log.strip().splitlines() or ["it gave no reason"]
        if any(words in log for words in NO_SPACE):
            return full_disk(self.path.parent, said[0])
        if (free := free_bytes(self.path.parent)) < LOG_BYTES:  # then the log may have lost the reason
            return full_disk(self.path.parent, f"{title} with {free} bytes left")
        return EngineError(title, said[-1], f"Its own account is in {self.path}.")
