"""An experiment is declared stepped if its code plays transactions a statement at a time, and only then."""

from __future__ import annotations

from collections.abc import Iterator
from pkgutil import resolve_name
from types import CodeType, FunctionType
from typing import Any

import pytest

from labs.catalogue import CATALOGUE
from labs.stream.events import ExperimentStarted, ScheduleChanged
from labs.workbench.engines.engine import Engine
from labs.workbench.lab import Experiment, Lab
from tests.conftest import Heard, Running, opened

PLAYING = {"play", "scripts"}
"""`Bench.play`, `Bench.scripts`."""

LABS: list[type[Lab]] = [resolve_name(entry.reference) for entry in CATALOGUE if entry.built]
DECLARED = [pytest.param(lab, one, id=f"{lab.slug}/{slug}") for lab in LABS for slug, one in lab.experiments().items()]


def names(code: CodeType) -> Iterator[str]:
    """All that the code names, the functions inside it too."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names(constant)


def reached(function: FunctionType, lab: type[Lab], seen: set[FunctionType]) -> set[str]:
    """What a function names, and what is named by those functions and private methods of the labs that it names."""
    if function in seen:
        return set()
    seen.add(function)
    found = set(names(function.__code__))
    for name in tuple(found):
        method = getattr(lab, name, None) if name.startswith("_") else None
        named: Any = function.__globals__.get(name, method)
        named = getattr(named, "__wrapped__", named)
        if isinstance(named, FunctionType) and named.__module__.startswith(lab.__module__.removesuffix("lab")):
            found |= reached(named, lab, seen)
    return found


@pytest.mark.parametrize(("lab", "experiment"), DECLARED)
def test_what_plays_is_stepped_and_what_does_not_is_not(lab: type[Lab], experiment: Experiment) -> None:
    assert isinstance(experiment.method, FunctionType)
    assert experiment.spec.stepped == bool(PLAYING & reached(experiment.method, lab, set()))


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_what_is_not_runs_by_itself_however_it_is_started(either: Engine, heard: Heard) -> None:
    async with opened(Running(either), heard) as races:
        await races.run("under_load", {"seconds": 0.2}, stepped=True)
    assert not heard.of(ScheduleChanged) and not heard.of(ExperimentStarted)[0].stepped
