"""Races: double spend, locks, deadlocks. Each theme is a folder, with its experiments in a class."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from labs.races import accounts, ledger
from labs.races.anomalies import items
from labs.races.anomalies.experiments import Anomalies
from labs.races.booking import hotel
from labs.races.booking.experiments import BookingRooms
from labs.races.deadlocks.experiments import Deadlocks
from labs.races.every_order import EveryOrder
from labs.races.every_rule import EveryRule
from labs.races.models import Base
from labs.races.oncall import rota
from labs.races.oncall.experiments import OnCall
from labs.races.queue import jobs
from labs.races.queue.experiments import Queue
from labs.races.scenario.experiment import Scenarios
from labs.races.transfers.again import Again
from labs.races.transfers.experiments import Transfers
from labs.races.under_load.experiments import UnderLoad
from labs.workbench.lab import Lab, Rows


class Races(
    Transfers,
    Again,
    Queue,
    OnCall,
    BookingRooms,
    Deadlocks,
    EveryOrder,
    EveryRule,
    Anomalies,
    UnderLoad,
    Scenarios,
    Lab,
):
    """Who waits for whom, and who loses money?"""

    slug = "races"
    title = "Races"
    metadata = Base.metadata
    invariants = ledger.INVARIANTS

    async def seed(self, connection: AsyncConnection, seed: int) -> None:
        """Each theme's own rows. There is nothing in them to draw by lot."""
        for fill in (accounts.open_accounts, items.lay_out, jobs.post, rota.draw_up, hotel.open_rooms):
            await fill(connection)

    def state(self) -> dict[str, Rows]:
        """What each theme's rows amount to."""
        return ledger.state() | items.state() | jobs.state() | rota.state() | hotel.state()

    async def watermark(self, connection: AsyncConnection) -> int:
        """See `ledger.latest_transfer`."""
        return await ledger.latest_transfer(connection)

    async def compensate(self, connection: AsyncConnection, watermark: int) -> Sequence[str]:
        """Reverse transfers since that one, and undo what the other themes' experiments have changed."""
        done = list(await ledger.reverse_since(connection, watermark))
        for undo in (items.put_back, jobs.put_back, rota.call_back, hotel.cancel):
            done += await undo(connection)
        return done or ["Nothing had been committed, so nothing was compensated."]


LAB = Races
