"""`LOAD DATA LOCAL` into a table whose further indexes are dropped before, and built afterwards."""

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.schema import CreateIndex, DropIndex

from labs.scale.customers import Customers
from labs.scale.models import INDEXES
from labs.scale.strategies import load_data

TITLE = "LOAD DATA, indexes afterwards"
LACKING = {"postgres": "PostgreSQL has no LOAD DATA."}


async def load(engine: AsyncEngine, customers: Customers) -> None:
    """Load the customers. Each DROP and CREATE INDEX commits by itself."""
    async with engine.begin() as connection:
        for index in INDEXES:
            await connection.execute(DropIndex(index))
    await load_data.load(engine, customers)
    async with engine.begin() as connection:
        for index in INDEXES:
            await connection.execute(CreateIndex(index))
