"""Version column: nobody is locked out; who writes what somebody else has changed since finds out, and begins again."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from labs.races.ledger import InsufficientFundsError, enter
from labs.races.models import Account


async def transfer(sessions: async_sessionmaker[AsyncSession], source_id: int, target_id: int, amount: int) -> None:
    """Move money; raises `InsufficientFundsError`, or SQLAlchemy's `StaleDataError`: begin again then.

    The code says nothing of versions: `Account` does.
    """
    async with sessions.begin() as session:
        both = await session.scalars(select(Account).where(Account.id.in_([source_id, target_id])))
        accounts = {account.id: account for account in both}
        source, target = accounts[source_id], accounts[target_id]
        if source.balance < amount:
            raise InsufficientFundsError
        source.balance -= amount
        target.balance += amount
        await enter(session, source_id, target_id, amount)
