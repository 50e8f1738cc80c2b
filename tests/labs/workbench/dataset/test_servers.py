"""What both servers hold after a load, by whatever way, is what the generator says that it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import BigInteger, Boolean, Column, DateTime, MetaData, Numeric, String, insert
from sqlalchemy import Table as SqlTable
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from labs.workbench.dataset import Digest, Shop, Table, checksum
from labs.workbench.dataset.sending import send
from labs.workbench.engines.engine import Engine

TYPES: dict[str, TypeEngine[Any]] = {
    "integer": BigInteger(),
    "text": String(400),
    "numeric": Numeric(12, 2),
    "timestamp": DateTime(timezone=True),
    "boolean": Boolean(),
}


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop(1, 20_000)


@pytest.fixture
async def connection(either: Engine, schema: str) -> AsyncIterator[AsyncConnection]:
    engine = either.create(application="dataset", schema=schema, isolation="autocommit")
    async with engine.connect() as connected:
        yield connected
        for table in Shop(1, 10).tables:
            await connected.exec_driver_sql(f"DROP TABLE IF EXISTS {table.name}")
    await engine.dispose()


async def created(connection: AsyncConnection, table: Table) -> SqlTable:
    columns: list[Column[Any]] = [
        Column(column.name, TYPES[column.kind], nullable=column.nullable) for column in table.columns
    ]
    made = SqlTable(table.name, MetaData(), *columns)
    await connection.run_sync(made.create)
    return made


def total(table: Table) -> Digest:
    return sum((block.digest() for block in table), Digest())


async def digest(connection: AsyncConnection, either: Engine, table: Table, where: str = "") -> Digest:
    return await checksum.read(connection, either.name, table.columns, f"{table.name} {where}")


async def test_a_loaded_table_has_the_checksum_of_the_generator(
    either: Engine, connection: AsyncConnection, shop: Shop
) -> None:
    for table in shop.tables:
        await created(connection, table)
        assert await digest(connection, either, table) == Digest()
        await send(connection, table, table)
        assert await digest(connection, either, table) == total(table), table.name


async def test_parts_of_a_table_add_up(either: Engine, connection: AsyncConnection, shop: Shop) -> None:
    await created(connection, shop.users)
    await send(connection, shop.users, shop.users)
    parts = [await digest(connection, either, shop.users, f"WHERE mod(id, 3) = {part}") for part in range(3)]
    assert sum(parts, Digest()) == total(shop.users)
    block = await digest(connection, either, shop.users, "WHERE id BETWEEN 4001 AND 8000")
    assert block == shop.users.block(1).digest()


async def test_rows_as_python_values_are_the_same_rows(either: Engine, connection: AsyncConnection) -> None:
    for table in Shop(1, 1_000).tables:
        made = await created(connection, table)
        names = [column.name for column in table.columns]
        for block in table:
            await connection.execute(insert(made), [dict(zip(names, row, strict=True)) for row in block.tuples()])
        assert await digest(connection, either, table) == total(table), table.name


@pytest.mark.parametrize(
    "change",
    [
        "SET name = concat(name, ' ') WHERE id = 7",
        "SET note = NULL WHERE note = ''",
        "SET note = '' WHERE id = (SELECT min(id) FROM (SELECT id FROM customers WHERE note IS NULL) q)",
        "SET balance = balance + 0.01 WHERE id = 7",
        "SET created_at = created_at + INTERVAL '1' SECOND WHERE id = 7",
        "SET opt_in = NOT opt_in WHERE opt_in IS NOT NULL",
        "SET id = 15 - id WHERE id IN (7, 8)",
        "SET country = concat(country, city), city = '' WHERE id = 7",
    ],
)
async def test_whatever_is_changed_shows(either: Engine, connection: AsyncConnection, change: str) -> None:
    table = Shop(1, 1_000).customers
    made = await created(connection, table)
    names = [column.name for column in table.columns]
    await connection.execute(insert(made), [dict(zip(names, row, strict=True)) for row in table.block(0).tuples()])
    before = await digest(connection, either, table)
    await connection.exec_driver_sql(f"UPDATE customers {change}")
    after = await digest(connection, either, table)
    assert before == total(table) != after
    assert before.rows == after.rows


SETTINGS = {
    "postgres": ("SET TimeZone = 'Asia/Kathmandu'", "SET DateStyle = 'German'"),
    "mariadb": ("SET time_zone = '+05:45'", "SET NAMES utf8mb4 COLLATE utf8mb4_general_ci"),
}


async def test_neither_load_nor_checksum_hang_on_the_session(
    either: Engine, connection: AsyncConnection, shop: Shop
) -> None:
    for setting in SETTINGS[either.name]:
        await connection.exec_driver_sql(setting)
    await created(connection, shop.customers)
    await send(connection, shop.customers, shop.customers)
    assert await digest(connection, either, shop.customers) == total(shop.customers)
