"""`LOAD DATA LOCAL` with `unique_checks` off: into an empty table, InnoDB then builds each index in one sort.

The rows also need no undo of their own: should the load fail, the table is emptied.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from labs.scale.customers import Customers
from labs.scale.models import LOAD_DATA
from labs.workbench.engines.mariadb.streaming import stream

TITLE = "LOAD DATA, unique_checks off"
LACKING = {"postgres": "PostgreSQL cannot be told to leave out the check for uniqueness, only to have no index."}


async def load(engine: AsyncEngine, customers: Customers) -> None:
    """Load the customers in one transaction."""
    async with engine.begin() as connection:
        await connection.execute(text("SET unique_checks = 0, foreign_key_checks = 0"))
        with stream(customers.load_data_text()) as name:
            await connection.execute(text(LOAD_DATA.format(name=name)))
        await connection.execute(text("SET unique_checks = 1, foreign_key_checks = 1"))
