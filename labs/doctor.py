"""What the labs find on this machine, and what to do about each problem."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import AsyncIterator
from dataclasses import replace

import click
import msgspec
from rich.text import Text

from labs.paper import Paper
from labs.stream.engines import ENGINES
from labs.stream.finding import OTHERS, Finding
from labs.stream.terminal import look, refusal
from labs.workbench.engines.embedded import NEEDED_BYTES, EmbeddedPostgres
from labs.workbench.engines.engine import Engine
from labs.workbench.errors import ENGINE, LabError
from labs.workbench.place import probed
from labs.workbench.target import KINDS, Own, Target

MARKS = {"ok": ("✓ ok", "blue"), "note": ("· note", ""), "problem": ("✗ problem", "bold yellow")}


async def report(target: Target, *, as_json: bool) -> int:
    """Print every finding as it is made, or all of them as one JSON object ``{"findings": […]}``.

    Returns:
        The exit status: 3 when there is a problem.
    """
    paper = Paper()
    findings = []
    async for finding in examine(target):
        findings.append(finding)
        if not as_json:
            mark, style = MARKS[finding.status]
            lead = Text.assemble((f"{mark:<11}", style), (f"{finding.name:<16}", "bold"))
            paper.print(finding.found, lead)
            if finding.remedy:
                paper.print(finding.remedy, " " * lead.cell_len)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode({"findings": findings}), indent=2).decode())
    return ENGINE if any(finding.status == "problem" for finding in findings) else 0


async def examine(target: Target) -> AsyncIterator[Finding]:
    """Look at one thing after the other. Of servers it starts none but the program's own, if that is the target."""
    yield Finding("Python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield _terminal()
    for other in OTHERS:
        yield other()
    if isinstance(target, Own):
        yield _disk()
        chosen = target.engine
        for engine, title in ENGINES.items():
            target.use(engine)
            finding = await _server(f"own {title}", target)
            # Of two engines one is enough, unless it is the one that was asked for.
            yield replace(finding, status="note") if finding.status == "problem" and engine != chosen else finding
    else:
        yield await _server("server by URL", target)


def _terminal() -> Finding:
    reason = refusal(os.environ)
    found = "None here."
    if sys.stdout is not None and sys.stdout.isatty():
        columns, lines = os.get_terminal_size(sys.stdout.fileno())
        can = look(os.environ, sys.stdout.encoding)
        found = f"{columns}×{lines}, TERM={os.environ.get('TERM') or 'not set'}: {can}"
    return Finding("terminal", "note" if reason else "ok", found, reason)


def _disk() -> Finding:
    server = EmbeddedPostgres()
    state = server.describe()
    found = f"{state.free_bytes / 2**30:.1f} GiB free for {state.folder}"
    if state.free_bytes < NEEDED_BYTES and not server.data.exists():
        needed = f"A new server needs {NEEDED_BYTES >> 20} MiB: free some space, or set NINELABS_DATA to another disk."
        return Finding("disk", "problem", found, needed)
    return Finding("disk", "ok", found)


async def _server(name: str, target: Target) -> Finding:
    try:
        try:
            finding = await _probed(name, await target.acquire(lambda _: None))
            if not isinstance(target, Own):
                return finding
            _, own_server = KINDS[target.engine]
            return replace(finding, found=f"{finding.found}. While ninelabs is open: {own_server().client()}")
        finally:
            await target.release()
    except LabError as error:
        return Finding(name, "problem", f"{error.title}. {error.cause}", error.remedy)


async def _probed(name: str, server: Engine) -> Finding:
    try:
        probe = await probed(server, "ninelabs/doctor")
    except Engine.driver_errors as error:
        raise server.explain(error) from error
    lacking = [capability for capability, present in probe.capabilities.items() if not present]
    found = f"{probe.server_version}, isolation {probe.isolation_default} by default"
    if "create schema" in lacking:
        grant = f"As the database's owner: {server.grant()}"
        return Finding(name, "problem", f"{found}; this role may not create a schema", grant)
    if lacking:
        return Finding(name, "note", found, f"It lacks {', '.join(lacking)}: those panes stay empty.")
    return Finding(name, "ok", found)
