"""Write skew: where it happens, and what keeps it from happening."""

from __future__ import annotations

import pytest

from labs.races.oncall import rota
from labs.workbench.engines.engine import Engine
from labs.workbench.runner import Runner
from tests.conftest import Heard
from tests.labs.races.told import fallen, refusals, verdicts, waits

SOMEBODY, WENT = "At least one doctor is on call", "One of the two could go"


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
async def test_both_go_and_no_server_minds(races: Runner, heard: Heard, isolation: str) -> None:
    assert await races.run("on_call", {"isolation": isolation}) == "failed"
    assert fallen(heard) == [SOMEBODY]
    assert refusals(heard) == []


@pytest.mark.parametrize("either", ["mariadb"], indirect=True)
@pytest.mark.parametrize("switch", ["on", "off"])
async def test_snapshot_isolation_does_not_help_whether_on_or_off(races: Runner, heard: Heard, switch: str) -> None:
    assert await races.run("on_call", {"isolation": f"repeatable read, snapshot {switch}"}) == "failed"
    assert fallen(heard) == [SOMEBODY]


async def test_serializable_refuses_one_which_then_stays(races: Runner, heard: Heard, either: Engine) -> None:
    assert await races.run("on_call", {"isolation": "serializable"}) == "passed"
    assert refusals(heard) == [{"postgres": "40001", "mariadb": "1213"}[either.name]]


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
async def test_locked_rows_protect_at_every_level(races: Runner, heard: Heard, isolation: str) -> None:
    assert await races.run("on_call", {"isolation": isolation, "protection": "lock rows"}) == "passed"
    assert waits(heard) == {("B", "A")}


async def test_one_after_the_other_one_stays(races: Runner, heard: Heard) -> None:
    assert await races.run("on_call", {"order": "serial"}) == "passed"


async def test_a_rota_on_which_nobody_may_go_is_found_out(
    races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise rota.NobodyElseError

    monkeypatch.setattr(rota, "go_off_call", refuse)
    assert await races.run("on_call", {}) == "failed"
    assert verdicts(heard) == {SOMEBODY: True, WENT: False}
