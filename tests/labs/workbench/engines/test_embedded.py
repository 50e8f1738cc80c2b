"""The embedded PostgreSQL: how it is set up, who can reach it, and what it leaves alone."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from labs.workbench.engines import accounts, binaries, embedded
from labs.workbench.engines.embedded import EmbeddedPostgres
from labs.workbench.engines.engine import Engine
from labs.workbench.engines.keeper import alive
from labs.workbench.errors import ENGINE, EngineError
from tests.labs.workbench.engines.conftest import as_root, ask, eventually, ignore, mode, running, set_mode
from tests.labs.workbench.engines.program import Kind


@pytest.fixture
def kind() -> Kind:
    return EmbeddedPostgres


def psql(url: URL, user: str | None = None) -> str:
    """What psql complains about when that Unix user runs it; none means who runs the tests."""
    site = binaries.installed_in()
    assert site
    identity: dict[str, Any] = {"user": user, "group": "nogroup", "extra_groups": []} if user else {}
    program = str(site / binaries.INSTALLATION / "bin" / "psql")
    command = [program, "--host", str(url.query["host"]), "--username", "postgres", "--command", "SELECT 1"]
    complaint: str = subprocess.run(command, capture_output=True, text=True, check=False, **identity).stderr
    return complaint


async def test_is_set_up_as_the_labs_need_it(home: Path) -> None:
    server = EmbeddedPostgres(home)
    url = await server.acquire(ignore)
    assert url.render_as_string().startswith("postgresql+asyncpg://postgres@/postgres?host=")
    assert (await ask(url, "SELECT version()")).startswith("PostgreSQL 18")
    durable = "SELECT current_setting('fsync') || current_setting('synchronous_commit')"
    assert await ask(url, durable) == "onon"
    loaded = "SELECT current_setting('max_wal_size') || ' ' || current_setting('backend_flush_after')"
    assert await ask(url, loaded) == "2GB 512kB"
    locale = "SELECT datlocprovider::text || ' ' || datlocale FROM pg_database WHERE datname = current_database()"
    assert await ask(url, locale) == "b C.UTF-8"
    assert await ask(url, "SELECT current_setting('listen_addresses')") == ""
    await server.release()


@as_root
async def test_a_second_user_is_refused(home: Path) -> None:
    server = EmbeddedPostgres(home)
    url = await server.acquire(ignore)
    folder = Path(str(url.query["host"]))
    assert mode(folder) == 0o700
    assert "Permission denied" in psql(url, "nobody")
    set_mode(folder, 0o711)
    assert "Permission denied" in psql(url, "nobody"), "the socket is closed, too"
    set_mode(folder / embedded.SOCKET, 0o777)
    assert "Peer authentication failed" in psql(url, "nobody")
    assert "Peer authentication failed" in psql(url, accounts.SERVER_ACCOUNT)
    assert psql(url) == "", "the owner gets in by the same way"
    await server.release()


async def test_no_folder_of_others_changes(empty_home: Path) -> None:
    site = binaries.installed_in()
    assert site
    home = empty_home / "mine"
    home.mkdir(mode=0o751)
    watched = [*home.parents, home, *site.parents, site]
    watched += [path for part in (binaries.PACKAGE, binaries.LIBRARIES) for path in (site / part).rglob("*")]

    def snapshot() -> dict[Path, tuple[int, int, int]]:
        return {path: (found.st_mode, found.st_uid, found.st_gid) for path in watched for found in [path.lstat()]}

    before = snapshot()
    server = EmbeddedPostgres(home)
    await server.acquire(ignore)
    await server.release()
    assert snapshot() == before
    assert mode(server.data) == 0o700


async def test_what_a_killed_server_left_running_is_ended(home: Path) -> None:
    server = EmbeddedPostgres(home)
    url = await server.acquire(ignore)
    where = {"host": url.query["host"], "port": int(str(url.query["port"]))}
    busy = await asyncpg.connect(user=url.username, database=url.database, **where)
    orphan = psutil.Process(await busy.fetchval("SELECT pg_backend_pid()"))
    work = asyncio.create_task(busy.fetchval("SELECT count(*) FROM generate_series(1, 1e12)"))
    await asyncio.sleep(0)
    assert await ask(url, f"SELECT state FROM pg_stat_activity WHERE pid = {orphan.pid}") == "active"
    killed = running(server)
    killed.kill()
    assert eventually(lambda: not alive(killed)), "until then it may let people in"
    await server.acquire(ignore)
    assert not alive(orphan)
    with pytest.raises(asyncpg.PostgresError):
        await work
    busy.terminate()
    await server.release()


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


async def test_a_driver_that_cannot_speak_to_its_server_any_more_has_lost_it(server: Engine) -> None:
    """It is told so when it wants to send something between the server's last word and the end of the connection."""
    orig = Exception()
    orig.__cause__ = asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress")
    error = DBAPIError("SELECT 1", (), orig)
    assert server.lost(error)
    assert server.explain(error).exit_status == ENGINE
    assert not server.lost(DBAPIError("SELECT 1", (), Exception()))
