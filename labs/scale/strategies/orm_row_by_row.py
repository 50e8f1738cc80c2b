"""One object after the other in one transaction: a round trip for each, but only one wait for the disk."""

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from labs.scale.customers import Customers
from labs.scale.models import Customer

TITLE = "ORM, row by row"
AT_MOST = 500


async def load(engine: AsyncEngine, customers: Customers) -> None:
    """Insert the customers."""
    async with AsyncSession(engine) as session, session.begin():
        for row in customers.dicts():
            session.add(Customer(**row))
            await session.flush()
