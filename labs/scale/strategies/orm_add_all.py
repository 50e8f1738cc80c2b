"""Many objects at once: the unit of work sorts them, and sends a block as one `executemany`."""

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from labs.scale.customers import Customers
from labs.scale.models import Customer

TITLE = "ORM, add_all"
AT_MOST = 5_000
BLOCK = 1_000


async def load(engine: AsyncEngine, customers: Customers) -> None:
    """Insert the customers; what is flushed is let go of, or else memory would grow with the rows."""
    async with AsyncSession(engine) as session, session.begin():
        for block in customers.dicts_by(BLOCK):
            session.add_all(Customer(**row) for row in block)
            await session.flush()
            session.expunge_all()
