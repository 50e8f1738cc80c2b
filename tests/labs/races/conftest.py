from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from labs.catalogue import find_lab
from labs.stream.events import EngineChanged
from labs.workbench.engines.engine import Engine
from labs.workbench.outbox import Outbox
from labs.workbench.runner import Runner
from tests.conftest import Heard


class Running:
    """The test run's server, as a runner wants it."""

    def __init__(self, server: Engine) -> None:
        self._server = server

    async def acquire(self, report: Callable[[EngineChanged], None]) -> Engine:
        return self._server

    async def release(self) -> None:
        pass


@pytest.fixture
async def races(server: Engine, heard: Heard) -> AsyncIterator[Runner]:
    """A runner with the races lab open and freshly reset."""
    outbox = Outbox()

    async def hear() -> None:
        async for event in outbox.events():
            heard.append(event)

    hearing = asyncio.create_task(hear())
    runner = Runner(Running(server), find_lab, outbox)
    await runner.open("races")
    await runner.reset()
    yield runner
    await runner.close()
    outbox.close()
    await hearing
