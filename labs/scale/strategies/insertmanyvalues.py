"""SQLAlchemy's own multi-row INSERT, which it chooses where the new rows' values are to come back."""

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from labs.scale.customers import Customers
from labs.scale.models import Customer

TITLE = "Core, insertmanyvalues"
AT_MOST = 20_000
BLOCK = 1_000


async def load(engine: AsyncEngine, customers: Customers) -> None:
    """Insert the customers, and fetch their keys: what an application does whose keys come from the server."""
    async with engine.begin() as connection:
        for block in customers.dicts_by(BLOCK):
            inserted = await connection.scalars(insert(Customer).returning(Customer.id), block)
            inserted.all()
