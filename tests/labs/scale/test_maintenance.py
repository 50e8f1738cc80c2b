"""What is measured before and after maintenance, on both engines."""

from __future__ import annotations

import pytest

from labs.scale.lab import Scale
from labs.scale.maintenance.experiments import Maintenance
from labs.stream.events import RolledBack
from labs.workbench.runner import Runner
from tests.conftest import Heard
from tests.labs.scale.told import fallen, verdicts

EXPERIMENTS = [slug for slug in Scale.experiments() if slug in vars(Maintenance)]


@pytest.mark.parametrize("experiment", EXPERIMENTS)
async def test_it_ends_as_the_lab_says_and_leaves_the_seed(scale: Runner, heard: Heard, experiment: str) -> None:
    declared = Scale.declared(experiment)
    if scale.passes_over(declared):
        return
    assert await scale.run(experiment, {"rows": 20_000}) == declared.spec.expected, fallen(heard)
    assert len(verdicts(heard)) >= 2
    assert await scale.roll_back()
    await heard.until(lambda: bool(heard.of(RolledBack)))
    assert heard.of(RolledBack)[-1].clean
