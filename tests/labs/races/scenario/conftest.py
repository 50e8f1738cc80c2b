from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from labs.catalogue import find_lab
from labs.workbench.engines.engine import Engine
from labs.workbench.outbox import Outbox
from labs.workbench.runner import Runner
from tests.conftest import Heard
from tests.labs.races.conftest import Running


@asynccontextmanager
async def opened(server: Engine, heard: Heard) -> AsyncIterator[Runner]:
    """A runner with the races lab open and freshly reset."""
    outbox = Outbox()

    async def hear() -> None:
        async for event in outbox.events():
            heard.append(event)

    hearing = asyncio.create_task(hear())
    runner = Runner(Running(server), find_lab, outbox)
    try:
        await runner.open("races")
        await runner.reset()
        yield runner
    finally:
        await runner.close()
        outbox.close()
        await hearing


@pytest.fixture
async def on_postgres(server: Engine, heard: Heard) -> AsyncIterator[Runner]:
    async with opened(server, heard) as runner:
        yield runner


@pytest.fixture
async def on_mariadb(mariadb: Engine, heard: Heard) -> AsyncIterator[Runner]:
    async with opened(mariadb, heard) as runner:
        yield runner
