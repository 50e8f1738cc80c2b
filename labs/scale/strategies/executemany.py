"""Core's `executemany`: one statement, prepared once, and rows as dictionaries, with no objects made of them.

asyncpg sends the rows of a block without waiting for an answer to each; aiomysql rewrites them to one multi-row
statement by itself.
"""

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from labs.scale.customers import Customers
from labs.scale.models import Customer

TITLE = "Core, executemany"
AT_MOST = 50_000
BLOCK = 1_000


async def load(engine: AsyncEngine, customers: Customers) -> None:
    """Insert the customers."""
    async with engine.begin() as connection:
        for block in customers.dicts_by(BLOCK):
            await connection.execute(insert(Customer), block)
