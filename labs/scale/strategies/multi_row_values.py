"""`INSERT … VALUES (…), (…), …`: one statement a block, and a bind for each value of it."""

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from labs.scale.customers import Customers
from labs.scale.models import Customer

TITLE = "Core, multi-row VALUES"
AT_MOST = 2_500
BLOCK = 500


async def load(engine: AsyncEngine, customers: Customers) -> None:
    """Insert the customers. A larger block would meet the limit of binds: see the experiment Limits of a statement."""
    async with engine.begin() as connection:
        for block in customers.dicts_by(BLOCK):
            await connection.execute(insert(Customer).values(block))
