"""Rules about more than one row, in every order or in a sample: what breaks where, and which broken code is found."""

from __future__ import annotations

from typing import Any

import pytest

from labs.races.booking import book
from labs.races.booking.experiments import PROTECTIONS
from labs.races.deadlocks import deadlock
from labs.races.lab import Races
from labs.races.oncall import rota
from labs.stream.events import OrdersExplored
from labs.workbench.engines.engine import Engine
from labs.workbench.runner import Runner
from tests.conftest import Heard
from tests.labs.races.told import fallen

FEW = {"sample": 5}
AS_CALLED, IN_KEY_ORDER = "Deadlock of three, as called", "Deadlock of three, in key order"
SKEW = "On call: some order leaves nobody on call at read committed, and none when serializable"
LOCKED_ROTA = "On call, lock rows: no order leaves nobody on call, at any level"
PHANTOM = "Booking: some order books the room twice at read committed, and none when serializable"
LOCKED_ROOM = "Booking, lock the room: no order books it twice at read committed or serializable"
CONSTRAINT = "Booking, constraint: no order books the room twice, at any level"
PAID = f"{IN_KEY_ORDER}: all are paid after every order in the sample"
NO_DEADLOCK = f"{IN_KEY_ORDER}: no order in the sample deadlocks, at any level"


ON_POSTGRES = pytest.mark.parametrize("either", ["postgres"], indirect=True)
"""What does not depend on the engine is tested on the quicker one."""


def table(heard: Heard) -> dict[tuple[str, str], OrdersExplored]:
    return {(cell.variant, cell.isolation): cell for cell in heard.of(OrdersExplored)}


async def test_each_rule_breaks_where_the_engine_lets_it(races: Runner, heard: Heard, either: Engine) -> None:
    assert await races.run("every_rule", {}) == "passed"
    cells = table(heard)
    broken = {where: cell.violations for where, cell in cells.items() if cell.violations}
    below = [level for level in either.levels if level != "serializable"]
    late = [("Booking, lock the room", "repeatable read")] if either.name == "postgres" else []
    assert set(broken) == {(rule, level) for rule in ("On call", "Booking") for level in below} | set(late)
    for rule in ("On call", "Booking"):
        # All but the two serial orders break.
        assert broken[rule, "read committed"] == cells[rule, "read committed"].orders - 2
        assert cells[rule, "serializable"].retries > 0
    for (variant, _), cell in cells.items():
        assert cell.sampled is (variant in {AS_CALLED, IN_KEY_ORDER})
    assert any(cells[AS_CALLED, level].refusals.get(either.deadlock_code) for level in either.levels)


@ON_POSTGRES
async def test_every_cell_opens_in_the_lanes(races: Runner, heard: Heard) -> None:
    await races.run("every_rule", FEW)
    for cell in heard.of(OrdersExplored):
        Races.experiments()[cell.experiment].parse({**cell.parameters, "order": cell.failing or "serial"})


@ON_POSTGRES
async def test_a_sample_is_the_same_each_time(races: Runner, heard: Heard) -> None:
    tables: list[Any] = []
    for _ in range(2):
        heard.clear()
        await races.run("every_rule", FEW | {"seed": 4})
        tables.append(
            [
                (cell.variant, cell.isolation, cell.orders, cell.violations, cell.refusals, cell.waits, cell.retries)
                for cell in heard.of(OrdersExplored)
            ]
        )
    assert tables[0] == tables[1]


async def look_only(*_: object) -> None:
    """Does nothing, which breaks no rule."""


@ON_POSTGRES
async def test_locks_in_no_agreed_order_are_found_out(
    races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlock, "key_order", deadlock.as_called)
    assert await races.run("every_rule", {}) == "failed"
    assert fallen(heard) == [NO_DEADLOCK]


@ON_POSTGRES
async def test_protections_that_protect_nothing_are_found_out(
    races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, naive = rota.go_off_call, PROTECTIONS["none"]
    monkeypatch.setattr(rota, "go_off_call", lambda sessions, doctor_id, _: go(sessions, doctor_id, "none"))
    monkeypatch.setitem(PROTECTIONS, "lock the room", naive)
    monkeypatch.setitem(PROTECTIONS, "constraint", naive._replace(book=book.look_first))
    assert await races.run("every_rule", FEW) == "failed"
    assert fallen(heard) == [LOCKED_ROTA, LOCKED_ROOM, CONSTRAINT]


@ON_POSTGRES
async def test_rules_that_nothing_breaks_are_found_out(
    races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = rota.go_off_call
    monkeypatch.setattr(rota, "go_off_call", lambda sessions, doctor_id, _: go(sessions, doctor_id, "lock rows"))
    monkeypatch.setitem(PROTECTIONS, "none", PROTECTIONS["constraint"])
    monkeypatch.setattr(deadlock, "transfer", look_only)
    assert await races.run("every_rule", FEW) == "failed"
    assert fallen(heard) == [SKEW, PHANTOM, f"{AS_CALLED}: all are paid after every order in the sample", PAID]
