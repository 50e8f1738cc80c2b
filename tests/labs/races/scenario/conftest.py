from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from labs.workbench.engines.engine import Engine
from labs.workbench.runner import Runner
from tests.conftest import Heard, Running, opened


@pytest.fixture
async def on_postgres(server: Engine, heard: Heard) -> AsyncIterator[Runner]:
    async with opened(Running(server), heard) as runner:
        yield runner


@pytest.fixture
async def on_mariadb(mariadb: Engine, heard: Heard) -> AsyncIterator[Runner]:
    async with opened(Running(mariadb), heard) as runner:
        yield runner
