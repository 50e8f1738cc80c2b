"""On either engine, what is told of locks: who waits for whom, for what, in which mode and since when; and soon."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.stream.events import LocksSampled, LockWait, StatementStarted
from labs.workbench.engines.engine import Engine
from labs.workbench.observer.observer import Observer
from labs.workbench.place import Place
from tests.conftest import Heard
from tests.labs.workbench.test_findings import Pots

SOON_S = 0.4
"""A wait must be told so soon."""

ROW = {"postgres": "row id=1 of pot", "mariadb": "row 1 of pot"}
TABLE = {"postgres": ("AccessExclusiveLock", "table pot"), "mariadb": ("EXCLUSIVE", "definition of pot")}
WRITE = text("UPDATE pot SET n = n + 1 WHERE id = 1")

Join = Callable[[str], Awaitable[AsyncConnection]]


@pytest.fixture
async def place(either: Engine) -> AsyncIterator[Place]:
    opened = Place(either, Pots())
    await opened.open(rebuild=True)
    yield opened
    await opened.close()


@pytest.fixture
async def observer(place: Place, heard: Heard) -> AsyncIterator[Observer]:
    """One that watches."""
    observing = Observer(place, emit=heard.append)
    watching = asyncio.create_task(observing.watch())
    yield observing
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await observing.close()


@pytest.fixture
async def join(place: Place, observer: Observer) -> AsyncIterator[Join]:
    """Opens a session by name, for the observer to watch."""
    async with AsyncExitStack() as stack:
        sessions: dict[int, str] = {}
        observer.run_began(sessions)

        async def opened(name: str) -> AsyncConnection:
            engine = place.server.create(application=f"test/{name}", schema=place.schema)
            stack.push_async_callback(engine.dispose)
            connection = await stack.enter_async_context(engine.connect())
            raw = await connection.get_raw_connection()
            sessions[place.server.backend_pid(raw.dbapi_connection)] = name
            return connection

        yield opened


async def waits(heard: Heard, count: int) -> dict[tuple[str, str], LockWait]:
    """The edges of the first sample that has so many."""
    found: list[LocksSampled] = []

    def seen() -> bool:
        found.extend(sample for sample in heard.of(LocksSampled) if len(sample.waits) >= count)
        return bool(found)

    await heard.until(seen)
    return {(wait.waiter, wait.blocker): wait for wait in found[0].waits}


def start(observer: Observer, session: str, number: int, work: Awaitable[object]) -> asyncio.Task[object]:
    """Send a session's statement, of which the observer hears as it does in a run."""
    observer.heard(StatementStarted(session=session, number=number, sql=""))
    return asyncio.ensure_future(work)


async def test_a_queue_for_one_row_is_told_soon_with_key_mode_and_age(
    either: Engine, observer: Observer, join: Join, heard: Heard
) -> None:
    holder, first, second = [await join(name) for name in "ABC"]
    await holder.execute(WRITE)
    began = time.monotonic()
    waiting = [start(observer, "B", 1, first.execute(WRITE))]
    edge = (await waits(heard, 1))["B", "A"]
    elapsed = time.monotonic() - began
    assert elapsed <= SOON_S
    assert edge.object.startswith(ROW[either.name])
    assert edge.mode.startswith({"postgres": "ShareLock", "mariadb": "X"}[either.name])
    assert 0 < edge.milliseconds <= elapsed * 1000

    waiting.append(start(observer, "C", 2, second.execute(WRITE)))
    queue = await waits(heard, 2)
    assert {waiter for waiter, _ in queue} == {"B", "C"}
    assert queue["B", "A"].milliseconds > edge.milliseconds
    await holder.rollback()
    await waiting[0]
    await first.rollback()
    await waiting[1]


async def test_one_that_waits_for_two(either: Engine, observer: Observer, join: Join, heard: Heard) -> None:
    one, two, writer = [await join(name) for name in "ABC"]
    if either.name == "postgres":  # Of those who share a row, PostgreSQL waits for one after the other.
        read, write = text("LOCK TABLE pot IN SHARE MODE"), text("UPDATE pot SET n = 1")
    else:
        read, write = text("SELECT n FROM pot WHERE id = 1 LOCK IN SHARE MODE"), WRITE
    await one.execute(read)
    await two.execute(read)
    waiting = start(observer, "C", 1, writer.execute(write))
    assert set(await waits(heard, 2)) == {("C", "A"), ("C", "B")}
    await one.rollback()
    await two.rollback()
    await waiting


async def test_the_index_is_told_where_rows_are_locked_in_it(
    either: Engine, observer: Observer, join: Join, heard: Heard
) -> None:
    """In PostgreSQL a row is locked in its table, never in an index."""
    holder, writer = [await join(name) for name in "AB"]
    await holder.execute(text("CREATE INDEX by_n ON pot (n)"))
    await holder.commit()
    hint = {"postgres": "", "mariadb": "FORCE INDEX (by_n)"}[either.name]
    by_index = text(f"UPDATE pot {hint} SET id = id WHERE n = 100")
    await holder.execute(by_index)
    waiting = start(observer, "B", 1, writer.execute(by_index))
    where = {"postgres": ROW["postgres"], "mariadb": "row 100, 1 of pot, index by_n"}[either.name]
    assert (await waits(heard, 1))["B", "A"].object.startswith(where)
    await holder.rollback()
    await waiting


async def test_a_change_of_the_table_behind_an_open_transaction_and_a_reader_behind_that(
    either: Engine, observer: Observer, join: Join, heard: Heard
) -> None:
    reader, change, late = [await join(name) for name in "ABC"]
    await reader.execute(text("SELECT n FROM pot"))
    began = time.monotonic()
    waiting = [start(observer, "B", 1, change.execute(text("ALTER TABLE pot ADD COLUMN note int")))]
    edge = (await waits(heard, 1))["B", "A"]
    elapsed = time.monotonic() - began
    assert elapsed <= SOON_S
    assert (edge.mode, edge.object) == TABLE[either.name]
    assert 0 < edge.milliseconds <= elapsed * 1000
    waiting.append(start(observer, "C", 2, late.execute(text("SELECT n FROM pot"))))
    assert ("C", "B") in await waits(heard, 2)
    await reader.rollback()
    await waiting[0]
    await change.commit()
    await waiting[1]
