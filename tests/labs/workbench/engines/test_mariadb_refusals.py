"""What a real MariaDB server refuses or is told to end, and what that means for the transaction."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy.exc import DBAPIError

from tests.labs.workbench.engines.bar import BUMP, Bar, refused


async def test_a_deadlock_ends_one_transaction(bar: Bar) -> None:
    a, b = await bar.connect(), await bar.connect()
    await a.run(BUMP)
    await b.run("UPDATE pot SET n = 0 WHERE id = 2")
    waiting = a.start("UPDATE pot SET n = 0 WHERE id = 2")
    await bar.until_waiting(a)
    ended = await asyncio.gather(waiting, b.start(BUMP), return_exceptions=True)
    [error] = [value for value in ended if isinstance(value, DBAPIError)]
    assert bar.server.sqlstate(error) == bar.server.deadlock_code == "1213"
    assert bar.server.transient(error)
    assert bar.server.ends_transaction(error)
    assert bar.server.message(error).endswith("(SQLSTATE 40001)")


async def test_a_lock_timeout_ends_the_statement_only(bar: Bar) -> None:
    a, b = await bar.connect(), await bar.connect()
    await a.run(BUMP)
    await b.run("UPDATE pot SET n = 0 WHERE id = 2")
    error = await refused(b.run("SELECT n FROM pot WHERE id = 1 FOR UPDATE NOWAIT"))
    assert bar.server.sqlstate(error) == "1205"
    assert bar.server.transient(error)
    assert not bar.server.ends_transaction(error)
    assert bar.server.message(error) == "Lock wait timeout exceeded; try restarting transaction"
    await a.rollback()
    await b.connection.commit()
    assert await a.run("SELECT n FROM pot WHERE id = 2") == 0, "what it had done before is there"


@pytest.mark.parametrize(("snapshot", "code"), [("on", "1020"), ("off", None)])
async def test_a_lost_update_at_repeatable_read(bar: Bar, snapshot: str, code: str | None) -> None:
    a, b = [await bar.connect(isolation=f"repeatable read, snapshot {snapshot}") for _ in range(2)]
    await a.run("SELECT n FROM pot WHERE id = 1")
    await b.run(BUMP)
    await b.connection.commit()
    if code is None:
        await a.run(BUMP)
        return
    error = await refused(a.run(BUMP))
    assert bar.server.sqlstate(error) == code
    assert bar.server.transient(error)
    assert bar.server.ends_transaction(error)


async def test_other_refusals_are_no_reason_to_try_again(bar: Bar) -> None:
    a = await bar.connect()
    await a.run("CREATE TABLE small (n int CHECK (n < 10))")
    for sql, code in (
        ("INSERT INTO pot VALUES (1, 1, NULL)", "1062"),
        ("INSERT INTO small VALUES (11)", "4025"),
        ("SELECT nonsense FROM pot", "1054"),
    ):
        error = await refused(a.run(sql))
        assert bar.server.sqlstate(error) == code
        assert not bar.server.transient(error)
        assert not bar.server.lost(error)
        assert bar.server.explain(error).sql


async def test_the_impatient_wait_for_no_row_either(bar: Bar) -> None:
    a, b = await bar.connect(), await bar.connect(patience_s=0.1)
    await a.run(BUMP)
    assert bar.server.sqlstate(await refused(b.run(BUMP))) == "1205"


async def test_a_statement_is_cancelled_and_its_connection_lives_on(bar: Bar) -> None:
    a, b = await bar.connect(), await bar.connect()
    await a.run(BUMP)
    waiting = b.start(BUMP)
    await bar.until_waiting(b)
    await bar.server.cancel(bar.control, [999_999, b.pid, a.pid])
    assert bar.server.sqlstate(await refused(waiting)) == "1317"
    assert await b.run("SELECT CONNECTION_ID()") == b.pid
    assert await a.run("SELECT n FROM pot WHERE id = 1") == 11, "who ran nothing keeps its transaction"
