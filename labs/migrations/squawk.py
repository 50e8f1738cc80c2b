"""What squawk, a linter of PostgreSQL migrations, says of SQL; a program of its own, which needs no server."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from labs.workbench.errors import LabError

STYLE = frozenset(
    {"prefer-robust-stmts", "require-lock-timeout", "require-statement-timeout", "prefer-text-field", "ban-drop-column"}
)
"""Rules about how a script is written. What is asked here is what a statement does to others."""


def program() -> str | None:
    """Where squawk is: beside this Python, or wherever programs are looked for."""
    beside = Path(sys.executable).with_name("squawk")
    return str(beside) if beside.exists() else shutil.which("squawk")


async def lint(path: str, statements: Sequence[str]) -> list[list[str]]:
    """For each statement, given on one line, the rules that it breaks."""
    process = await asyncio.create_subprocess_exec(
        *(path, "--reporter", "json", "--pg-version", "18", "--stdin-filepath", "migration.sql"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        said, failed = await process.communicate("".join(f"{statement};\n" for statement in statements).encode())
    except asyncio.CancelledError:
        process.kill()
        raise
    if not said:
        why = failed.decode(errors="replace").strip() or f"It ended with status {process.returncode}."
        raise LabError("squawk could not be asked", why, "Install it anew: pip install 'ninelabs[lint]'.")
    found: list[list[str]] = [[] for _ in statements]
    for finding in json.loads(said):
        if finding["rule_name"] not in STYLE:
            found[finding["line"]].append(finding["rule_name"])
    return found
