"""What the panels show is what the server has: locks with their age, rows with what changed, no oftener than said."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from labs.stream.events import InvariantSampled, LocksSampled, StatementEnded, StatementStarted, TableSampled
from labs.workbench.engines.engine import Engine
from labs.workbench.observer.observer import INTERVAL_S, WAITING_INTERVAL_S, Observer
from labs.workbench.place import Place
from tests.conftest import Heard


@pytest.fixture
async def observer(place: Place, heard: Heard) -> AsyncIterator[Observer]:
    observing = Observer(place, emit=heard.append)
    yield observing
    await observing.close()


class People:
    """Connections to the lab's tables, by name."""

    def __init__(self, server: Engine, schema: str) -> None:
        self._server, self._schema = server, schema
        self._joined: list[tuple[AsyncEngine, AsyncConnection]] = []
        self.pids: dict[int, str] = {}

    async def join(self, name: str) -> AsyncConnection:
        engine = self._server.create(application=f"test/{name}", schema=self._schema)
        connection = await engine.connect()
        self._joined.append((engine, connection))
        self.pids[await connection.scalar(text("SELECT pg_backend_pid()")) or 0] = name
        return connection

    async def leave(self) -> None:
        for engine, connection in self._joined:
            await connection.close()
            await engine.dispose()


@pytest.fixture
async def people(server: Engine, place: Place) -> AsyncIterator[People]:
    joined = People(server, place.schema)
    yield joined
    await joined.leave()


LOCK = text("SELECT 1 FROM accounts WHERE id = 1 FOR UPDATE")
READ = text("LOCK TABLE accounts IN SHARE MODE")
WRITE = text("LOCK TABLE accounts IN EXCLUSIVE MODE")


async def looks_until_waits(observer: Observer, heard: Heard, count: int) -> LocksSampled:
    """The first sample with so many edges."""
    async with asyncio.timeout(10):
        while True:
            await observer.look()
            samples = [sample for sample in heard.of(LocksSampled) if len(sample.waits) == count]
            if samples:
                return samples[-1]


async def test_two_waiters_behind_one_holder_and_the_row_by_its_key(
    observer: Observer, people: People, heard: Heard
) -> None:
    holder, first, second = [await people.join(name) for name in "ABC"]
    observer.run_began(people.pids)
    await holder.execute(LOCK)
    began = time.monotonic()

    async def queue(connection: AsyncConnection) -> None:
        await connection.execute(LOCK)
        await connection.rollback()

    waiting = [asyncio.create_task(queue(connection)) for connection in (first, second)]
    sample = await looks_until_waits(observer, heard, 2)
    elapsed_ms = (time.monotonic() - began) * 1000
    assert {wait.waiter for wait in sample.waits} == {"B", "C"}
    assert any(wait.blocker == "A" for wait in sample.waits)
    assert any("row id=1 of accounts" in wait.object for wait in sample.waits)
    assert all(0 < wait.milliseconds <= elapsed_ms for wait in sample.waits)
    assert any(held.session == "A" and held.object == "table accounts" for held in sample.held)
    await holder.rollback()
    await asyncio.gather(*waiting)


async def test_one_waiter_behind_two_holders(observer: Observer, people: People, heard: Heard) -> None:
    one, two, writer = [await people.join(name) for name in "ABC"]
    observer.run_began(people.pids)
    await one.execute(READ)
    await two.execute(READ)
    waiting = asyncio.create_task(writer.execute(WRITE))
    sample = await looks_until_waits(observer, heard, 2)
    assert {(wait.waiter, wait.blocker) for wait in sample.waits} == {("C", "A"), ("C", "B")}
    await one.rollback()
    await two.rollback()
    await waiting


async def test_an_age_grows_as_the_clock_does(server: Engine, people: People, place: Place) -> None:
    holder, waiter, looker = [await people.join(name) for name in "ABC"]
    await holder.execute(LOCK)
    waiting = asyncio.create_task(waiter.execute(LOCK))

    async def age() -> float:
        while not (waits := (await server.locks(looker, people.pids, place.schema))[0]):
            continue
        return waits[0].milliseconds

    began = time.monotonic()
    first = await age()
    await asyncio.sleep(0.3)
    grown, passed = await age() - first, (time.monotonic() - began) * 1000
    assert 300 <= grown <= passed
    await holder.rollback()
    await waiting


