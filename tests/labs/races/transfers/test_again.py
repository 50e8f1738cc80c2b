"""Transfers that are begun again: what notices that it came too late, and what a person is told in the end."""

from __future__ import annotations

import pytest

from labs.races.transfers import double_spend, version_column
from labs.stream.events import Noted
from labs.workbench.engines.engine import Engine
from labs.workbench.runner import Runner
from tests.conftest import Heard
from tests.labs.races.told import AFFORDED, CONSERVED, LEDGER, fallen, refusals, waits

ANSWERED = "Both transfers came to an answer, paid or declined"


def costs(heard: Heard) -> str:
    return next(event.text for event in heard.of(Noted) if event.text.startswith("Cost: "))


async def test_a_stale_version_is_noticed_with_no_wait_and_no_refusal(races: Runner, heard: Heard) -> None:
    assert await races.run("version_column", {}) == "passed"
    assert (refusals(heard), waits(heard)) == ([], set())
    assert costs(heard).startswith("Cost: waits 0, refusals 0, retries 1, ")


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
@pytest.mark.parametrize("order", ["AB", "serial"])
async def test_a_version_protects_at_every_level_and_order(
    races: Runner, heard: Heard, isolation: str, order: str
) -> None:
    assert await races.run("version_column", {"isolation": isolation, "order": order}) == "passed"


async def test_serializable_needs_no_other_code_but_a_second_try(races: Runner, heard: Heard, either: Engine) -> None:
    assert await races.run("serializable", {}) == "passed"
    code = {"postgres": "40001", "mariadb": "1213"}[either.name]
    assert refusals(heard) == [code]
    assert f"refusals 1 ({code}), retries 1" in costs(heard)


async def test_the_same_code_at_read_committed_loses_the_money(races: Runner, heard: Heard) -> None:
    assert await races.run("serializable", {"isolation": "read committed"}) == "failed"
    assert fallen(heard) == [AFFORDED, CONSERVED, LEDGER]


@pytest.mark.parametrize("experiment", ["version_column", "serializable"])
async def test_without_a_second_try_the_money_is_safe_and_one_has_no_answer(
    races: Runner, heard: Heard, experiment: str
) -> None:
    assert await races.run(experiment, {"attempts": 1}) == "failed"
    assert fallen(heard) == [ANSWERED]


async def test_a_version_that_nobody_looks_at_is_found_out(
    races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version_column, "transfer", double_spend.transfer)
    assert await races.run("version_column", {}) == "failed"
    assert fallen(heard) == [AFFORDED, CONSERVED, LEDGER]
