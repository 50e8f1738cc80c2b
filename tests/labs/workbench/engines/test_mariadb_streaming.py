"""LOAD DATA LOCAL from an iterator: of any length, whole or not at all, and never a file of ours."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.workbench.engines.mariadb.engine import MariaDB
from labs.workbench.engines.mariadb.streaming import stream

SCHEMA = "ninelabs_streaming"
LOAD = "LOAD DATA LOCAL INFILE '{}' INTO TABLE texts (line)"


@pytest.fixture
async def connection(mariadb: MariaDB) -> AsyncIterator[AsyncConnection]:
    engine = mariadb.create(application="test", schema=SCHEMA)
    try:
        async with engine.connect() as connection:
            await connection.execute(text(f"CREATE OR REPLACE DATABASE {SCHEMA}"))
            await connection.execute(text(f"CREATE TABLE {SCHEMA}.texts (line varchar(100))"))
            await connection.invalidate()  # The next one finds the database.
        async with engine.connect() as connection:
            yield connection
            await connection.rollback()
            await connection.execute(text(f"DROP DATABASE {SCHEMA}"))
    finally:
        await engine.dispose()


async def count(connection: AsyncConnection) -> int:
    return await connection.scalar(text("SELECT count(*) FROM texts")) or 0


async def test_far_more_than_a_packet_goes_through_and_is_not_kept(connection: AsyncConnection) -> None:
    block = b"".join(b"%099d\n" % number for number in range(1_000))
    tracemalloc.start()
    with stream(block for _ in range(400)) as name:  # 40 MB; the driver's own reader fails at 16 MiB
        await connection.execute(text(LOAD.format(name)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert await count(connection) == 400_000
    assert peak < 8_000_000


async def test_nothing_and_blocks_that_end_anywhere_go_through(connection: AsyncConnection) -> None:
    with stream([]) as name:
        await connection.execute(text(LOAD.format(name)))
    assert await count(connection) == 0
    with stream([b"on", b"", b"e\ntw", b"o\n"]) as name:
        await connection.execute(text(LOAD.format(name)))
    assert (await connection.scalars(text("SELECT line FROM texts ORDER BY line"))).all() == ["one", "two"]


async def test_what_the_iterator_raises_comes_out_and_nothing_is_stored(
    connection: AsyncConnection, mariadb: MariaDB
) -> None:
    def breaking() -> Iterator[bytes]:
        yield b"one\n" * 100_000
        raise ValueError("no more lines")

    with pytest.raises(ValueError, match="no more lines"), stream(breaking()) as name:
        await connection.execute(text(LOAD.format(name)))
    await connection.invalidate()
    await connection.rollback()
    assert await count(connection) == 0


async def test_a_server_that_asks_for_another_file_does_not_get_it(connection: AsyncConnection, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a secret\n")
    with stream([b"one\n"]), pytest.raises(DBAPIError, match="nobody has lent"):
        await connection.execute(text(LOAD.format(secret)))
    assert await count(connection) == 0
