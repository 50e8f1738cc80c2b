"""COPY in the binary format: the server parses no text, and the driver packs each value in Python instead."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from labs.scale.customers import Customers
from labs.scale.models import COLUMNS, TABLE

TITLE = "COPY, binary"
LACKING = {"mariadb": "MariaDB has no COPY, and LOAD DATA reads only text."}


async def load(engine: AsyncEngine, customers: Customers) -> None:
    """Copy the customers as tuples of Python's own values."""
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        async with driver.transaction():
            await driver.copy_records_to_table(TABLE, columns=COLUMNS, records=customers.tuples())
