"""Races: double spend, locks, deadlocks. Each theme is a folder, with its experiments in a class."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from labs.races import accounts, ledger
from labs.races.deadlocks.experiments import Deadlocks
from labs.races.every_order import EveryOrder
from labs.races.models import Base
from labs.races.transfers.experiments import Transfers
from labs.workbench.lab import Lab, Rows


class Races(Transfers, Deadlocks, EveryOrder, Lab):
    """Who waits for whom, and who loses money?"""

    slug = "races"
    title = "Races"
    metadata = Base.metadata

    async def seed(self, connection: AsyncConnection, seed: int) -> None:
        """See `accounts.open_accounts`."""
        await accounts.open_accounts(connection)

    def state(self) -> dict[str, Rows]:
        """See `ledger.state`."""
        return ledger.state()

    async def watermark(self, connection: AsyncConnection) -> int:
        """See `ledger.latest_transfer`."""
        return await ledger.latest_transfer(connection)

    async def compensate(self, connection: AsyncConnection, watermark: int) -> Sequence[str]:
        """See `ledger.reverse_since`."""
        return await ledger.reverse_since(connection, watermark)


LAB = Races
