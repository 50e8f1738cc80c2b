"""Where on disk the program keeps what is its own."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def data_home() -> Path:
    """The folder for everything that must outlive the program."""
    if given := os.environ.get("NINELABS_DATA"):
        return Path(given).expanduser().resolve()
    if os.geteuid() == 0:
        return Path("/var/lib/ninelabs")  # a server's account cannot pass through root's own home
    return platformdirs.user_data_path("ninelabs").resolve()
