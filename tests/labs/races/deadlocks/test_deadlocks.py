"""Circles of two and of three waits, and what breaks the claims about them."""

from __future__ import annotations

import pytest

from labs.races.deadlocks import deadlock
from labs.workbench.engines.engine import Engine
from labs.workbench.runner import Runner
from tests.conftest import Heard
from tests.labs.races.told import CONSERVED, LEDGER, NOT_NEGATIVE, fallen, refusals, verdicts, waits

PAID, PAID_IN_ORDER = "Every transfer was paid in the end", "In key order every transfer was paid too"
NO_DEADLOCK = "In key order there is no deadlock"
ONE_VICTIM = "One victim is enough for a circle of three"


async def test_the_victim_of_a_deadlock_tries_again_and_key_order_needs_no_second_try(
    races: Runner, heard: Heard, either: Engine
) -> None:
    assert await races.run("deadlock", {}) == "passed"
    assert refusals(heard) == [either.deadlock_code]
    # MariaDB sees the circle at once, so that nobody sees the second wait.
    assert {("A", "B")} <= waits(heard) <= {("A", "B"), ("B", "A")}
    assert set(verdicts(heard)) == {PAID, PAID_IN_ORDER, NO_DEADLOCK, CONSERVED, NOT_NEGATIVE, LEDGER}
    assert all(verdicts(heard).values())


async def test_without_a_second_try_the_victim_is_not_paid(races: Runner, heard: Heard) -> None:
    assert await races.run("deadlock", {"attempts": 1}) == "failed"
    assert fallen(heard) == [PAID]


@pytest.mark.parametrize("experiment", ["deadlock", "deadlock_of_three"])
async def test_a_key_order_that_is_none_is_found_out(
    races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch, experiment: str
) -> None:
    monkeypatch.setattr(deadlock, "key_order", deadlock.as_called)
    assert await races.run(experiment, {}) == "failed"
    assert verdicts(heard)[NO_DEADLOCK] is False


async def test_of_three_in_a_circle_one_gives_way_and_all_are_paid(races: Runner, heard: Heard, either: Engine) -> None:
    assert await races.run("deadlock_of_three", {}) == "passed"
    assert refusals(heard) == [either.deadlock_code]
    assert {("A", "B"), ("B", "C")} <= waits(heard)
    assert set(verdicts(heard)) == {PAID, ONE_VICTIM, PAID_IN_ORDER, NO_DEADLOCK, CONSERVED, NOT_NEGATIVE, LEDGER}


async def test_one_after_the_other_there_is_no_circle_and_no_victim(races: Runner, heard: Heard) -> None:
    assert await races.run("deadlock_of_three", {"order": "serial"}) == "failed"
    assert fallen(heard) == [ONE_VICTIM]


async def test_transfers_that_pay_nobody_are_found_out(
    races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object, **__: object) -> None:
        pass

    monkeypatch.setattr(deadlock, "transfer", nothing)
    assert await races.run("deadlock", {}) == "failed"
    assert fallen(heard) == [PAID, PAID_IN_ORDER]
