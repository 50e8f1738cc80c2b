"""Read, check, write: the transfer that everybody writes first, and that spends the same money twice."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from labs.races.ledger import InsufficientFundsError, enter
from labs.races.models import Account


async def transfer(sessions: async_sessionmaker[AsyncSession], source_id: int, target_id: int, amount: int) -> None:
    """Move money; raises `InsufficientFundsError`. Wrong when another transfer commits between read and write."""
    async with sessions.begin() as session:
        balance = await session.scalar(select(Account.balance).where(Account.id == source_id)) or 0
        if balance < amount:
            raise InsufficientFundsError
        await session.execute(update(Account).where(Account.id == source_id).values(balance=balance - amount))
        await session.execute(update(Account).where(Account.id == target_id).values(balance=Account.balance + amount))
        await enter(session, source_id, target_id, amount)
