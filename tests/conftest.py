"""What many tests stand on: a real PostgreSQL server of the test run's own, in a folder of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from labs.catalogue import find_lab
from labs.stream.engines import ENGINES
from labs.stream.events import EngineChanged, Event
from labs.workbench.engines.embedded import EmbeddedPostgres
from labs.workbench.engines.engine import Engine
from labs.workbench.engines.mariadb import installation
from labs.workbench.engines.mariadb.engine import MariaDB
from labs.workbench.engines.postgres.engine import Postgres
from labs.workbench.engines.private_mariadb import PrivateMariaDB
from labs.workbench.outbox import Outbox
from labs.workbench.runner import Runner
from labs.workbench.target import Target


@pytest.fixture(scope="session", autouse=True)
def data_folder() -> Iterator[Path]:
    """NINELABS_DATA for this run and every process that it starts: never the data of whoever runs the tests."""
    folder = Path(tempfile.mkdtemp(prefix="ninelabs-tests-", dir="/tmp"))
    folder.chmod(0o711)
    before = {name: os.environ.get(name) for name in ("NINELABS_DATA", "NINELABS_URL", "NINELABS_ENGINE")}
    os.environ["NINELABS_DATA"] = str(folder)
    os.environ.pop("NINELABS_URL", None)
    os.environ.pop("NINELABS_ENGINE", None)
    yield folder
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
async def server(data_folder: Path) -> AsyncIterator[Engine]:
    """The embedded PostgreSQL, kept for the whole run."""
    own = EmbeddedPostgres(data_folder)
    yield Postgres(await own.acquire(lambda _: None))
    await own.release()


def without_mariadbd() -> None:
    """Skip where there is no mariadbd, or fail where there must be one."""
    if installation.find() is None:
        (pytest.fail if os.environ.get("NINELABS_REQUIRE_MARIADB") == "1" else pytest.skip)(
            f"no mariadbd found: {installation.INSTALL}"
        )


@pytest.fixture(scope="session")
async def mariadb(data_folder: Path) -> AsyncIterator[MariaDB]:
    """The private MariaDB, kept for the whole run."""
    without_mariadbd()
    own = PrivateMariaDB(data_folder)
    yield MariaDB(await own.acquire(lambda _: None))
    await own.release()


@pytest.fixture(params=list(ENGINES))
def either(request: pytest.FixtureRequest) -> Engine:
    """One engine after the other."""
    engine: Engine = request.getfixturevalue({"postgres": "server"}.get(request.param, request.param))
    return engine


Kind = TypeVar("Kind", bound=Event)


class Heard(list[Event]):
    """Every event that was emitted, in order."""

    def __init__(self) -> None:
        super().__init__()
        self._more = asyncio.Event()

    def append(self, event: Event) -> None:
        super().append(event)
        self._more.set()

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait until what has been heard fulfils a condition; fails after ten seconds."""
        async with asyncio.timeout(10):
            while not happened():
                self._more.clear()
                await self._more.wait()

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [event for event in self if isinstance(event, kind)]


class Running(Target):
    """The test run's server, as a runner wants it."""

    def __init__(self, server: Engine) -> None:
        self._server = server
        self.engine = server.name

    def use(self, engine: str) -> None:
        assert engine == self.engine

    async def acquire(self, report: Callable[[EngineChanged], None]) -> Engine:
        return self._server

    async def release(self) -> None:
        pass


@asynccontextmanager
async def opened(target: Target, heard: Heard, slug: str = "races") -> AsyncIterator[Runner]:
    """A runner with a lab open and freshly reset, whose every event is heard."""
    outbox = Outbox()

    async def hear() -> None:
        async for event in outbox.events():
            heard.append(event)

    hearing = asyncio.create_task(hear())
    runner = Runner(target, find_lab, outbox)
    try:
        await runner.open(slug)
        await runner.reset()
        yield runner
    finally:
        await runner.close()
        outbox.close()
        await hearing


@pytest.fixture
def heard() -> Heard:
    return Heard()
