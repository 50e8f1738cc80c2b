"""COPY: lines of text flow into the table, with no statement, no bind and no answer for any of them."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from labs.scale.customers import Customers
from labs.scale.models import COLUMNS, TABLE
from labs.workbench.dataset.sending import flowing

TITLE = "COPY, text"
LACKING = {"mariadb": "MariaDB has no COPY; LOAD DATA LOCAL is what it has instead."}


async def load(engine: AsyncEngine, customers: Customers) -> None:
    """Copy the customers, generated on the way, in one transaction of the driver's."""
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        async with driver.transaction():
            await driver.copy_to_table(TABLE, columns=COLUMNS, source=flowing(customers.copy_text()), format="text")
