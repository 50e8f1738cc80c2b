"""Transaction functions that do what they should not: each is found out, told by name, and leaves nothing open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.stream.events import OrdersExplored
from labs.workbench import bench as bench_module
from labs.workbench import schedule
from labs.workbench.bench import Bench
from labs.workbench.engines.engine import Engine
from labs.workbench.errors import LabError
from labs.workbench.lab import Invariant, Lab
from labs.workbench.place import Place
from labs.workbench.sessions import SessionMaker
from labs.workbench.turns import Stepper
from tests.conftest import Heard

TransactionFunction = Callable[[SessionMaker], Awaitable[object]]


class Pots(Lab):
    slug = "pots"
    title = "Pots"
    metadata = MetaData()
    pot = Table("pot", metadata, Column("id", Integer, primary_key=True, autoincrement=False), Column("n", Integer))
    log = Table("log", metadata, Column("id", Integer, primary_key=True, autoincrement=False), Column("n", Integer))

    async def seed(self, connection: AsyncConnection, seed: int) -> None:
        await connection.execute(insert(self.pot), [{"id": key, "n": 100} for key in (1, 2, 3)])
        await connection.execute(insert(self.log), [{"id": 1, "n": 0}])

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


async def run_each(sessions: SessionMaker, *sql: str) -> None:
    async with sessions.begin() as orm:
        for one in sql:
            await orm.execute(text(one))


def calling(*sql: str) -> TransactionFunction:
    return lambda sessions: run_each(sessions, *sql)


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


async def test_a_statement_that_does_not_end(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "STATEMENT_PATIENCE_S", 0.3)
    sleep = "SELECT SLEEP(30)" if bench.server.name == "mariadb" else "SELECT pg_sleep(30)"

    async with asyncio.timeout(10):
        told = await finding(bench, adding(1, 2), calling(sleep))
    assert told.title == "B does not go on"
    assert sleep in told.cause


async def test_a_statement_that_waits_for_a_lock_may_do_so_for_longer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "STATEMENT_PATIENCE_S", 0.3)

    async def slow(sessions: SessionMaker) -> None:
        async with sessions.begin() as orm:
            await orm.execute(text("UPDATE pot SET n = n + 1 WHERE id = 1"))
            await asyncio.sleep(0.6)

    told = await explored(bench, slow, adding(1))
    assert (told.orders, told.violations) == (4, 0)
    assert told.waits > 0


async def test_a_statement_that_does_not_end_in_the_lanes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_module, "SHOWN_STATEMENT_S", 0.3)
    sleep = "SELECT SLEEP(30)" if bench.server.name == "mariadb" else "SELECT pg_sleep(30)"
    async with asyncio.timeout(10), bench.sessions("A") as (one,):
        with pytest.raises(LabError, match="A does not go on"):
            await bench.play("A", {one: lambda: run_each(one, sleep)})


async def test_a_savepoint_takes_a_refusal_back(bench: Bench) -> None:
    """SQLAlchemy's own idiom for a row that may be there already."""

    async def insert_or_add(sessions: SessionMaker) -> None:
        async with sessions.begin() as orm:
            try:
                async with orm.begin_nested():
                    await orm.execute(text("INSERT INTO pot VALUES (9, 0)"))
            except IntegrityError:
                await orm.execute(text("UPDATE pot SET n = n + 1 WHERE id = 9"))

    told = await explored(bench, insert_or_add, insert_or_add)
    assert told.refusals
    assert told.violations == 0
    async with bench.sessions("A", "B") as (one, another):
        outcomes = await bench.play("AB", {maker: partial(insert_or_add, maker) for maker in (one, another)})
    assert outcomes.errors == {}
    assert outcomes.refusals.total() == 1


@pytest.fixture
async def appending(bench: Bench) -> AsyncIterator[None]:
    """A function of the server's that writes, though who calls it only selects."""
    body = "UPDATE pot SET n = n * 10 + k WHERE id = 1"
    created = {
        "mariadb": f"CREATE FUNCTION appending(k int) RETURNS int BEGIN {body}; RETURN k; END",
        "postgres": f"CREATE FUNCTION appending(k int) RETURNS int LANGUAGE sql AS '{body} RETURNING n'",
    }
    async with bench.reading() as connection:
        await connection.execute(text(created[bench.server.name]))
        await connection.commit()
    yield
    async with bench.reading() as connection:
        await connection.execute(text("DROP FUNCTION appending"))
        await connection.commit()


@pytest.mark.usefixtures("appending")
@pytest.mark.parametrize("sql", ["SELECT appending({})", "WITH q AS (SELECT appending({}) AS x) SELECT x FROM q"])
async def test_a_select_that_writes_is_run_in_both_orders_from_the_same_rows(bench: Bench, sql: str) -> None:
    told = await bench.explore(
        "test",
        {name: calling(sql.format(digit)) for name, digit in (("A", 1), ("B", 2))},
        isolation="read committed",
        invariants=[
            Invariant("1 came first", select((Pots.pot.c.n == 10012).label("holds")).where(Pots.pot.c.id == 1))
        ],
        bound=50,
        seed=1,
    )
    assert told.pruned == 0
    assert 0 < told.violations < told.orders
    assert told.violations * 2 == told.orders


COUNTING = {
    "mariadb": ["CREATE TRIGGER counting AFTER UPDATE ON pot FOR EACH ROW UPDATE log SET n = n + 1"],
    "postgres": [
        "CREATE FUNCTION counting() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN UPDATE log SET n = n + 1; RETURN NEW; END'",
        "CREATE TRIGGER counting AFTER UPDATE ON pot FOR EACH ROW EXECUTE FUNCTION counting()",
    ],
}


async def test_what_a_trigger_wrote_is_put_back(bench: Bench) -> None:
    async with bench.reading() as connection:
        for sql in COUNTING[bench.server.name]:
            await connection.exec_driver_sql(sql)
        await connection.commit()
    told = await bench.explore(
        "test",
        {"A": adding(1), "B": adding(1)},
        isolation="read committed",
        invariants=[Invariant("Both are counted", select((Pots.log.c.n == 2).label("holds")))],
        bound=50,
        seed=1,
    )
    assert (told.orders, told.violations) == (4, 0)


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
