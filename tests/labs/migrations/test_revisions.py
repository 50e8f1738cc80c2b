"""The revisions: each has a way back that brings back exactly what was there, and what they promise they keep."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.util import await_only

from labs.migrations import dialects, ladder, truth, users
from labs.migrations.backfill import Backfiller
from labs.migrations.experiments.phases import state
from labs.migrations.ladder import Climber
from labs.migrations.migration import BACKFILL_AFTER
from labs.workbench.bench import Bench
from labs.workbench.runner import Runner
from tests.conftest import Heard
from tests.labs.migrations.told import fallen

ROWS = 1_000

WITH_NULL = text("INSERT INTO users (id, name, created_at) VALUES (:id, 'New', NULL)")
WITHOUT = text("INSERT INTO users (id, name) VALUES (:id, 'Old')")
DATE_OF = text("SELECT created_at FROM users WHERE id = :id")

KEPT_WAITING = text("SELECT count(*) FROM pg_locks WHERE mode = 'RowExclusiveLock' AND NOT granted")


@pytest.fixture
def check_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL as it was before 18."""
    monkeypatch.setattr(dialects, "NOT_VALID_NOT_NULL", (99,))


@asynccontextmanager
async def fresh(bench: Bench) -> AsyncIterator[AsyncConnection]:
    async with bench.empty_tables() as connection:
        await users.grow(connection, ROWS)
        yield connection


async def go(connection: AsyncConnection, revision: str) -> None:
    await connection.run_sync(ladder.go, revision)
    await connection.commit()


async def backfill(bench: Bench) -> None:
    async with bench.clients(1, isolation="read committed") as (sessions,):
        backfiller = Backfiller(bench.server, sessions)
        await backfiller.begin()
        async for _ in backfiller.batches():
            pass


async def there_and_back(bench: Bench) -> None:
    async with fresh(bench) as connection:
        for revision in ladder.order():
            before = await state(bench, connection, dated=False)
            await go(connection, revision)
            after = await state(bench, connection, dated=False)
            assert after.users == before.users
            await go(connection, ladder.below(revision))
            assert await state(bench, connection, dated=False) == before, revision
            await go(connection, revision)
            assert await state(bench, connection, dated=False) == after, revision
            assert await connection.run_sync(ladder.current) == revision
            if revision == BACKFILL_AFTER:
                await connection.rollback()
                await backfill(bench)
        assert await truth.is_valid(connection)


async def test_each_downgrade_brings_back_the_schema_and_the_rows(bench: Bench) -> None:
    await there_and_back(bench)


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
@pytest.mark.usefixtures("check_path")
async def test_so_does_each_on_a_server_without_not_null_not_valid(bench: Bench) -> None:
    await there_and_back(bench)


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
@pytest.mark.usefixtures("check_path")
async def test_a_server_without_not_null_not_valid_comes_to_the_same_column(bench: Bench) -> None:
    async with fresh(bench) as connection:
        await go(connection, BACKFILL_AFTER)
        await backfill(bench)
        await go(connection, "contract")
        assert await truth.is_valid(connection)
        checks = await connection.scalar(
            text("SELECT count(*) FROM pg_constraint WHERE contype = 'c' AND conrelid = to_regclass('users')")
        )
        assert checks == 0


async def test_whoever_writes_a_user_writes_a_date_once_the_trigger_is_there(bench: Bench) -> None:
    async with fresh(bench) as connection:
        await go(connection, "expand")
        await connection.execute(WITH_NULL, {"id": ROWS + 1})
        assert await connection.scalar(DATE_OF, {"id": ROWS + 1}) is None  # the default alone does not help
        await connection.commit()
        await go(connection, "dual_write")
        await connection.execute(WITH_NULL, {"id": ROWS + 2})
        await connection.execute(WITHOUT, {"id": ROWS + 3})
        await connection.execute(text("UPDATE users SET name = 'x' WHERE id = 1"))
        assert await connection.scalar(DATE_OF, {"id": 1}) is None  # only the backfill knows
        await connection.execute(text("DELETE FROM users WHERE id = :id"), {"id": ROWS + 1})
        await connection.commit()
        await backfill(bench)
        await go(connection, "not_null")
        for user in (1, ROWS + 2, ROWS + 3):
            given = await connection.scalar(DATE_OF, {"id": user})
            await connection.execute(text("UPDATE users SET created_at = NULL WHERE id = :id"), {"id": user})
            assert given is not None and await connection.scalar(DATE_OF, {"id": user}) == given


