"""COPY into a table whose further indexes are dropped before, and built afterwards, each in one sort."""

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.schema import CreateIndex, DropIndex

from labs.scale.customers import Customers
from labs.scale.models import INDEXES
from labs.scale.strategies import copy_text

TITLE = "COPY, indexes afterwards"
LACKING = {"mariadb": "MariaDB has no COPY."}


async def load(engine: AsyncEngine, customers: Customers) -> None:
    """Copy the customers. Meanwhile nothing keeps their e-mail addresses unique but the generator."""
    async with engine.begin() as connection:
        for index in INDEXES:
            await connection.execute(DropIndex(index))
    await copy_text.load(engine, customers)
    async with engine.begin() as connection:
        for index in INDEXES:
            await connection.execute(CreateIndex(index))
