"""Data folders for servers of our own, programs that use them, and questions to a server."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from sqlalchemy import URL

from labs.stream.events import EngineChanged
from labs.workbench.engines.embedded import EmbeddedPostgres
from labs.workbench.engines.keeper import alive

ROOT = Path(__file__).parents[4]
PROGRAM = Path(__file__).with_name("program.py")

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as a second user, or mount a small disk")


def eventually(condition: Callable[[], object], seconds: float = 15) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def keepers(home: Path) -> list[psutil.Process]:
    """The keepers of servers in that folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if any(word.endswith("keeper.py") for word in command) and any(str(home) in word for word in command):
            found.append(process)
    return [process for process in found if alive(process)]


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


def running(server: EmbeddedPostgres) -> psutil.Process:
    process = server.mark.find()
    assert process
    return process


class Program:
    """Another process that uses the server of a data folder."""

    def __init__(self, home: Path, *words: str, prefix: Sequence[str] = ()) -> None:
        self.process = subprocess.Popen(
            [*prefix, sys.executable, str(PROGRAM), *words],
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

    def leave(self) -> None:
        """Tell it to leave, without waiting until it has."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.stdin = None

    def end(self) -> str:
        """Let it leave; returns all that it wrote besides."""
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, err
        return out + err

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


Run = Callable[..., Program]
"""What the fixture `run` is."""


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


def _make_home() -> Path:
    home = Path(tempfile.mkdtemp(prefix="ninelabs-test-", dir="/tmp"))
    home.chmod(0o711)
    return home


def _remove_home(home: Path) -> None:
    mark = EmbeddedPostgres(home).mark
    if server := mark.find():
        server.resume()
        mark.stop(server)
    shutil.rmtree(home)


@pytest.fixture
def empty_home() -> Iterator[Path]:
    """A data folder in which there has never been a server."""
    home = _make_home()
    yield home
    _remove_home(home)


@pytest.fixture(scope="session")
def used_home() -> Iterator[Path]:
    home = _make_home()
    program = Program(home)
    program.server()
    program.end()
    yield home
    _remove_home(home)


@pytest.fixture
def home(used_home: Path) -> Iterator[Path]:
    """A data folder whose server has run before, and stopped."""
    home = _make_home()
    for part in used_home.iterdir():
        subprocess.run(["cp", "-a", "--reflink=auto", part, home], check=True)
    yield home
    _remove_home(home)
