"""Lock the row: whoever reads the balance in order to change it lets nobody else do so meanwhile."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from labs.races.ledger import InsufficientFundsError, enter
from labs.races.models import Account


async def transfer(sessions: async_sessionmaker[AsyncSession], source_id: int, target_id: int, amount: int) -> None:
    """Move money; raises `InsufficientFundsError`. The second transfer waits at its first statement."""
    async with sessions.begin() as session:
        balance = await session.scalar(select(Account.balance).where(Account.id == source_id).with_for_update()) or 0
        if balance < amount:
            raise InsufficientFundsError
        await session.execute(update(Account).where(Account.id == source_id).values(balance=balance - amount))
        await session.execute(update(Account).where(Account.id == target_id).values(balance=Account.balance + amount))
        await enter(session, source_id, target_id, amount)
