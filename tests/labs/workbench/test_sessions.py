"""What is told of a session is what the server was told, and what it said."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from labs.stream.events import SessionChanged, StatementEnded, StatementStarted
from tests.conftest import Heard
from tests.labs.workbench.conftest import Table

Seat = Callable[..., Awaitable[Table]]


@pytest.mark.parametrize("isolation", [None, "read committed", "repeatable read", "serializable"])
async def test_the_statements_told_are_those_that_the_server_got(
    table: Seat, heard: Heard, data_folder: Path, isolation: str | None
) -> None:
    session = (await table("A", isolation=isolation))["A"]
    async with session.engine.connect() as connection:
        await connection.execute(text("SET log_statement = 'all'"))
        await connection.execute(text("SET log_min_messages = 'log'"))
        await connection.commit()
    heard.clear()
    async with session.maker.begin() as orm:
        await orm.execute(text("UPDATE pot SET n = n + :by WHERE id = 1"), {"by": 5})
    async with session.maker() as orm:
        await orm.execute(text("SELECT 1"))
    told = [event.sql for event in heard.of(StatementStarted)]
    line = re.compile(rf"\[{session.backend_pid}\] LOG:  (?:statement|execute [^:]*): (.*)")
    _end_of_setting_up, *logged = line.findall((data_folder / "postgres-18" / "log").read_text())
    assert told == logged
    assert told[0].startswith("BEGIN") and told[2] == "COMMIT;" and told[-1] == "ROLLBACK;"


async def test_looking_at_the_rows_takes_none_away(table: Seat, heard: Heard) -> None:
    session = (await table("A"))["A"]
    async with session.maker() as orm:
        rows = (await orm.execute(text("SELECT id, n FROM pot ORDER BY id"))).all()
    assert [tuple(row) for row in rows] == [(1, 0), (2, 0)]
    select = next(event for event in heard.of(StatementEnded) if event.rows is not None)
    assert (select.rows, select.preview) == (2, ((1, 0), (2, 0)))


async def test_parameters_are_told_and_redacted_where_marked(table: Seat, heard: Heard) -> None:
    session = (await table("A"))["A"]
    statement = text("SELECT n FROM pot WHERE id = :id")
    async with session.maker() as orm:
        await orm.execute(statement, {"id": 1})
        await orm.execute(statement.execution_options(redact=True), {"id": 424242})
    selects = [event for event in heard.of(StatementStarted) if event.sql.startswith("SELECT")]
    assert [event.parameters for event in selects] == [(1,), ("(redacted)",)]
    assert "424242" not in repr(heard)


async def test_neither_rows_nor_words_of_a_redacted_statement_are_told(table: Seat, heard: Heard) -> None:
    session = (await table("A"))["A"]
    async with session.maker() as orm:
        await orm.execute(text("SELECT 'hunter2'").execution_options(redact=True))
        with pytest.raises(DBAPIError):
            await orm.execute(text("SELECT CAST('hunter2' AS int)").execution_options(redact=True))
    select, refused = (event for event in heard.of(StatementEnded) if event.rows is not None or event.sqlstate)
    assert (select.rows, select.preview) == (1, ())
    assert (refused.sqlstate, refused.message) == ("22P02", "(redacted)")


async def test_a_refusal_is_told_with_its_code_and_the_transaction_as_aborted(table: Seat, heard: Heard) -> None:
    session = (await table("A"))["A"]
    with pytest.raises(DBAPIError):
        async with session.maker.begin() as orm:
            await orm.execute(text("INSERT INTO pot VALUES (1, 1)"))
    refused = next(event for event in heard.of(StatementEnded) if event.sqlstate)
    assert refused.sqlstate == "23505"
    assert "pot_pkey" in refused.message
    assert session.refusals == ["23505"]
    states = [event.state for event in heard.of(SessionChanged)]
    assert states == ["idle", "running", "aborted", "idle"]
    assert heard.of(SessionChanged)[-1].in_transaction is False


async def test_a_refusal_at_commit_is_the_commits_own(table: Seat, heard: Heard) -> None:
    seated = await table("A", "B", isolation="serializable")

    async def move(name: str, read: int, write: int) -> None:
        async with seated[name].maker.begin() as orm:
            await orm.execute(text("SELECT n FROM pot WHERE id = :id"), {"id": read})
            await orm.execute(text("UPDATE pot SET n = n + 1 WHERE id = :id"), {"id": write})

    outcomes = await seated.play("ABABAB", A=lambda: move("A", 1, 2), B=lambda: move("B", 2, 1))
    assert sorted(isinstance(outcome, DBAPIError) for outcome in outcomes.values()) == [False, True]
    by_number = {event.number: event.sql for event in heard.of(StatementStarted)}
    refusals = [by_number[event.number] for event in heard.of(StatementEnded) if event.sqlstate == "40001"]
    assert refusals == ["COMMIT;"]


async def test_the_backend_told_is_the_one_that_the_server_knows(table: Seat) -> None:
    session = (await table("A"))["A"]
    async with session.maker() as orm:
        assert await orm.scalar(text("SELECT pg_backend_pid()")) == session.backend_pid
