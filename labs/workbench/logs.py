"""Where details go that no person needs on the screen."""

from __future__ import annotations

import logging
from pathlib import Path

from platformdirs import user_log_path


def path() -> Path:
    """The log file of the labs."""
    return user_log_path("ninelabs") / "labs.log"


def to_file() -> None:
    """Send this process's log and its warnings there; where that cannot be written, nowhere."""
    try:
        path().parent.mkdir(parents=True, exist_ok=True)
        handler: logging.Handler = logging.FileHandler(path(), delay=False)
    except OSError:
        handler = logging.NullHandler()
    logging.captureWarnings(True)
    logging.basicConfig(
        handlers=[handler], level=logging.WARNING, format="%(asctime)s %(process)d %(name)s %(message)s"
    )
