"""The embedded server after whatever cut it, or its start, short."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from labs.stream.events import EngineChanged
from labs.workbench.engines import embedded
from labs.workbench.engines.embedded import EmbeddedPostgres
from labs.workbench.engines.keeper import alive
from labs.workbench.errors import EngineError
from tests.labs.workbench.engines.conftest import Run, ask, connect, eventually, ignore, keepers, running


async def test_a_killed_server_recovers(home: Path) -> None:
    server = EmbeddedPostgres(home)
    url = await server.acquire(ignore)
    await ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    busy = await connect(url)
    orphan = psutil.Process(await busy.fetchval("SELECT pg_backend_pid()"))
    work = asyncio.create_task(busy.fetchval("SELECT count(*) FROM generate_series(1, 1e12)"))
    await asyncio.sleep(0)
    assert await ask(url, f"SELECT state FROM pg_stat_activity WHERE pid = {orphan.pid}") == "active"
    killed = running(server)
    killed.kill()
    assert eventually(lambda: not alive(killed)), "until then it may let people in"
    events: list[EngineChanged] = []
    url = await server.acquire(events.append)
    assert [event.state for event in events] == ["starting", "recovering", "ready"]
    assert "0 s" in events[1].detail
    assert not alive(orphan)
    assert running(server).pid != killed.pid
    assert await ask(url, "SELECT answer FROM kept") == 42
    with pytest.raises(asyncpg.PostgresError):
        await work
    busy.terminate()
    await server.release()


async def test_a_long_recovery_is_waited_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = EmbeddedPostgres(home)
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
def stranger(request: pytest.FixtureRequest, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the server's user that is easily taken for the server."""
    data = EmbeddedPostgres(home).data
    user = data.stat().st_uid if os.geteuid() == 0 else None
    alike = request.param.startswith("same")
    command = ["postgres" if alike else "tail", "-f", "/dev/null", *([] if alike else [str(data)])]
    with subprocess.Popen(command, executable=shutil.which("tail"), user=user, stderr=subprocess.DEVNULL) as process:
        yield process
        process.kill()


async def test_a_stale_pid_file_names_a_stranger(home: Path, stranger: subprocess.Popen[bytes]) -> None:
    server = EmbeddedPostgres(home)
    await server.acquire(ignore)
    lines = server.mark.pid_file.read_text().splitlines()
    await server.release()
    server.mark.pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
    shutil.chown(server.mark.pid_file, server.data.stat().st_uid)
    assert server.mark.find() is None
    assert (await ask(await server.acquire(ignore), "SELECT 1")) == 1
    assert running(server).pid != stranger.pid
    await server.release()
    assert stranger.poll() is None, "the stranger was left alone"


async def test_a_server_of_another_container_is_not_doubled(home: Path) -> None:
    server = EmbeddedPostgres(home)
    where = home / "elsewhere"
    where.mkdir()
    server.mark.pid_file.write_text(f"999999999\n{server.data}\n0\n5432\n{where}\n\n\nready   \n")
    with socket.socket(socket.AF_UNIX) as unseen:
        unseen.bind(str(where / embedded.SOCKET))
        unseen.listen()
        with pytest.raises(EngineError, match="answers for"):
            await server.acquire(ignore)
    assert server.mark.pid_file.exists()


async def test_an_initdb_cut_short_does_no_harm(empty_home: Path, run: Run) -> None:
    program = run(empty_home)
    server = EmbeddedPostgres(empty_home)
    assert eventually((server.folder / "data.new" / "PG_VERSION").exists)
    program.kill()
    assert not server.data.exists()
    assert await ask(await server.acquire(ignore), "SELECT 1") == 1
    assert not (server.folder / "data.new").exists()
    await server.release()


async def test_a_cancelled_start_holds_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = EmbeddedPostgres(home)
    monkeypatch.setattr(server, "ready", lambda: False)
    start = asyncio.create_task(server.acquire(ignore))
    assert await asyncio.to_thread(eventually, server.mark.find)
    start.cancel()
    await asyncio.wait({start}, timeout=10)
    assert start.cancelled()
    assert server.mark.find() is None
    assert eventually(lambda: not keepers(home)), "the keeper could have the lease"
