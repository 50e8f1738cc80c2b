"""A server of our own, of either kind, after whatever cut it, or its start, short."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from labs.stream.events import EngineChanged
from labs.workbench.engines.embedded import EmbeddedPostgres
from labs.workbench.engines.keeper import alive
from labs.workbench.engines.private_mariadb import PrivateMariaDB
from tests.labs.workbench.engines.conftest import Run, ask, eventually, ignore, keepers, one_kind, running
from tests.labs.workbench.engines.program import Kind

ROWS: dict[Kind, str] = {EmbeddedPostgres: "generate_series(1, 20000) AS n", PrivateMariaDB: "d.seq_1_to_20000"}
"""Something to select twenty thousand rows from."""

BORN: dict[Kind, str] = {EmbeddedPostgres: "PG_VERSION", PrivateMariaDB: "ibdata1"}
"""A file that a new server's data begin with."""


async def test_a_killed_server_recovers(home: Path, kind: Kind) -> None:
    server = kind(home)
    url = await server.acquire(ignore)
    await ask(url, "CREATE SCHEMA d", f"CREATE TABLE d.kept AS SELECT * FROM {ROWS[kind]}")
    killed = running(server)
    killed.kill()
    assert eventually(lambda: not alive(killed)), "until then it may let people in"
    events: list[EngineChanged] = []
    url = await server.acquire(events.append)
    assert list(dict.fromkeys(event.state for event in events)) == ["starting", "recovering", "ready"]
    assert "0 s" in events[1].detail
    assert running(server).pid != killed.pid
    assert await ask(url, "SELECT COUNT(*) FROM d.kept") == 20000
    await server.release()


@one_kind
async def test_a_long_recovery_is_waited_for(home: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    server = kind(home)
    await server.acquire(ignore)
    running(server).kill()
    ready, events = asyncio.Event(), list[EngineChanged]()
    monkeypatch.setattr(server, "ready", ready.is_set)

    def report(event: EngineChanged) -> None:
        events.append(event)
        if "1 s" in event.detail:
            ready.set()

    await server.acquire(report)
    assert [event.state for event in events] == ["starting", "recovering", "recovering", "ready"]
    await server.release()


@pytest.fixture(params=["same program, other arguments", "other program, same argument"])
def stranger(request: pytest.FixtureRequest, home: Path, kind: Kind) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the server's user that is easily taken for the server."""
    server = kind(home)
    user = server.data.stat().st_uid if os.geteuid() == 0 else None
    alike = request.param.startswith("same")
    name, arguments = (server.mark.program, []) if alike else ("tail", ["--", server.mark.argument])
    command = [name, "-f", "/dev/null", *arguments]
    with subprocess.Popen(command, executable=shutil.which("tail"), user=user, stderr=subprocess.DEVNULL) as process:
        yield process
        process.kill()


@one_kind
async def test_a_stale_pid_file_names_a_stranger(home: Path, kind: Kind, stranger: subprocess.Popen[bytes]) -> None:
    server = kind(home)
    await server.acquire(ignore)
    lines = server.mark.pid_file.read_text().splitlines()
    await server.release()
    server.mark.pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
    shutil.chown(server.mark.pid_file, server.data.stat().st_uid)
    assert server.mark.find() is None
    assert await ask(await server.acquire(ignore), "SELECT 1") == 1
    assert running(server).pid != stranger.pid
    await server.release()
    assert stranger.poll() is None, "the stranger was left alone"


async def test_a_creation_cut_short_does_no_harm(empty_home: Path, kind: Kind, run: Run) -> None:
    program = run(empty_home)
    server = kind(empty_home)
    assert eventually((server.folder / "data.new" / BORN[kind]).exists)
    program.kill()
    assert not server.data.exists()
    assert await ask(await server.acquire(ignore), "SELECT 1") == 1
    assert not (server.folder / "data.new").exists()
    await server.release()


async def test_a_cancelled_start_holds_nothing(home: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    server = kind(home)
    monkeypatch.setattr(server, "ready", lambda: False)
    start = asyncio.create_task(server.acquire(ignore))
    assert await asyncio.to_thread(eventually, server.mark.find)
    start.cancel()
    await asyncio.wait({start}, timeout=10)
    assert start.cancelled()
    assert server.mark.find() is None
    assert eventually(lambda: not keepers(home)), "the keeper could have the lease"
