"""A server of our own, of either kind: that it starts and stops, and what it makes of where it has to live."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import URL

from labs.stream.events import EngineChanged
from labs.workbench.engines import folders
from labs.workbench.engines.embedded import EmbeddedPostgres
from labs.workbench.engines.keeper import alive
from labs.workbench.engines.private_mariadb import PrivateMariaDB
from labs.workbench.errors import EngineError
from tests.labs.workbench.engines.conftest import (
    Run,
    as_root,
    ask,
    end,
    entries,
    eventually,
    ignore,
    mode,
    one_kind,
    set_mode,
)
from tests.labs.workbench.engines.program import Kind

NEEDED_MIB: dict[Kind, int] = {EmbeddedPostgres: 200, PrivateMariaDB: 500}


def socket_folder(url: URL) -> Path:
    if "host" in url.query:
        return Path(str(url.query["host"]))
    return Path(str(url.query["unix_socket"])).parent


def replace_by_link(path: Path, target: Path) -> None:
    path.rmdir()
    path.symlink_to(target)


def remove_link(path: Path) -> None:
    path.unlink()


@pytest.fixture
def deep(home: Path, kind: Kind) -> Iterator[Path]:
    """A data folder whose path is too long for a socket, and whose server has run before, elsewhere."""
    deep = home / ("a long name" + "x" * 90)
    deep.mkdir(mode=0o711)
    used = kind(home).folder
    used.rename(deep / used.name)
    yield deep
    end(kind(deep))


async def test_starts_from_nothing_and_stops(empty_home: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    surroundings = {"PGPORT": "9999", "MYSQL_HOME": "/nonexistent", "NINELABS_DATA": str(empty_home)}
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    server, events = kind(), list[EngineChanged]()
    assert not server.describe().running
    assert entries(empty_home) == [], "describing must not make anything"
    url = await server.acquire(events.append)
    assert [event.state for event in events] == ["starting", "ready"]
    there = server.describe()
    assert there.running
    assert there.version == events[-1].server_version
    assert there.version in await ask(url, "SELECT version()")
    process = psutil.Process(there.pid)
    await server.release()
    await server.release()
    assert not alive(process)
    assert not server.describe().running


async def test_nothing_is_printed(home: Path, kind: Kind, run: Run) -> None:
    program = run(home, "mute")
    assert eventually(lambda: kind(home).mark.find() is not None)
    assert program.end() == ""


@one_kind
async def test_a_long_path_gets_a_short_socket(deep: Path, kind: Kind) -> None:
    server = kind(deep)
    url = await server.acquire(ignore)
    where = socket_folder(url)
    assert where.parent == Path(tempfile.gettempdir())
    assert mode(where) == 0o700
    assert await ask(url, "SELECT 1") == 1
    await server.release()
    set_mode(where, 0o755)
    with pytest.raises(EngineError, match="open to others"):
        await server.acquire(ignore)
    replace_by_link(where, deep)
    with pytest.raises(EngineError, match="not a folder"):
        await server.acquire(ignore)
    remove_link(where)


async def test_who_joins_finds_the_socket_wherever_it_is(
    deep: Path, kind: Kind, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = run(deep)
    program.server()
    there = Path(tempfile.gettempdir())
    monkeypatch.setattr(tempfile, "tempdir", str(deep.parent))
    server = kind(deep)
    url = await server.acquire(ignore)
    where = socket_folder(url)
    assert (where.parent, mode(where)) == (there, 0o700)
    assert await ask(url, "SELECT 1") == 1
    await server.release()
    program.end()
    where.rmdir()


@as_root
async def test_a_closed_parent_is_named(empty_home: Path, kind: Kind) -> None:
    closed = empty_home / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(EngineError) as caught:
        await kind(closed / "data").acquire(ignore)
    assert str(closed) in caught.value.title
    assert "NINELABS_DATA" in caught.value.remedy
    assert mode(closed) == 0o700


async def test_too_little_disk_for_a_new_server(empty_home: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "free_bytes", lambda path: 10 * 2**20)
    server = kind(empty_home)
    with pytest.raises(EngineError, match=f"needs {NEEDED_MIB[kind]} MiB, and 10 MiB are free"):
        await server.acquire(ignore)
    assert not server.data.exists()


async def test_a_user_without_a_name(empty_home: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 987654)
    with pytest.raises(EngineError, match="987654 has no name"):
        await kind(empty_home).acquire(ignore)