async def test_a_user_without_a_date_is_found_by_the_validation(bench: Bench) -> None:
    async with fresh(bench) as connection:
        await go(connection, "not_null")
        with pytest.raises(DBAPIError):
            await go(connection, "validate")


@pytest.mark.parametrize("either", ["mariadb"], indirect=True)
async def test_mariadb_refuses_aloud_where_it_would_have_to_copy(bench: Bench) -> None:
    async with fresh(bench) as connection:
        await go(connection, BACKFILL_AFTER)
        for algorithm, lock, code in (
            ("INSTANT", "NONE", "1845"),
            ("NOCOPY", "NONE", "1845"),
            ("COPY", "NONE", "1846"),
        ):
            with pytest.raises(DBAPIError) as refused:
                await connection.execute(
                    text(
                        "ALTER TABLE users MODIFY created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), "
                        f"ALGORITHM={algorithm}, LOCK={lock}"
                    )
                )
            assert bench.server.sqlstate(refused.value) == code


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_a_step_that_falls_to_a_deadlock_is_tried_again(bench: Bench) -> None:
    """Who has read users wants to write to them while the step has its first lock, and before it asks for its next."""
    writing: list[asyncio.Task[Any]] = []

    async with fresh(bench) as client, bench.reading() as outside, bench.sessions("migration") as (sessions,):

        async def write() -> None:
            writing.append(asyncio.create_task(client.execute(text("UPDATE users SET name = 'Old' WHERE id = 1"))))
            while not await outside.scalar(KEPT_WAITING):  # noqa: ASYNC110 (it is the server that has to be asked)
                await asyncio.sleep(0.01)

        def between(*sent: Any) -> None:
            if "ADD CONSTRAINT" in sent[2] and not writing:
                await_only(write())

        await go(client, "dual_write")
        await client.execute(text("SELECT name FROM users WHERE id = 1"))
        async with sessions.begin() as session:
            event.listen((await session.connection()).sync_engine, "before_cursor_execute", between)
        climbing = asyncio.create_task(Climber(bench.server, sessions).go("not_null"))
        async with asyncio.timeout(10):
            while not writing:  # noqa: ASYNC110 (it is appended to within another statement)
                await asyncio.sleep(0.01)
            await writing[0]
        await client.commit()
        assert (await climbing).attempts > 1


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The revisions in a folder of their own, to be changed."""
    folder = tmp_path / "revisions"
    shutil.copytree(ladder.FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(ladder, "FOLDER", folder)
    ladder._script.cache_clear()
    yield folder
    ladder._script.cache_clear()


@pytest.mark.parametrize(
    ("revision", "right", "wrong"),
    [
        ("dual_write", "DROP FUNCTION users_keep_created_at()", "SELECT 1"),
        ("validate", "NOT NULL created_at NOT VALID", "NOT NULL created_at"),
        (
            "expand",
            "ALTER TABLE users DROP COLUMN created_at",
            "ALTER TABLE users ALTER COLUMN created_at DROP DEFAULT",
        ),
    ],
)
@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_a_downgrade_that_leaves_something_behind_is_found_out(
    lab: Runner, heard: Heard, copied: Path, revision: str, right: str, wrong: str
) -> None:
    file = copied / f"{revision}.py"
    before, marker, after = file.read_text().rpartition("def downgrade")
    assert right in after
    file.write_text(before + marker + after.replace(right, wrong))
    assert await lab.run("there_and_back", {}) == "failed"
    assert fallen(heard) == ["Every downgrade brings back what its upgrade changed, and nothing else"]
