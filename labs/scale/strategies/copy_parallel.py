"""COPY over two connections: two backends parse and write, and two transactions have to be made one."""

import asyncio
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from labs.scale.customers import Customers
from labs.scale.models import COLUMNS, TABLE
from labs.workbench.dataset.sending import flowing

TITLE = "COPY, two connections"
LACKING = {"mariadb": "MariaDB has no COPY."}
CONNECTIONS = 2


async def load(engine: AsyncEngine, customers: Customers) -> None:
    """Copy half of the customers over each connection. Should one fail, so does the other,
    for neither has committed; only a crash between the two commits would leave a half."""
    async with engine.connect() as one, engine.connect() as other:
        drivers: list[Any] = [(await connection.get_raw_connection()).driver_connection for connection in (one, other)]
        transactions = [driver.transaction() for driver in drivers]
        for transaction in transactions:
            await transaction.start()
        async with asyncio.TaskGroup() as group:
            for driver, half in zip(drivers, customers.halves(), strict=True):
                lines = flowing(half.copy_text())
                group.create_task(driver.copy_to_table(TABLE, columns=COLUMNS, source=lines, format="text"))
        for transaction in transactions:
            await transaction.commit()
