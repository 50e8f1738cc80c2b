"""Transaction functions that do what they should not: each is found out, told by name, and leaves nothing open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, func, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.stream.events import OrdersExplored
from labs.workbench import schedule
from labs.workbench.bench import Bench
from labs.workbench.engines.engine import Engine
from labs.workbench.errors import LabError
from labs.workbench.lab import Invariant, Lab
from labs.workbench.place import Place
from labs.workbench.schedule import Stepper
from labs.workbench.sessions import SessionMaker
from tests.conftest import Heard

TransactionFunction = Callable[[SessionMaker], Awaitable[object]]


class Pots(Lab):
    slug = "pots"
    title = "Pots"
    metadata = MetaData()
    pot = Table("pot", metadata, Column("id", Integer, primary_key=True, autoincrement=False), Column("n", Integer))

    async def seed(self, connection: AsyncConnection, seed: int) -> None:
        await connection.execute(insert(self.pot), [{"id": key, "n": 100} for key in (1, 2, 3)])

    async def compensate(self, connection: AsyncConnection, watermark: int) -> tuple[str, ...]:
        return ()


NOTHING_LOST = Invariant("Nothing is lost", select((func.sum(Pots.pot.c.n) >= 300).label("holds")))


@pytest.fixture
async def bench(either: Engine, heard: Heard) -> AsyncIterator[Bench]:
    """On each engine, a bench over three pots of a hundred."""
    place = Place(either, Pots())
    await place.open(rebuild=True)
    yield Bench(place, stepper=Stepper(), emit=heard.append)
    await place.close()


async def explored(bench: Bench, *functions: TransactionFunction, bound: int = 50) -> OrdersExplored:
    return await bench.explore(
        "test",
        dict(zip("ABCD", functions, strict=False)),
        isolation="read committed",
        invariants=[NOTHING_LOST],
        bound=bound,
        seed=1,
    )


async def add(*keys: int, sessions: SessionMaker) -> None:
    async with sessions.begin() as orm:
        for key in keys:
            await orm.execute(text("UPDATE pot SET n = n + 1 WHERE id = :id"), {"id": key})


def adding(*keys: int) -> TransactionFunction:
    return lambda sessions: add(*keys, sessions=sessions)


async def finding(bench: Bench, *functions: TransactionFunction) -> LabError:
    """What the exploration ends with; afterwards nothing stands in the way of the next."""
    with pytest.raises(LabError) as told:
        await explored(bench, *functions)
    assert bench.in_transaction() == ()
    again = await explored(bench, adding(1), adding(1))
    assert (again.orders, again.violations) == (4, 0)
    return told.value


@pytest.mark.parametrize("holds_a_lock", [True, False])
async def test_one_that_waits_for_something_else_for_ever(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, holds_a_lock: bool
) -> None:
    monkeypatch.setattr(schedule, "PATIENCE_S", 0.3)

    async def hangs(sessions: SessionMaker) -> None:
        async with sessions.begin() as orm:
            if holds_a_lock:
                await orm.execute(text("UPDATE pot SET n = n + 1 WHERE id = 1"))
            await asyncio.Event().wait()

    told = await finding(bench, adding(1, 2), hangs)
    assert told.title == "B does not go on"
    assert ("UPDATE pot" if holds_a_lock else "not sent any") in told.cause


async def test_one_that_takes_its_time_is_waited_for(bench: Bench) -> None:
    async def thinks(sessions: SessionMaker) -> None:
        async with sessions.begin() as orm:
            await orm.execute(text("UPDATE pot SET n = n + 1 WHERE id = 1"))
            await asyncio.sleep(0.05)
            await orm.execute(text("UPDATE pot SET n = n + 1 WHERE id = 1"))

    quick = await explored(bench, adding(1, 1), adding(1, 1))
    slow = await explored(bench, thinks, adding(1, 1))
    assert (slow.orders, slow.waits) == (quick.orders, quick.waits)


async def test_one_that_opens_a_second_connection(bench: Bench) -> None:
    async def two(sessions: SessionMaker) -> None:
        async with sessions.begin() as one, sessions.begin() as another:
            await one.execute(text("UPDATE pot SET n = n + 1 WHERE id = 1"))
            await another.execute(text("UPDATE pot SET n = n + 1 WHERE id = 2"))

    assert (await finding(bench, two, adding(1))).title == "A opened a second connection"


async def test_one_that_swallows_the_error_which_ended_its_transaction(bench: Bench) -> None:
    async def swallows(first: int, second: int, sessions: SessionMaker) -> None:
        async with sessions.begin() as orm:
            await orm.execute(text("UPDATE pot SET n = n + 1 WHERE id = :id"), {"id": first})
            with suppress(DBAPIError):
                await orm.execute(text("UPDATE pot SET n = n + 1 WHERE id = :id"), {"id": second})

    told = await finding(bench, partial(swallows, 1, 2), partial(swallows, 2, 1))
    assert told.title.endswith(f"went on after {bench.server.deadlock_code}")


async def test_one_that_remembers_what_it_did_before(bench: Bench) -> None:
    calls: list[SessionMaker] = []

    async def remembers(sessions: SessionMaker) -> None:
        calls.append(sessions)
        await add(*[1] * (3 if len(calls) == 1 else 1), sessions=sessions)

    assert (await finding(bench, remembers, adding(2))).title == "A does not do the same thing twice"


async def test_a_refused_transaction_that_is_begun_again_is_counted(bench: Bench) -> None:
    async def retries(first: int, second: int, sessions: SessionMaker) -> None:
        try:
            await add(first, second, sessions=sessions)
        except DBAPIError:
            await add(first, second, sessions=sessions)

    told = await explored(bench, partial(retries, 1, 2), partial(retries, 2, 1))
    assert told.retries == told.refusals[bench.server.deadlock_code] > 0
    given_up = await explored(bench, adding(1, 2), adding(2, 1))
    assert given_up.refusals[bench.server.deadlock_code] > 0
    assert given_up.retries == 0


async def test_four_sessions(bench: Bench) -> None:
    told = await explored(bench, adding(1, 2), adding(2, 3), adding(3, 1), adding(1), bound=30)
    assert told.sampled
    assert told.orders > 30
    assert told.waits > 0
