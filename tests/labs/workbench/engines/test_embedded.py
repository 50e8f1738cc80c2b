"""The embedded server: who can reach it, who shares it, and that it ends and comes back."""

import asyncio
import os
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from sqlalchemy import URL

from labs.stream.events import EngineChanged
from labs.workbench.engines import accounts, binaries, embedded, folders
from labs.workbench.engines.embedded import EmbeddedPostgres
from labs.workbench.engines.keeper import alive
from labs.workbench.engines.locks import FileLock
from labs.workbench.errors import ENGINE, EngineError
from tests.labs.workbench.engines.conftest import Program, eventually, keepers

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as a second user, or mount a small disk")
FULL = "The disk is full: (could not|.*No space left|PostgreSQL does not start)"
Run = Callable[..., Program]


def ignore(event: EngineChanged) -> None:
    """For those who do not look at what a start reports."""


async def connect(url: URL) -> Any:
    return await asyncpg.connect(
        host=url.query["host"], port=int(str(url.query["port"])), user=url.username, database=url.database
    )


async def ask(url: URL, question: str) -> Any:
    connection = await connect(url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def set_mode(path: Path, bits: int) -> None:
    path.chmod(bits)


def entries(path: Path) -> list[Path]:
    return list(path.iterdir())


def replace_by_link(path: Path, target: Path) -> None:
    path.rmdir()
    path.symlink_to(target)


def remove_link(path: Path) -> None:
    path.unlink()


def psql(url: URL, user: str | None = None) -> str:
    """What psql complains about when that Unix user runs it; none means who runs the tests."""
    site = binaries.installed_in()
    assert site
    identity: dict[str, Any] = {"user": user, "group": "nogroup", "extra_groups": []} if user else {}
    program = str(site / binaries.INSTALLATION / "bin" / "psql")
    command = [program, "--host", str(url.query["host"]), "--username", "postgres", "--command", "SELECT 1"]
    complaint: str = subprocess.run(command, capture_output=True, text=True, check=False, **identity).stderr
    return complaint


def lease_is_taken(home: Path) -> bool:
    with FileLock(home / f"postgres-{binaries.MAJOR}" / "lease") as lease:
        return not lease.try_shared()


def running(server: EmbeddedPostgres) -> psutil.Process:
    process = server.mark.find()
    assert process
    return process


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


async def test_two_programs_share_one_server(home: Path, run: Run) -> None:
    server = EmbeddedPostgres(home)
    await server.acquire(ignore)
    process = running(server)
    other = run(home)
    assert other.server().pid == process.pid
    assert len(keepers(home)) == 1
    await server.release()
    assert alive(process)
    other.end()
    assert not alive(process)
    assert eventually(lambda: not keepers(home))


async def test_four_programs_start_at_once(empty_home: Path, run: Run) -> None:
    programs = [run(empty_home) for _ in range(4)]
    servers = {program.server().pid for program in programs}
    assert len(servers) == 1
    assert len(keepers(empty_home)) == 1
    for program in programs:
        program.leave()
    for program in programs:
        assert program.end() == ""
    assert EmbeddedPostgres(empty_home).mark.find() is None


async def test_a_killed_user_takes_the_server_along(home: Path, run: Run) -> None:
    program = run(home)
    process = program.server()
    program.kill()
    assert eventually(lambda: not alive(process))
    assert eventually(lambda: not keepers(home))


async def test_a_server_without_user_and_keeper_ends_with_the_next_user(home: Path, run: Run) -> None:
    program = run(home)
    process = program.server()
    [keeper] = keepers(home)
    keeper.kill()
    program.kill()
    server = EmbeddedPostgres(home)
    await server.acquire(ignore)
    assert running(server).pid == process.pid
    assert eventually(lambda: len(keepers(home)) == 1), "and it has a keeper again"
    await server.release()
    assert not alive(process)


async def test_a_new_user_waits_for_the_keeper_to_finish(home: Path, run: Run) -> None:
    program = run(home)
    process = program.server()
    process.suspend()
    program.kill()
    assert eventually(lambda: lease_is_taken(home)), "the keeper has it"
    told = asyncio.Event()
    server = EmbeddedPostgres(home)
    start = asyncio.create_task(server.acquire(lambda event: told.set() if "still stopping" in event.detail else None))
    await told.wait()
    process.resume()
    url = await start
    assert running(server).pid != process.pid
    assert await ask(url, "SELECT 1") == 1
    assert len(keepers(home)) == 1
    await server.release()


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


async def test_a_long_path_gets_a_short_socket(home: Path) -> None:
    deep = home / ("a long name" + "x" * 90)
    deep.mkdir(mode=0o711)
    (home / f"postgres-{binaries.MAJOR}").rename(deep / f"postgres-{binaries.MAJOR}")
    server = EmbeddedPostgres(deep)
    url = await server.acquire(ignore)
    where = Path(str(url.query["host"]))
    assert where.parent == Path(tempfile.gettempdir())
    assert mode(where) == 0o700
    assert await ask(url, "SELECT 1") == 1
    await server.release()
    set_mode(where, 0o755)
    with pytest.raises(EngineError, match="open to others"):
        await server.acquire(ignore)
    replace_by_link(where, home)
    with pytest.raises(EngineError, match="not a folder"):
        await server.acquire(ignore)
    remove_link(where)


def test_a_comma_gets_a_short_socket_too(empty_home: Path) -> None:
    where = folders.socket_folder(empty_home / "one,two", embedded.SOCKET, accounts.owner())
    assert where.parent == Path(tempfile.gettempdir())
    where.rmdir()


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


@as_root
async def test_a_closed_parent_is_named(empty_home: Path) -> None:
    closed = empty_home / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(EngineError) as caught:
        await EmbeddedPostgres(closed / "data").acquire(ignore)
    assert str(closed) in caught.value.title
    assert "NINELABS_DATA" in caught.value.remedy
    assert mode(closed) == 0o700


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


async def test_too_little_disk_for_a_new_server(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "free_bytes", lambda path: 10 * 2**20)
    server = EmbeddedPostgres(empty_home)
    with pytest.raises(EngineError, match="needs 200 MiB, and 10 MiB are free"):
        await server.acquire(ignore)
    assert not server.data.exists()


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


async def test_a_user_without_a_name(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 987654)
    with pytest.raises(EngineError, match="987654 has no name"):
        await EmbeddedPostgres(empty_home).acquire(ignore)


async def test_nothing_is_printed(home: Path, run: Run) -> None:
    program = run(home, "mute")
    assert eventually(lambda: EmbeddedPostgres(home).mark.find() is not None)
    assert program.end() == ""


@as_root
async def test_an_ordinary_user_has_it_all(empty_home: Path, run: Run) -> None:
    os.chown(empty_home, 65534, 65534)
    # Read access to everything stands in for an interpreter and a checkout that anybody can read.
    drop = ["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all,+dac_read_search"]
    nobody = ["setpriv", *drop, "--ambient-caps=+dac_read_search", "--bounding-set=-all,+dac_read_search"]
    first = run(empty_home, prefix=nobody)
    process = first.server()
    assert process.uids().real == 65534
    data = EmbeddedPostgres(empty_home).data
    assert (data.stat().st_uid, mode(data.parent)) == (65534, 0o700)
    second = run(empty_home, prefix=nobody)
    assert second.server().pid == process.pid
    first.kill()
    assert alive(process)
    assert second.end() == ""
    assert not alive(process)
    third = run(empty_home, prefix=nobody)
    process = third.server()
    third.kill()
    assert eventually(lambda: not alive(process))
