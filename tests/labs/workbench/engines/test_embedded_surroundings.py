"""What the embedded PostgreSQL makes of where it has to live: paths, rights, room, settings."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labs.workbench.engines import accounts, binaries, embedded, folders
from labs.workbench.engines.embedded import EmbeddedPostgres
from labs.workbench.errors import ENGINE, EngineError
from tests.labs.workbench.engines.conftest import as_root, ask, eventually, ignore, keepers, mode, running
from tests.labs.workbench.engines.program import Kind

FULL = "The disk is full: (could not|.*No space left|PostgreSQL does not start)"


@pytest.fixture
def kind() -> Kind:
    return EmbeddedPostgres


def test_a_comma_gets_a_short_socket_too(empty_home: Path) -> None:
    where = folders.socket_folder(empty_home / "one,two", embedded.SOCKET, accounts.owner())
    assert where.parent == Path(tempfile.gettempdir())
    where.rmdir()


@as_root
async def test_binaries_out_of_reach_are_copied(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = binaries.installed_in()
    assert site
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    for part in (binaries.INSTALLATION, binaries.LIBRARIES):
        shutil.copytree(site / part, closed / part)
    for path in closed.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)
    monkeypatch.setattr(binaries, "installed_in", lambda: closed)
    server = EmbeddedPostgres(home)
    assert await ask(await server.acquire(ignore), "SELECT 1") == 1
    assert str(home / f"postgres-{binaries.MAJOR}") in running(server).cmdline()[0]
    await server.release()
    assert mode(closed) == 0o700


@pytest.fixture
def small_disk(empty_home: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a disk of the size given."""
    mounted: list[Path] = []

    def mount(size: str) -> Path:
        place = empty_home / "disk"
        place.mkdir(mode=0o711)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0711", "tmpfs", place], check=True)
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "--lazy", place], check=True)


@as_root
async def test_the_disk_fills_up(
    small_disk: Callable[[str], Path], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "NEEDED_BYTES", 0)
    place = small_disk("70m")
    crumbs = place / "crumbs"
    crumbs.write_bytes(bytes(50 * 2**20))
    server = EmbeddedPostgres(place)
    with pytest.raises(EngineError, match=FULL) as initdb:
        await server.acquire(ignore)
    crumbs.unlink()
    await server.acquire(ignore)
    await server.release()
    with crumbs.open("wb", buffering=0) as filler, pytest.raises(OSError, match="No space"):
        while True:
            filler.write(bytes(4096))
    with pytest.raises(EngineError, match=FULL) as start:
        await server.acquire(ignore)
    for caught in (initdb, start):
        assert caught.value.title == "The disk is full"
        assert caught.value.exit_status == ENGINE
    assert eventually(lambda: not keepers(place))


async def test_a_server_that_will_not_start_says_why(home: Path) -> None:
    server = EmbeddedPostgres(home)
    (server.data / "postgresql.auto.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(EngineError) as caught:
        await server.acquire(ignore)
    assert caught.value.title == "PostgreSQL does not start"
    assert "configuration file" in caught.value.cause
    assert str(server.log.path) in caught.value.remedy
