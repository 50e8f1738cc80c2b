from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from labs.catalogue import find_lab
from labs.stream.events import EngineChanged
from labs.workbench.engines.engine import Engine
from labs.workbench.outbox import Outbox
from labs.workbench.runner import Runner
from labs.workbench.target import Target
from tests.conftest import Heard


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


@pytest.fixture
async def races(either: Engine, heard: Heard) -> AsyncIterator[Runner]:
    """On each engine, a runner with the races lab open and freshly reset."""
    outbox = Outbox()

    async def hear() -> None:
        async for event in outbox.events():
            heard.append(event)

    hearing = asyncio.create_task(hear())
    runner = Runner(Running(either), find_lab, outbox)
    await runner.open("races")
    await runner.reset()
    yield runner
    await runner.close()
    outbox.close()
    await hearing
