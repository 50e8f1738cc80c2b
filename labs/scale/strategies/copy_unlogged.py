"""COPY into an unlogged table, which is logged as a whole afterwards: no log for the rows, then all of it at once."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from labs.scale.customers import Customers
from labs.scale.models import TABLE
from labs.scale.strategies import copy_text

TITLE = "COPY, unlogged then logged"
LACKING = {"mariadb": "MariaDB has no unlogged tables."}


async def load(engine: AsyncEngine, customers: Customers) -> None:
    """Copy the customers. Until the end, a crash of the server would leave the table empty."""
    async with engine.begin() as connection:
        await connection.execute(text(f"ALTER TABLE {TABLE} SET UNLOGGED"))
    await copy_text.load(engine, customers)
    async with engine.begin() as connection:
        await connection.execute(text(f"ALTER TABLE {TABLE} SET LOGGED"))
