"""Check in the statement: the condition and the change are one statement, and the row count tells."""

from __future__ import annotations

from sqlalchemy import CursorResult, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from labs.races.ledger import InsufficientFundsError, enter
from labs.races.models import Account


async def transfer(sessions: async_sessionmaker[AsyncSession], source_id: int, target_id: int, amount: int) -> None:
    """Move money; raises `InsufficientFundsError` when the guarded update touched no row."""
    async with sessions.begin() as session:
        taken = await session.execute(
            update(Account)
            .where(Account.id == source_id, Account.balance >= amount)
            .values(balance=Account.balance - amount)
        )
        assert isinstance(taken, CursorResult)
        if taken.rowcount == 0:
            raise InsufficientFundsError
        await session.execute(update(Account).where(Account.id == target_id).values(balance=Account.balance + amount))
        await enter(session, source_id, target_id, amount)
