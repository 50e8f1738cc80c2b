"""Rows on their way into a server's table, as they are generated: by COPY, or by LOAD DATA LOCAL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.workbench.dataset.block import LOAD_DATA, Block
from labs.workbench.dataset.table import Table
from labs.workbench.engines.mariadb.streaming import stream


async def send(
    connection: AsyncConnection, table: Table, blocks: Iterable[Block], moved: Callable[[int], None] = lambda _: None
) -> None:
    """Load blocks of a table into the server's table of that name, in the connection's transaction.

    Args:
        moved: told how many rows have been sent.
    """
    columns = [column.name for column in table.columns]
    if connection.dialect.name != "postgresql":
        with stream(_counted(blocks, Block.load_data, moved)) as name:
            statement = f"LOAD DATA LOCAL INFILE '{name}' INTO TABLE {table.name} {LOAD_DATA} ({', '.join(columns)})"
            await connection.execute(text(statement))
        return
    await connection.execute(select(1))  # The transaction begins with the first statement; COPY is none to SQLAlchemy.
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    lines = flowing(_counted(blocks, Block.copy_text, moved))
    await driver.copy_to_table(table.name, columns=columns, source=lines, format="text")


async def flowing(lines: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Lines as asyncpg wants them."""
    for some in lines:
        yield some


def _counted(
    blocks: Iterable[Block], written: Callable[[Block], bytes], moved: Callable[[int], None]
) -> Iterator[bytes]:
    """The blocks as lines, of which it is told that they have been sent once the next ones are asked for."""
    sent = 0
    for block in blocks:
        lines = written(block)
        yield lines
        sent += lines.count(b"\n")
        moved(sent)
