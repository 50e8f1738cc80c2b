"""The `ninelabs` command with another process in the place of a lab's, for what the screen does about processes."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

RUNNER = """
import sys
print('{"type":"EngineChanged","engine":"postgres","state":"ready","server_version":"18.6"}', flush=True)
for line in sys.stdin:
    if "Close" in line:
        break
"""

PROGRAM = """
import sys
from tui import __main__, backend
backend.RUNNER = (sys.executable, "-c", {runner!r})
{extra}
__main__.main()
"""


def program(extra: str = "", runner: str = RUNNER) -> list[str]:
    """The `ninelabs` command with a runner that only says that it is ready."""
    return [sys.executable, "-c", PROGRAM.format(runner=runner, extra=extra)]
