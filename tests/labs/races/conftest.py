from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from labs.workbench.engines.engine import Engine
from labs.workbench.runner import Runner
from tests.conftest import Heard, Running, opened


@pytest.fixture
async def races(either: Engine, heard: Heard) -> AsyncIterator[Runner]:
    """On each engine, a runner with the races lab open and freshly reset."""
    async with opened(Running(either), heard) as runner:
        yield runner
