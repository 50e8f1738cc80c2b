from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from labs.migrations.lab import Migrations
from labs.workbench.bench import Bench
from labs.workbench.engines.engine import Engine
from labs.workbench.place import Place
from labs.workbench.runner import Runner
from labs.workbench.turns import Stepper
from tests.conftest import Heard, Running, opened


@pytest.fixture
async def lab(either: Engine, heard: Heard) -> AsyncIterator[Runner]:
    """On each engine, a runner with the migrations lab open and freshly reset."""
    async with opened(Running(either), heard, "migrations") as runner:
        yield runner


@pytest.fixture
async def bench(either: Engine, heard: Heard) -> AsyncIterator[Bench]:
    """On each engine a bench of its own on the lab, without a runner."""
    place = Place(either, Migrations())
    await place.open(rebuild=True)
    yield Bench(place, stepper=Stepper(), emit=heard.append)
    await place.close()
