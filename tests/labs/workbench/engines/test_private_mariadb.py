"""MariaDB of our own: who can reach it, who shares it, and that it ends and comes back. What it has in common with
PostgreSQL's own server is proved there."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import URL, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from labs.stream.events import EngineChanged
from labs.workbench.engines import folders
from labs.workbench.engines.keeper import alive
from labs.workbench.engines.mariadb import installation
from labs.workbench.engines.private_mariadb import PrivateMariaDB
from labs.workbench.errors import ENGINE, EngineError
from tests.labs.workbench.engines.conftest import ROOT, eventually, keepers

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as a second user")
NOBODY = 65534

PROGRAM = """
import asyncio, sys
from labs.workbench.engines.private_mariadb import PrivateMariaDB

async def main():
    server = PrivateMariaDB()
    await server.acquire(lambda event: None)
    if "mute" not in sys.argv:
        print(server.describe().pid, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.release()

asyncio.run(main())
"""


@pytest.fixture(scope="module", autouse=True)
def installed() -> installation.Installation:
    """Without a mariadbd there is nothing to test; where there must be one, that is a failure."""
    found = installation.find()
    if found is None:
        (pytest.fail if os.environ.get("NINELABS_REQUIRE_MARIADB") == "1" else pytest.skip)(
            f"no mariadbd found: {installation.INSTALL}"
        )
    return found


def make_home() -> Path:
    home = Path(tempfile.mkdtemp(prefix="ninelabs-test-", dir="/tmp"))
    home.chmod(0o711)
    return home


@pytest.fixture
def empty_home() -> Iterator[Path]:
    """A data folder in which there has never been a server."""
    home = make_home()
    yield home
    mark = PrivateMariaDB(home).mark
    if server := mark.find():
        server.resume()
        mark.stop(server)
    shutil.rmtree(home)


@pytest.fixture(scope="module")
async def used_home(installed: installation.Installation) -> AsyncIterator[Path]:
    home = make_home()
    server = PrivateMariaDB(home)
    await server.acquire(ignore)
    await server.release()
    yield home
    shutil.rmtree(home)


@pytest.fixture
def home(used_home: Path, empty_home: Path) -> Path:
    """A data folder whose server has run before, and stopped."""
    for part in used_home.iterdir():
        subprocess.run(["cp", "-a", "--reflink=auto", part, empty_home], check=True)
    return empty_home


class Program:
    """Another process that uses the server of a data folder."""

    def __init__(self, home: Path, *words: str, prefix: Sequence[str] = ()) -> None:
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-c", PROGRAM, *words],
            env={**os.environ, "NINELABS_DATA": str(home), "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def server(self) -> psutil.Process:
        """The server that it uses, once it is ready."""
        assert self.process.stdout
        said = self.process.stdout.readline()
        assert said, self.process.communicate()
        return psutil.Process(int(said))

    def end(self) -> str:
        """Let it leave; returns all that it wrote besides."""
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, err
        return out + err

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


Run = Callable[..., Program]


@pytest.fixture
def run() -> Iterator[Run]:
    """Starts programs; those still running at the end are killed."""
    programs: list[Program] = []

    def start(home: Path, *words: str, prefix: Sequence[str] = ()) -> Program:
        programs.append(Program(home, *words, prefix=prefix))
        return programs[-1]

    yield start
    for program in programs:
        if program.process.returncode is None:
            program.kill()


def ignore(event: EngineChanged) -> None:
    """For those who do not look at what a start reports."""


def ask(url: URL, *statements: str) -> Any:
    """Run statements on a connection of its own; returns the last one's first value."""
    engine = create_engine(url.set(drivername="mariadb+pymysql"), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        results = [connection.exec_driver_sql(statement) for statement in statements]
        return results[-1].scalar() if results[-1].returns_rows else None


@contextmanager
def acting_as(user: int) -> Iterator[None]:
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)


def entries(path: Path, pattern: str = "*") -> list[Path]:
    return list(path.glob(pattern))


def remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def running(server: PrivateMariaDB) -> psutil.Process:
    process = server.mark.find()
    assert process
    return process


async def test_starts_from_nothing_and_stops(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYSQL_HOME", "/nonexistent")
    server, events = PrivateMariaDB(empty_home), list[EngineChanged]()
    assert not server.describe().running
    assert entries(empty_home) == [], "describing must not make anything"
    url = await server.acquire(events.append)
    assert [event.state for event in events] == ["starting", "ready"]
    there = server.describe()
    assert there.running
    assert re.fullmatch(r"\d+\.\d+\.\d+", there.version)
    assert there.version == events[-1].server_version
    assert ask(url, "SELECT VERSION()").startswith(f"{there.version}-MariaDB")
    settings = {
        "skip_networking": 1,
        "innodb_flush_log_at_trx_commit": 1,
        "character_set_server": "utf8mb4",
        "time_zone": "+00:00",
        "local_infile": 1,
        "innodb_status_output_locks": 1,
        "innodb_print_all_deadlocks": 1,
        "performance_schema": 1,
        "log_bin": 0,
    }
    assert {name: ask(url, f"SELECT @@GLOBAL.{name}") for name in settings} == settings
    may_log_in = "SELECT GROUP_CONCAT(user, '@', host) FROM mysql.user WHERE user <> 'mariadb.sys'"
    assert ask(url, may_log_in) == "ninelabs@localhost"
    assert ask(url, "SELECT JSON_VALUE(priv, '$.account_locked') FROM mysql.global_priv WHERE user = 'mariadb.sys'")
    assert ask(url, "SELECT COUNT(*) FROM sys.innodb_lock_waits") == 0
    process = running(server)
    await server.release()
    assert not alive(process)
    assert not server.describe().running


async def test_the_password_is_in_one_file_and_nowhere_else(home: Path) -> None:
    server = PrivateMariaDB(home)
    url = await server.acquire(ignore)
    password = str(url.password)
    secret = server.data / "password"
    assert (secret.read_text(), mode(secret), secret.stat().st_uid) == (password, 0o600, os.geteuid())
    assert len(password) >= 32
    process = running(server)
    assert password not in " ".join([*process.cmdline(), *process.environ().values(), server.log.read()])
    others = [path for path in server.folder.rglob("*") if path.is_file() and path != secret]
    assert not [path for path in others if password.encode() in path.read_bytes()]
    assert mode(server.data) == 0o700
    await server.release()


@as_root
async def test_a_second_user_is_refused(home: Path) -> None:
    server = PrivateMariaDB(home)
    url = await server.acquire(ignore)
    folder = Path(str(url.query["unix_socket"])).parent
    assert mode(folder) == 0o700
    with acting_as(NOBODY), socket.socket(socket.AF_UNIX) as visitor, pytest.raises(PermissionError):
        visitor.connect(url.query["unix_socket"])
    folder.chmod(0o711)
    with acting_as(NOBODY), pytest.raises(DBAPIError, match="Access denied"):
        ask(url.set(password=""), "SELECT 1")
    assert ask(url, "SELECT 1") == 1, "the owner gets in by the same way"
    await server.release()


async def test_two_programs_share_one_server(home: Path, run: Run) -> None:
    server = PrivateMariaDB(home)
    await server.acquire(ignore)
    process = running(server)
    other = run(home)
    assert other.server().pid == process.pid
    assert len(keepers(home)) == 1
    await server.release()
    assert alive(process)
    assert other.end() == ""
    assert not alive(process)
    assert eventually(lambda: not keepers(home))


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
    server = PrivateMariaDB(home)
    await server.acquire(ignore)
    assert running(server).pid == process.pid
    await server.release()
    assert not alive(process)


async def test_a_killed_server_recovers(home: Path) -> None:
    server = PrivateMariaDB(home)
    url = await server.acquire(ignore)
    ask(url, "CREATE DATABASE d", "CREATE TABLE d.kept AS SELECT seq AS n FROM d.seq_1_to_20000")
    killed = running(server)
    killed.kill()
    events: list[EngineChanged] = []
    url = await server.acquire(events.append)
    assert [event.state for event in events] == ["starting", "recovering", "ready"]
    assert running(server).pid != killed.pid
    assert ask(url, "SELECT COUNT(*) FROM d.kept") == 20000
    await server.release()


async def test_a_server_of_another_container_is_not_doubled(home: Path) -> None:
    server = PrivateMariaDB(home)
    url = await server.acquire(ignore)
    where = str(url.query["unix_socket"])
    await server.release()
    server.mark.pid_file.write_text("999999999\n")
    remove(Path(where))
    with socket.socket(socket.AF_UNIX) as unseen:
        unseen.bind(where)
        unseen.listen()
        with pytest.raises(EngineError, match="answers for"):
            await server.acquire(ignore)
    assert server.mark.find() is None


async def test_a_long_recovery_can_be_cancelled(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = PrivateMariaDB(home)
    monkeypatch.setattr(server, "ready", lambda: False)
    start = asyncio.create_task(server.acquire(ignore))
    assert await asyncio.to_thread(eventually, server.mark.find)
    start.cancel()
    await asyncio.wait({start}, timeout=20)
    assert start.cancelled()
    assert server.mark.find() is None
    assert eventually(lambda: not keepers(home))


@pytest.fixture
def shell(home: Path) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Starts a shell of the server's user with an argument; it ends when it is told anything."""
    user = PrivateMariaDB(home).data.stat().st_uid
    shells: list[subprocess.Popen[bytes]] = []

    def start(argument: str) -> subprocess.Popen[bytes]:
        command = ["sh", "-c", "read line", argument]
        shells.append(subprocess.Popen(command, stdin=subprocess.PIPE, user=user if os.geteuid() == 0 else None))
        return shells[-1]

    yield start
    for each in shells:
        each.kill()
        each.communicate()


def test_a_server_is_found_from_before_it_is_one(home: Path, shell: Callable[[str], subprocess.Popen[bytes]]) -> None:
    """The shell that becomes it writes its process id down, so a long recovery does not hide it."""
    server = PrivateMariaDB(home)
    future = shell(f"--datadir={server.data}")
    server.mark.pid_file.write_text(f"{future.pid}\n")
    shutil.chown(server.mark.pid_file, server.data.stat().st_uid)
    found = server.mark.find()
    assert found
    assert found.pid == future.pid
    future.communicate(b"\n")
    assert server.mark.find() is None
    server.mark.pid_file.write_text(f"{shell(f'--datadir={server.data}x').pid}\n")
    assert server.mark.find() is None, "the shell of another server"


async def test_a_bootstrap_cut_short_does_no_harm(empty_home: Path, run: Run) -> None:
    program = run(empty_home)
    server = PrivateMariaDB(empty_home)
    assert eventually((server.folder / "data.new" / "ibdata1").exists)
    program.kill()
    assert not server.data.exists()
    assert ask(await server.acquire(ignore), "SELECT 1") == 1
    assert not (server.folder / "data.new").exists()
    assert not (server.data / "bootstrap.sql").exists()
    await server.release()


async def test_who_joins_finds_the_socket_wherever_it_is(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = home / ("a long name" + "x" * 90)
    deep.mkdir(mode=0o711)
    [used] = entries(home, "mariadb-*")
    used.rename(deep / used.name)
    program = run(deep)
    program.server()
    monkeypatch.setattr(tempfile, "tempdir", str(home))
    server = PrivateMariaDB(deep)
    url = await server.acquire(ignore)
    where = Path(str(url.query["unix_socket"]))
    assert (where.parent.parent, mode(where.parent)) == (Path("/tmp"), 0o700)
    assert ask(url, "SELECT 1") == 1
    await server.release()
    program.end()
    where.parent.rmdir()


async def test_without_mariadbd_it_says_how_to_get_one(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(empty_home))
    monkeypatch.setattr(installation, "PLACES", ())
    assert installation.find() is None
    server = PrivateMariaDB(empty_home)
    assert server.describe().version == ""
    with pytest.raises(EngineError, match="not installed") as caught:
        await server.acquire(ignore)
    assert installation.INSTALL in caught.value.remedy
    assert caught.value.exit_status == ENGINE

    impostor = empty_home / installation.PROGRAM
    impostor.write_text("#!/bin/sh\necho 'mariadbd  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)'\n")
    impostor.chmod(0o755)
    assert installation.find() is None, "it does not say that it is MariaDB"


@pytest.mark.parametrize(("prefix", "share"), [("mysql", "share/mysql"), ("mariadb", "share/mariadb")])
def test_scripts_are_found_by_both_their_names(
    empty_home: Path, monkeypatch: pytest.MonkeyPatch, prefix: str, share: str
) -> None:
    (empty_home / "bin").mkdir()
    (empty_home / share).mkdir(parents=True)
    program = empty_home / "bin" / installation.PROGRAM
    program.write_text("#!/bin/sh\necho 'mariadbd  Ver 12.1.2-MariaDB for osx10.19 on arm64 (Homebrew)'\n")
    program.chmod(0o755)
    for script in installation.SCRIPTS:
        (empty_home / share / f"{script.format(prefix)}.sql").write_text(f"-- {script.format(prefix)}")
    monkeypatch.setenv("PATH", str(program.parent))
    found = installation.find()
    assert found
    assert (found.version, found.series, found.base) == ("12.1.2", "12.1", empty_home)
    assert f"-- {prefix}_system_tables_data" in found.bootstrap_sql()


async def test_a_server_that_will_not_start_says_why(home: Path) -> None:
    server = PrivateMariaDB(home)
    with (server.data / "ibdata1").open("r+b") as file:
        file.write(bytes(16384 * 8))
    with pytest.raises(EngineError) as caught:
        await server.acquire(ignore)
    assert caught.value.title == "MariaDB does not start"
    assert "InnoDB" in caught.value.cause
    assert "Aborting" not in caught.value.cause
    assert str(server.log.path) in caught.value.remedy


async def test_too_little_disk_for_a_new_server(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "free_bytes", lambda path: 10 * 2**20)
    server = PrivateMariaDB(empty_home)
    with pytest.raises(EngineError, match="needs 300 MiB, and 10 MiB are free"):
        await server.acquire(ignore)
    assert not server.data.exists()


async def test_nothing_is_printed(home: Path, run: Run) -> None:
    program = run(home, "mute")
    assert eventually(lambda: PrivateMariaDB(home).mark.find() is not None)
    assert program.end() == ""


@as_root
async def test_an_ordinary_user_has_it_all(empty_home: Path, run: Run) -> None:
    os.chown(empty_home, NOBODY, NOBODY)
    # Read access to everything stands in for an interpreter and a checkout that anybody can read.
    drop = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all,+dac_read_search"]
    nobody = ["setpriv", *drop, "--ambient-caps=+dac_read_search", "--bounding-set=-all,+dac_read_search"]
    first = run(empty_home, prefix=nobody)
    process = first.server()
    assert process.uids().real == NOBODY
    data = PrivateMariaDB(empty_home).data
    assert (data.stat().st_uid, mode(data.parent)) == (NOBODY, 0o700)
    second = run(empty_home, prefix=nobody)
    assert second.server().pid == process.pid
    first.kill()
    assert second.end() == ""
    assert not alive(process)
