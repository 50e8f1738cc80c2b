from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from labs.scale.lab import Scale
from labs.workbench.apart import preload
from labs.workbench.bench import Bench
from labs.workbench.engines.engine import Engine
from labs.workbench.place import Place
from labs.workbench.runner import Runner
from labs.workbench.turns import Stepper
from tests.conftest import Heard, Running, opened

preload("pytest")  # Each process imports what the program's own module does.


@pytest.fixture
async def scale(either: Engine, heard: Heard) -> AsyncIterator[Runner]:
    """On each engine, a runner with the scale lab open and freshly reset."""
    async with opened(Running(either), heard, "scale") as runner:
        yield runner


@pytest.fixture
async def bench(either: Engine, heard: Heard) -> AsyncIterator[Bench]:
    """On each engine a bench of its own on the lab, without a runner."""
    place = Place(either, Scale())
    await place.open(rebuild=True)
    yield Bench(place, stepper=Stepper(), emit=heard.append)
    await place.close()
