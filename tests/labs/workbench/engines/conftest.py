"""Data folders for servers of our own, of either kind, programs that use them, and questions to a server; a bar.

Tests that are about one kind only say so by a fixture `kind` of their module's own.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import URL, NullPool
from sqlalchemy.ext.asyncio import create_async_engine

from labs.stream.events import EngineChanged
from labs.workbench.engines.embedded import EmbeddedPostgres
from labs.workbench.engines.keeper import alive
from labs.workbench.engines.mariadb.engine import MariaDB
from labs.workbench.engines.private_mariadb import PrivateMariaDB
from tests.conftest import without_mariadbd
from tests.labs.workbench.engines.bar import SCHEMA, Bar
from tests.labs.workbench.engines.program import KINDS, Kind, Own

ROOT = Path(__file__).parents[4]
PROGRAM = Path(__file__).with_name("program.py")
NOBODY = 65534

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as a second user, or mount a small disk")

one_kind = pytest.mark.parametrize("kind", [EmbeddedPostgres], ids=["postgres"])
"""For what takes long and does not depend on the kind: the one that is always there stands for both."""


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


async def ask(url: URL, *statements: str) -> Any:
    """Run statements on a connection of its own; returns the last one's first value."""
    engine = create_async_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        results = [await connection.exec_driver_sql(statement) for statement in statements]
        return results[-1].scalar() if results[-1].returns_rows else None


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def set_mode(path: Path, bits: int) -> None:
    path.chmod(bits)


def entries(path: Path, pattern: str = "*") -> list[Path]:
    return list(path.glob(pattern))


def running(server: Own) -> psutil.Process:
    process = server.mark.find()
    assert process
    return process


def end(server: Own) -> None:
    """Stop it if it still runs, be it suspended."""
    if process := server.mark.find():
        process.resume()
        server.mark.stop(process)


class Program:
    """Another process that uses the server of a data folder."""

    def __init__(self, kind: Kind, home: Path, *words: str, prefix: Sequence[str] = ()) -> None:
        [name] = [name for name, each in KINDS.items() if each is kind]
        self.process = subprocess.Popen(
            [*prefix, sys.executable, str(PROGRAM), name, *words],
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


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    """One kind of server after the other."""
    return KINDS[request.param]


Run = Callable[..., Program]
"""What the fixture `run` is."""


@pytest.fixture
def run(kind: Kind) -> Iterator[Run]:
    """Starts programs; those still running at the end are killed."""
    programs: list[Program] = []

    def start(home: Path, *words: str, prefix: Sequence[str] = ()) -> Program:
        programs.append(Program(kind, home, *words, prefix=prefix))
        return programs[-1]

    yield start
    for program in programs:
        if program.process.returncode is None:
            program.kill()


@contextmanager
def new_home(kind: Kind) -> Iterator[Path]:
    """A data folder for that kind; in the end it is removed, and a server that still runs there is stopped."""
    if kind is PrivateMariaDB:
        without_mariadbd()
    home = Path(tempfile.mkdtemp(prefix="ninelabs-test-", dir="/tmp"))
    home.chmod(0o711)
    yield home
    end(kind(home))
    shutil.rmtree(home)


@pytest.fixture
def empty_home(kind: Kind) -> Iterator[Path]:
    """A data folder in which there has never been a server."""
    with new_home(kind) as home:
        yield home


@pytest.fixture(scope="session")
def used_homes() -> Iterator[Callable[[Kind], Path]]:
    """Gives the data folder of a server that has run before, and stopped; one for each kind."""
    with ExitStack() as stack:

        @cache
        def used_home(kind: Kind) -> Path:
            home = stack.enter_context(new_home(kind))
            program = Program(kind, home)
            program.server()
            program.end()
            return home

        yield used_home


@pytest.fixture
def home(kind: Kind, used_homes: Callable[[Kind], Path], empty_home: Path) -> Path:
    """A data folder whose server has run before, and stopped."""
    for part in used_homes(kind).iterdir():
        subprocess.run(["cp", "-a", "--reflink=auto", part, empty_home], check=True)
    return empty_home


@pytest.fixture
async def bar(mariadb: MariaDB) -> AsyncIterator[Bar]:
    """A schema with one table, `pot`, of three rows, and a connection beside all others."""
    async with AsyncExitStack() as stack:
        bar = Bar(MariaDB(mariadb.url), stack)
        setup = await bar.connect("setup")
        await bar.server.probe(setup.connection)
        await bar.server.recreate_schema(setup.connection, SCHEMA)
        await setup.run("CREATE TABLE pot (id int PRIMARY KEY, n int NOT NULL, name varchar(99), KEY by_n (n))")
        await setup.run("INSERT INTO pot VALUES (1, 10, 'Ann'), (2, 20, 'Bob'), (9, 90, NULL)")
        await setup.connection.commit()
        bar.control = (await bar.connect("control", "autocommit", None)).connection
        yield bar
