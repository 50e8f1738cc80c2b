"""The backfill: complete whatever happens to it, obedient, and in nobody's way."""

from __future__ import annotations

import asyncio
import time

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.migrations import ladder, truth, users
from labs.migrations.backfill import DATE, FIRST_SIZE, SMALLEST, TASK, Backfiller
from labs.migrations.experiments import crashes
from labs.migrations.experiments.crashes import TORN, backfill_until
from labs.migrations.migration import BACKFILL_AFTER
from labs.migrations.models import Backfill, User
from labs.migrations.throttle import Throttle
from labs.workbench.apart import ApartError, apart, preload
from labs.workbench.bench import Bench
from labs.workbench.runner import Runner
from tests.conftest import Heard
from tests.labs.migrations.careless import backfill_in_two_until
from tests.labs.migrations.told import fallen

ROWS = 4_000


async def ready(connection: AsyncConnection) -> None:
    """Users without dates, and the column for them."""
    await users.grow(connection, ROWS)
    await connection.run_sync(ladder.go, BACKFILL_AFTER)
    await connection.commit()


async def test_killed_ahead_of_any_statement_it_comes_to_the_same_rows(bench: Bench) -> None:
    url = bench.server.url.render_as_string(hide_password=False)
    async with bench.empty_tables() as connection:
        await ready(connection)
        preload("labs.migrations.experiments.crashes")
        schema = connection.dialect.default_schema_name or ""
        killed = 0
        for fault in range(1, 15):
            try:
                await apart(backfill_until, bench.server.name, url, schema, fault)
            except ApartError as error:
                assert "ended with status" in str(error)
                killed += 1
            progress = (await connection.execute(select(Backfill.done_id, Backfill.last_id))).one_or_none()
            done, last = progress or (0, 0)
            assert await connection.scalar(TORN, {"done": done, "last": last}) == 0
            await connection.rollback()
        await apart(backfill_until, bench.server.name, url, schema, None)
        assert killed >= 10
        assert (await truth.dates(connection, ROWS)).verdict == "every date is the one in the log"


async def test_a_checkpoint_in_a_transaction_of_its_own_makes_the_verdict_fall(
    lab: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crashes, "backfill_until", backfill_in_two_until)
    assert await lab.run("killed", {}) == "failed"
    assert fallen(heard) == ["A kill leaves every user up to the checkpoint with a date, and none of those after it"]


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_a_checkpoint_ahead_of_its_batch_would_be_found_out(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody(*_: object) -> None:
        """The checkpoint moves on, the users do not."""

    monkeypatch.setattr(Backfiller, "_date", nobody)
    async with bench.empty_tables() as connection, bench.clients(1) as (sessions,):
        await ready(connection)
        backfiller = Backfiller(bench.server, sessions)
        await backfiller.begin()
        batch = await anext(backfiller.batches())
        assert await connection.scalar(TORN, {"done": batch.done_id, "last": batch.last_id}) == batch.done_id > 0
        await connection.rollback()


async def test_paused_by_an_update_it_waits_and_goes_on(bench: Bench) -> None:
    async with (
        bench.empty_tables() as connection,
        bench.clients(1, isolation="read committed") as (sessions,),
        bench.clients(1, isolation="autocommit") as (operator,),
    ):
        await ready(connection)

        async def paused(yes: bool) -> None:
            async with operator() as session:
                await session.execute(update(Backfill).where(Backfill.task == TASK).values(paused=yes))

        async def at() -> int:
            async with operator() as session:
                return await session.scalar(select(Backfill.done_id)) or 0

        async def run() -> None:
            async for _ in backfiller.batches():
                pass

        backfiller = Backfiller(bench.server, sessions)
        await backfiller.begin()
        await paused(True)
        running = asyncio.create_task(run())
        await asyncio.sleep(0.5)
        assert await at() == 0 and not running.done()
        await paused(False)
        async with asyncio.timeout(10):
            await running
        assert await at() == ROWS


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_the_settings_of_its_session_last_from_batch_to_batch(bench: Bench) -> None:
    settings = text(
        "SELECT concat_ws(' ', current_setting('lock_timeout'), current_setting('synchronous_commit'), "
        "current_setting('backend_flush_after'))"
    )
    async with bench.empty_tables() as connection, bench.clients(1, isolation="read committed") as (sessions,):
        await ready(connection)
        backfiller = Backfiller(bench.server, sessions)
        await backfiller.begin()
        found = set()
        async for _ in backfiller.batches():
            async with sessions() as session:
                found.add(await session.scalar(settings))
        assert found == {"50ms off 512kB"}


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_a_nice_backfill_rests(bench: Bench) -> None:
    async with bench.empty_tables() as connection, bench.clients(1, isolation="read committed") as (sessions,):
        await ready(connection)
        backfiller = Backfiller(bench.server, sessions, nice=3.0)
        await backfiller.begin()
        began = time.perf_counter()
        worked = [batch.seconds async for batch in backfiller.batches()]
        assert time.perf_counter() - began > sum(worked) + 2.5 * sum(worked[:-1])


async def test_who_holds_a_row_is_waited_for_outside_the_transaction(bench: Bench) -> None:
    async with (
        bench.empty_tables() as connection,
        bench.clients(2, isolation="read committed") as (sessions, other),
    ):
        await ready(connection)
        backfiller = Backfiller(bench.server, sessions)
        await backfiller.begin()
        async with other() as session:
            await session.execute(update(User).where(User.id == SMALLEST).values(name="held"))
            batches = backfiller.batches()
            first = await anext(batches)
            assert first.refused and backfiller.size == FIRST_SIZE // 2
            # What the refused batch had locked is free: nobody waits behind it.
            async with asyncio.timeout(1):
                await connection.execute(text("UPDATE users SET name = name WHERE id = 1"))
                await connection.rollback()
            await session.commit()
        async with asyncio.timeout(10):
            assert [batch async for batch in batches][-1].done_id == ROWS
        assert await truth.without_date(connection) == 0
        await connection.rollback()


async def test_it_rests_while_somebody_waits_for_a_lock(bench: Bench) -> None:
    async with (
        bench.empty_tables() as connection,
        bench.clients(2, isolation="read committed") as (holder, waiter),
        bench.clients(1, isolation="autocommit") as (looking,),
        looking() as session,
    ):
        await ready(connection)
        throttle = Throttle(await session.connection(), waiting=0, running=100)
        assert await throttle.reason() == ""

        async def write() -> None:
            async with waiter.begin() as waiting:
                await waiting.execute(text("UPDATE users SET name = 'second' WHERE id = 1"))

        async with holder() as holding:
            await holding.execute(text("UPDATE users SET name = 'first' WHERE id = 1"))
            writing = asyncio.create_task(write())
            await asyncio.sleep(0.3)
            assert await throttle.reason() == "lock waits"
            await holding.commit()
        await writing
        await asyncio.sleep(0.2)
        assert await throttle.reason() == ""
        assert throttle.rested == {"lock waits": 1}


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_who_has_a_date_keeps_it(bench: Bench) -> None:
    async with bench.empty_tables() as connection, bench.clients(1, isolation="read committed") as (sessions,):
        await ready(connection)
        values = {"first_id": 7, "last_id": 7, "registered_at": users.FIRST_DAY.replace(year=1999)}
        await connection.execute(DATE, values)
        await connection.commit()
        backfiller = Backfiller(bench.server, sessions)
        await backfiller.begin()
        async for _ in backfiller.batches():
            pass
        assert (await truth.dates(connection, ROWS)).untrue == 1
        await connection.rollback()
