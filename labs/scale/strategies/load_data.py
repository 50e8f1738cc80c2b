"""`LOAD DATA LOCAL`: the server asks for a file, and gets lines as they are generated."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from labs.scale.customers import Customers
from labs.scale.models import LOAD_DATA
from labs.workbench.engines.mariadb.streaming import stream

TITLE = "LOAD DATA LOCAL"
LACKING = {"postgres": "PostgreSQL has no LOAD DATA; COPY is what it has instead."}


async def load(engine: AsyncEngine, customers: Customers) -> None:
    """Load the customers in one transaction."""
    async with engine.begin() as connection:
        with stream(customers.load_data_text()) as name:
            await connection.execute(text(LOAD_DATA.format(name=name)))