async def test_only_what_changed_is_told_with_its_keys(
    observer: Observer, people: People, heard: Heard, place: Place
) -> None:
    await observer.look()
    assert {sample.table for sample in heard.of(TableSampled)} == set(place.lab.metadata.tables)
    assert len(heard.of(InvariantSampled)) == 3
    heard.clear()
    await observer.look()
    assert heard == []

    writer = await people.join("A")
    await writer.execute(text("UPDATE accounts SET balance = balance - 1 WHERE id IN (1, 3)"))
    await observer.look()
    assert heard.of(TableSampled) == [], "not committed"
    await writer.commit()
    await observer.look()
    sample = heard.of(TableSampled)[0]
    assert (sample.table, sample.changed, sample.row_count) == ("accounts", ((1,), (3,)), 3)
    assert {event.claim: event.holds for event in heard.of(InvariantSampled)} == {
        "Money is conserved": False,
        "No balance is below zero": True,
        "The ledger equals the balances": False,
    }


async def test_a_table_that_cannot_be_looked_at_is_not_shown_as_if_it_were(
    observer: Observer, people: People, heard: Heard
) -> None:
    await observer.look()
    heard.clear()
    someone = await people.join("A")
    await someone.execute(text("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE"))
    await observer.look()
    await observer.look()
    told = [sample for sample in heard.of(TableSampled) if sample.table == "accounts"]
    assert [bool(sample.problem) for sample in told] == [True], "told once"
    assert "lock timeout" in told[0].problem
    await someone.rollback()
    await observer.look()
    assert [s.problem for s in heard.of(TableSampled) if s.table == "accounts"][-1] == ""


async def test_no_more_than_five_looks_a_second_while_a_statement_runs(
    observer: Observer, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []

    async def counted() -> None:
        looks.append(time.monotonic())

    monkeypatch.setattr(observer, "look", counted)
    observer.heard(StatementStarted(session="A", number=1, sql="SELECT"))
    watching = asyncio.create_task(observer.watch())
    await asyncio.sleep(1.1)
    watching.cancel()
    assert 4 <= len(looks) <= 6
    assert all(later - earlier >= 0.19 for earlier, later in pairwise(looks))


async def test_looks_get_rarer_while_every_statement_waits_and_nothing_stirs(
    observer: Observer, people: People, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: asyncio.Queue[float] = asyncio.Queue()
    look = observer.look

    async def counted() -> None:
        looks.put_nowait(time.monotonic())
        await look()

    async def coming(count: int) -> list[float]:
        """When the next looks begin."""
        while not looks.empty():
            looks.get_nowait()
        async with asyncio.timeout(10):
            return [await looks.get() for _ in range(count)]

    async def shortest(count: int) -> float:
        """The shortest of the next gaps between looks."""
        return min(later - earlier for earlier, later in pairwise(await coming(count + 1)))

    monkeypatch.setattr(observer, "look", counted)
    holder, waiter, writer = [await people.join(name) for name in "ABC"]
    observer.run_began(people.pids)
    await holder.execute(LOCK)
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(observer.watch())
        try:
            observer.heard(StatementStarted(session="B", number=1, sql="SELECT"))
            await asyncio.sleep(WAITING_INTERVAL_S)
            assert await shortest(3) < 0.6, "it works, for all that can be seen"

            waiting = tasks.create_task(waiter.execute(LOCK))
            await heard.until(lambda: any(sample.waits for sample in heard.of(LocksSampled)))
            await asyncio.sleep(WAITING_INTERVAL_S)
            assert await shortest(1) > 0.9

            await asyncio.sleep(INTERVAL_S * 1.5)
            began = time.monotonic()
            observer.heard(StatementStarted(session="C", number=2, sql="UPDATE"))
            assert (await coming(1))[0] - began < 0.4, "it is not kept waiting for the rest of a second"
            observer.heard(StatementEnded(session="C", number=2, milliseconds=1.0))

            await asyncio.sleep(WAITING_INTERVAL_S + INTERVAL_S)
            await writer.execute(text("UPDATE accounts SET balance = balance + 1 WHERE id = 2"))
            heard.clear()
            await writer.commit()
            await heard.until(lambda: bool(heard.of(TableSampled)))
            assert await shortest(3) < 0.6
            await holder.rollback()
            await waiting
        finally:
            watching.cancel()


async def test_beside_a_table_that_cannot_be_looked_at_the_others_are_not_told_again_and_again(
    observer: Observer, people: People, heard: Heard, place: Place
) -> None:
    someone = await people.join("A")
    await someone.execute(text("LOCK TABLE ledger IN ACCESS EXCLUSIVE MODE"))
    for _ in range(3):
        await observer.look()
    told = [(sample.table, bool(sample.problem)) for sample in heard.of(TableSampled)]
    assert {("accounts", True), ("ledger", False)} & set(told) == {("accounts", True)}
    assert len(told) == len(set(told)), "once"
    heard.clear()
    await someone.rollback()
    await observer.look()
    told = [(sample.table, bool(sample.problem)) for sample in heard.of(TableSampled)]
    assert sorted(told) == [(name, False) for name in sorted(place.lab.metadata.tables)]
