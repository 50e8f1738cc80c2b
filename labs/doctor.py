"""What the labs find on this machine, and what to do about each problem."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import AsyncIterator
from typing import Literal

import click
import msgspec
from rich.console import Console
from rich.text import Text

from labs.workbench.engines.embedded import EmbeddedPostgres
from labs.workbench.engines.engine import Engine
from labs.workbench.errors import ENGINE, LabError
from labs.workbench.target import choose

SMALLEST_TERMINAL = (60, 16)
MARIADB_PLACES = ("/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/opt/homebrew/bin")
"""Where a server may lie that plain users' PATH does not lead to."""


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at."""

    name: str
    status: Literal["ok", "note", "problem"]
    found: str
    remedy: str = ""


async def report(engine: str | None, url: str | None, *, as_json: bool) -> int:
    """Print every finding as it is made; returns the exit status: 3 when no server can be used."""
    console = Console(highlight=False)
    findings = []
    async for finding in examine(engine, url):
        findings.append(finding)
        if not as_json:
            mark, style = {"ok": ("✓ ok     ", "blue"), "note": ("· note   ", ""), "problem": ("✗ problem", "yellow")}[
                finding.status
            ]
            console.print(Text(mark, style), Text(finding.name, "bold"), Text(finding.found))
            if finding.remedy:
                console.print(Text(f"           {finding.remedy}"))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode({"findings": findings}), indent=2).decode())
    return ENGINE if any(finding.status == "problem" for finding in findings) else 0


async def examine(engine: str | None, url: str | None) -> AsyncIterator[Finding]:
    """Look at one thing after the other."""
    yield Finding("Python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield _terminal()
    if url is None:
        yield _disk()
    yield await _server(engine, url)
    yield _mariadb()


def _terminal() -> Finding:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return Finding("terminal", "note", "none here", "The screen needs one; `ninelabs run` does not.")
    columns, lines = shutil.get_terminal_size()
    kind = os.environ.get("TERM", "")
    found = f"{columns}×{lines}, TERM={kind or 'not set'}"
    if kind in {"", "dumb"}:
        return Finding("terminal", "note", found, "It cannot show the screen: set TERM to what it is, or use another.")
    if columns < SMALLEST_TERMINAL[0] or lines < SMALLEST_TERMINAL[1]:
        return Finding("terminal", "note", found, "The screen needs 60×16 at least: make the window larger.")
    return Finding("terminal", "ok", found)


def _disk() -> Finding:
    server = EmbeddedPostgres().describe()
    found = f"{server.free_bytes / 2**30:.1f} GiB free for {server.folder}"
    return Finding("disk", "ok", found)


async def _server(engine: str | None, url: str | None) -> Finding:
    name = "server by URL" if url else "own PostgreSQL"
    try:
        target = choose(engine, url)
        try:
            server = await target.acquire(lambda _: None)
            return await _probed(name, server)
        finally:
            await target.release()
    except LabError as error:
        return Finding(name, "problem", f"{error.title}. {error.cause}", error.remedy)


async def _probed(name: str, server: Engine) -> Finding:
    pool = server.create(application="ninelabs/doctor")
    try:
        async with pool.connect() as connection:
            probe = await server.probe(connection)
    except Engine.driver_errors as error:
        raise server.explain(error) from error
    finally:
        await pool.dispose()
    lacking = [capability for capability, present in probe.capabilities.items() if not present]
    found = f"{probe.server_version}, isolation {probe.isolation_default} by default"
    if "create schema" in lacking:
        remedy = "This role may not create a schema: GRANT CREATE ON DATABASE … TO …"
        return Finding(name, "problem", found, remedy)
    if lacking:
        return Finding(name, "note", found, f"It lacks {', '.join(lacking)}: those panes stay empty.")
    return Finding(name, "ok", found)


def _mariadb() -> Finding:
    path = os.pathsep.join([os.environ.get("PATH", ""), *MARIADB_PLACES])
    found = shutil.which("mariadbd", path=path)
    return Finding("mariadbd", "note", f"{found or 'not found'}; no experiment of this version uses it")
