"""Reading a table of any size: all of it into a list, or a part at a time."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from labs.scale.models import Customer
from labs.workbench.engines.engine import Engine

PART = 500


async def fetch_all(server: Engine, schema: str, application: str, rows: int) -> int:
    """How many objects are in the list at the end, all at the same time."""
    engine = server.create(application=application, schema=schema)
    try:
        async with AsyncSession(engine) as session:
            customers = (await session.scalars(select(Customer).order_by(Customer.id).limit(rows))).all()
            return len(customers)
    finally:
        await engine.dispose()


async def stream(server: Engine, schema: str, application: str, rows: int) -> int:
    """How many objects went by. A cursor on the server holds the place; no more than a part is ever here."""
    engine = server.create(application=application, schema=schema)
    try:
        async with AsyncSession(engine) as session:
            query = select(Customer).order_by(Customer.id).limit(rows).execution_options(yield_per=PART)
            seen = 0
            async for part in (await session.stream_scalars(query)).partitions():
                seen += len(part)  # The session holds what nobody else does only weakly.
            return seen
    finally:
        await engine.dispose()
