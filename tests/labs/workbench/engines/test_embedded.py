"""The embedded server: that it starts and stops, and who can reach it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import URL

from labs.stream.events import EngineChanged
from labs.workbench.engines import accounts, binaries, embedded
from labs.workbench.engines.embedded import EmbeddedPostgres
from labs.workbench.engines.keeper import alive
from tests.labs.workbench.engines.conftest import Run, as_root, ask, eventually, ignore, mode, set_mode


def entries(path: Path) -> list[Path]:
    return list(path.iterdir())


def psql(url: URL, user: str | None = None) -> str:
    """What psql complains about when that Unix user runs it; none means who runs the tests."""
    site = binaries.installed_in()
    assert site
    identity: dict[str, Any] = {"user": user, "group": "nogroup", "extra_groups": []} if user else {}
    program = str(site / binaries.INSTALLATION / "bin" / "psql")
    command = [program, "--host", str(url.query["host"]), "--username", "postgres", "--command", "SELECT 1"]
    complaint: str = subprocess.run(command, capture_output=True, text=True, check=False, **identity).stderr
    return complaint


async def test_starts_from_nothing_and_stops(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "9999")
    monkeypatch.setenv("NINELABS_DATA", str(empty_home))
    server, events = EmbeddedPostgres(), list[EngineChanged]()
    assert not server.describe().running
    assert entries(empty_home) == [], "describing must not make anything"
    url = await server.acquire(events.append)
    assert url.render_as_string().startswith("postgresql+asyncpg://postgres@/postgres?host=")
    assert (await ask(url, "SELECT version()")).startswith("PostgreSQL 18")
    durable = "SELECT current_setting('fsync') || current_setting('synchronous_commit')"
    assert await ask(url, durable) == "onon"
    locale = "SELECT datlocprovider::text || ' ' || datlocale FROM pg_database WHERE datname = current_database()"
    assert await ask(url, locale) == "b C.UTF-8"
    assert await ask(url, "SELECT current_setting('listen_addresses')") == ""
    assert [event.state for event in events] == ["starting", "ready"]
    there = server.describe()
    assert there.running
    assert there.version == events[-1].server_version
    process = psutil.Process(there.pid)
    await server.release()
    await server.release()
    assert not alive(process)
    assert not server.describe().running


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


async def test_nothing_is_printed(home: Path, run: Run) -> None:
    program = run(home, "mute")
    assert eventually(lambda: EmbeddedPostgres(home).mark.find() is not None)
    assert program.end() == ""
