"""One object, one transaction, one commit: every row waits until its log is on the disk."""

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from labs.scale.customers import Customers
from labs.scale.models import Customer

TITLE = "ORM, a commit a row"
AT_MOST = 200


async def load(engine: AsyncEngine, customers: Customers) -> None:
    """Insert the customers."""
    for row in customers.dicts():
        async with AsyncSession(engine) as session, session.begin():
            session.add(Customer(**row))
