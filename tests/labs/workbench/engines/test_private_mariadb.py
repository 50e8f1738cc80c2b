"""MariaDB of our own: how it is set up, who can reach it, how it is found, and what it says when it fails."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from sqlalchemy.exc import DBAPIError

from labs.workbench.engines.keeper import alive
from labs.workbench.engines.private_mariadb import PrivateMariaDB
from labs.workbench.errors import EngineError
from tests.labs.workbench.engines.conftest import NOBODY, as_root, ask, eventually, ignore, mode, running
from tests.labs.workbench.engines.program import Kind


@pytest.fixture
def kind() -> Kind:
    return PrivateMariaDB


@contextmanager
def acting_as(user: int) -> Iterator[None]:
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)


def remove(path: Path) -> None:
    path.unlink(missing_ok=True)


async def test_is_set_up_as_the_labs_need_it(home: Path) -> None:
    server = PrivateMariaDB(home)
    url = await server.acquire(ignore)
    there = server.describe()
    assert re.fullmatch(r"\d+\.\d+\.\d+", there.version)
    assert (await ask(url, "SELECT VERSION()")).startswith(f"{there.version}-MariaDB")
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
    assert {name: await ask(url, f"SELECT @@GLOBAL.{name}") for name in settings} == settings
    may_log_in = "SELECT GROUP_CONCAT(user, '@', host) FROM mysql.user WHERE user <> 'mariadb.sys'"
    assert await ask(url, may_log_in) == "ninelabs@localhost"
    locked = "SELECT JSON_VALUE(priv, '$.account_locked') FROM mysql.global_priv WHERE user = 'mariadb.sys'"
    assert await ask(url, locked)
    assert await ask(url, "SELECT COUNT(*) FROM sys.innodb_lock_waits") == 0
    await server.release()


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
    assert not [path for path in others if path.name == "bootstrap.sql"], "it knew the password's hash"
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
        await ask(url.set(password=""), "SELECT 1")
    assert await ask(url, "SELECT 1") == 1, "the owner gets in by the same way"
    await server.release()


@pytest.fixture
def dead() -> Iterator[psutil.Process]:
    """A process that has ended and is not yet reaped."""
    with subprocess.Popen(["true"]) as child:
        process = psutil.Process(child.pid)
        assert eventually(lambda: not alive(process))
        yield process


async def test_a_killed_server_may_take_its_time_to_let_go(home: Path, dead: psutil.Process) -> None:
    """What answers at the socket while the last server is dying is that server, not one in another container."""
    server = PrivateMariaDB(home)
    where = str((await server.acquire(ignore)).query["unix_socket"])
    await server.release()
    server.mark.pid_file.write_text(f"{dead.pid}\n")
    remove(Path(where))
    with socket.socket(socket.AF_UNIX) as held:
        held.setblocking(False)
        held.bind(where)
        held.listen()
        start = asyncio.create_task(server.acquire(ignore))
        async with asyncio.timeout(10):
            visitor, _ = await asyncio.get_running_loop().sock_accept(held)
        visitor.close()
    assert await ask(await start, "SELECT 1") == 1
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
