"""What is declared to be stepped is held before each statement; what is not runs by itself, and says so."""

from __future__ import annotations

import asyncio

import pytest

from labs.races.lab import Races
from labs.stream.events import ExperimentStarted, ScheduleChanged
from labs.workbench.runner import Runner
from tests.conftest import Heard

EXPERIMENTS = Races.experiments()
STEPPED = sorted(slug for slug, one in EXPERIMENTS.items() if one.spec.stepped)


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
@pytest.mark.parametrize("slug", STEPPED)
async def test_what_is_stepped_waits_for_the_person(races: Runner, heard: Heard, slug: str) -> None:
    running = asyncio.create_task(races.run(slug, {}, stepped=True))
    await heard.until(lambda: bool(heard.of(ScheduleChanged)))
    assert heard.of(ScheduleChanged)[0].steppable and not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_what_is_not_runs_by_itself_however_it_was_started(races: Runner, heard: Heard) -> None:
    assert not EXPERIMENTS["under_load"].spec.stepped
    await races.run("under_load", {"seconds": 0.2}, stepped=True)
    assert not heard.of(ScheduleChanged) and not heard.of(ExperimentStarted)[0].stepped
