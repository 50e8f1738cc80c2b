"""Scale: ten thousand rows to ten million. Each theme is a folder, with its experiments in a class."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.scale.customers import Customers
from labs.scale.limits.experiments import Limits
from labs.scale.loading import load
from labs.scale.loading.experiments import Loading
from labs.scale.maintenance.experiments import Maintenance
from labs.scale.models import Base, Customer
from labs.scale.strategies.experiments import Strategies
from labs.workbench.lab import Lab

SEEDED = 1_000
"""Customers who are there before anything is loaded."""


class Scale(
    Strategies,
    Loading,
    Limits,
    Maintenance,
    Lab,
):
    """COPY, batches, or one by one?"""

    slug = "scale"
    title = "Scale"
    metadata = Base.metadata

    async def seed(self, connection: AsyncConnection, seed: int) -> None:
        """The first customers."""
        await connection.execute(insert(Customer), list(Customers(seed, SEEDED).dicts()))

    async def watermark(self, connection: AsyncConnection) -> int:
        """See `load.latest`."""
        return await load.latest(connection)

    async def compensate(self, connection: AsyncConnection, watermark: int) -> Sequence[str]:
        """Delete what has been loaded since."""
        done = await load.undo_since(connection, watermark)
        return done or ["Nothing had been loaded for good, so nothing was deleted."]


LAB = Scale
