"""A transfer that takes two locks, one after the other: in the order of the call, or in one agreed order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from labs.races.ledger import InsufficientFundsError, enter
from labs.races.models import Account

LockOrder = Callable[[int, int], Sequence[int]]
"""Given source and target, the keys in the order in which to lock them."""


def as_called(source_id: int, target_id: int) -> Sequence[int]:
    """Lock the source, then the target: two transfers in opposite directions can deadlock."""
    return source_id, target_id


def key_order(source_id: int, target_id: int) -> Sequence[int]:
    """Lock the smaller key first, whatever the direction: nobody can wait in a circle."""
    return sorted((source_id, target_id))


async def transfer(
    sessions: async_sessionmaker[AsyncSession],
    source_id: int,
    target_id: int,
    amount: int,
    lock_order: LockOrder,
) -> None:
    """Move money between two rows, each locked by a statement of its own; raises `InsufficientFundsError`."""
    async with sessions.begin() as session:
        balances = {}
        for account_id in lock_order(source_id, target_id):
            balances[account_id] = await session.scalar(
                select(Account.balance).where(Account.id == account_id).with_for_update()
            )
        if (balances[source_id] or 0) < amount:
            raise InsufficientFundsError
        await session.execute(update(Account).where(Account.id == source_id).values(balance=Account.balance - amount))
        await session.execute(update(Account).where(Account.id == target_id).values(balance=Account.balance + amount))
        await enter(session, source_id, target_id, amount)
