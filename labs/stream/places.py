"""Where on disk the program keeps what is its own."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import platformdirs


def data_home() -> Path:
    """The folder for everything that must outlive the program."""
    if given := os.environ.get("NINELABS_DATA"):
        return Path(given).expanduser().resolve()
    if os.geteuid() == 0:
        return Path("/var/lib/ninelabs")  # a server's account cannot pass through root's own home
    return platformdirs.user_data_path("ninelabs").resolve()


def make_home(home: Path) -> Path:
    """Make the data folder where it is not there yet, for its owner's eyes only; returns it.

    Raises:
        OSError: it cannot be made.
    """
    home.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        home.mkdir()
        # Root's must be passed through by the account that runs its servers.
        home.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return home
