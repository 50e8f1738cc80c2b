"""Two bookings of one room: what keeps the second one out, at which level, and what only seems to."""

from __future__ import annotations

import pytest

from labs.races.booking import book
from labs.races.booking.experiments import PROTECTIONS
from labs.workbench.engines.engine import Engine
from labs.workbench.runner import Runner
from tests.conftest import Heard
from tests.labs.races.told import fallen, refusals, waits

ALONE, SOMEBODY = "No two bookings have the room at one time", "Somebody has the room"
LEVELS = ["read committed", "repeatable read", "serializable"]


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
async def test_looking_first_books_twice(races: Runner, heard: Heard, isolation: str) -> None:
    assert await races.run("booking", {"isolation": isolation}) == "failed"
    assert fallen(heard) == [ALONE]
    assert refusals(heard) == []


async def test_serializable_refuses_one_which_then_finds_the_room_taken(
    races: Runner, heard: Heard, either: Engine
) -> None:
    assert await races.run("booking", {"isolation": "serializable"}) == "passed"
    assert refusals(heard) == [{"postgres": "40001", "mariadb": "1213"}[either.name]]


@pytest.mark.parametrize("isolation", LEVELS)
async def test_the_constraint_holds_at_every_level(races: Runner, heard: Heard, either: Engine, isolation: str) -> None:
    assert await races.run("booking", {"isolation": isolation, "protection": "constraint"}) == "passed"
    assert waits(heard) == {("B", "A")}
    assert refusals(heard) == [{"postgres": "23P01", "mariadb": "1062"}[either.name]]


@pytest.mark.parametrize("isolation", LEVELS)
async def test_the_rooms_lock_holds_unless_the_snapshot_is_older_than_the_wait(
    races: Runner, heard: Heard, either: Engine, isolation: str
) -> None:
    outcome = await races.run("booking", {"isolation": isolation, "protection": "lock the room"})
    too_old = (either.name, isolation) == ("postgres", "repeatable read")
    assert (outcome, fallen(heard)) == (("failed", [ALONE]) if too_old else ("passed", []))
    assert waits(heard) == {("B", "A")}


async def test_a_cancelled_booking_is_in_nobodys_way(races: Runner, heard: Heard) -> None:
    for _ in range(3):  # Each begins with the rollback of the one before, which cancels and does not delete.
        assert await races.run("booking", {"protection": "constraint"}) == "passed"


async def test_a_lock_that_is_none_is_found_out(races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROTECTIONS, "lock the room", PROTECTIONS["lock the room"]._replace(book=book.look_first))
    assert await races.run("booking", {"protection": "lock the room"}) == "failed"
    assert fallen(heard) == [ALONE]


async def test_a_room_that_nobody_gets_is_found_out(
    races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise book.RoomTakenError

    monkeypatch.setitem(PROTECTIONS, "none", PROTECTIONS["none"]._replace(book=refuse))
    assert await races.run("booking", {}) == "failed"
    assert fallen(heard) == [SOMEBODY]
