from __future__ import annotations

import pytest

from labs.races.every_order import WAYS
from labs.races.lab import Races
from labs.races.transfers import double_spend, row_lock
from labs.races.transfers.variants import VARIANTS
from labs.stream.events import OrdersExplored
from labs.workbench.engines.engine import Engine
from labs.workbench.runner import Runner
from tests.conftest import Heard
from tests.labs.races.told import verdicts
from tests.labs.races.transfers.test_transfers import REFUSED

NAIVE = {"Double spend", "Double spend, begun again"}


async def test_every_order_of_every_variant_is_run_and_judged(races: Runner, heard: Heard, either: Engine) -> None:
    assert await races.run("every_order", {}) == "passed"
    cells = {(cell.variant, cell.isolation): cell for cell in heard.of(OrdersExplored)}
    on_rows = WAYS.keys() - {"Advisory lock"}
    assert cells.keys() == {(variant, level) for variant in on_rows for level in either.levels}
    assert not any(cell.sampled for cell in cells.values())
    naive = {level: cells["Double spend", level] for level in either.levels}
    # All but the two serial orders lose money, or are refused.
    assert naive["read committed"].violations == naive["read committed"].orders - 2
    assert naive["read committed"].failing == "AB"
    for name, level, code in REFUSED:
        if name == either.name:
            assert naive[level].violations == 0 and naive[level].failing is None
            # Whoever comes second is refused; or waits, where reading locks, until one of the two is refused.
            assert set(naive[level].refusals) == {code}
            assert max(naive[level].refusals[code], naive[level].waits) == naive[level].orders - 2
            again = cells["Double spend, begun again", level]
            assert again.violations == naive[level].retries == 0
            assert again.retries == again.refusals[code] > 0
            assert (again.experiment, again.parameters["attempts"]) == ("serializable", 5)
    for variant in on_rows - NAIVE:
        assert cells[variant, "read committed"].refusals == {}
        assert cells[variant, "read committed"].waits > 0


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_every_order_finds_a_solution_that_is_broken(
    races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_lock, "transfer", double_spend.transfer)
    assert await races.run("every_order", {"variant": "Lock the row"}) == "failed"
    assert verdicts(heard)["Lock the row: no order loses money, at any level"] is False


def test_each_variant_can_be_chosen_and_shown_in_the_lanes() -> None:
    variant = Races.experiments()["every_order"].spec.parameters[0]
    assert variant.choices == ("on rows", "all", *WAYS)
    assert {way.module for way in WAYS.values()} == set(VARIANTS.values())
    assert {way.experiment for way in WAYS.values()} <= set(Races.experiments())


async def test_an_advisory_lock_protects_at_every_level(races: Runner, heard: Heard, either: Engine) -> None:
    assert await races.run("every_order", {"variant": "Advisory lock", "bound": 10}) == "passed"
    cells = heard.of(OrdersExplored)
    assert [cell.isolation for cell in cells] == list(either.levels)
    assert all(cell.sampled and cell.waits > 0 for cell in cells)
