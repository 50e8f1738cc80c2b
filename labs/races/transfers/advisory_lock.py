"""Advisory lock: the application agrees on a number for what it is about to change, and the server lets one at a time.

The server knows nothing of what the number stands for: a transfer that does not ask for it is not kept out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from labs.races.ledger import InsufficientFundsError, enter
from labs.races.models import Account

PATIENCE_S = 60
"""How long MariaDB waits for a named lock. PostgreSQL waits until it has it."""

Sessions = async_sessionmaker[AsyncSession]
Holding = Callable[[Sessions, int], AbstractAsyncContextManager[AsyncSession]]
"""Given an account, a transaction that begins once nobody else holds the account's lock."""


class LockNotGrantedError(Exception):
    """The lock was not to be had in time."""


@asynccontextmanager
async def of_the_transaction(sessions: Sessions, account_id: int) -> AsyncIterator[AsyncSession]:
    """PostgreSQL's lock of a transaction: it cannot be let go before COMMIT or ROLLBACK, nor be forgotten.

    Its keys are the whole database's, so the lab's schema is part of the key.
    """
    async with sessions.begin() as session:
        await session.execute(select(func.pg_advisory_xact_lock(func.hashtext(func.current_schema()), account_id)))
        yield session


@asynccontextmanager
async def of_the_connection(
    sessions: Sessions, account_id: int, *, before_commit: bool = False
) -> AsyncIterator[AsyncSession]:
    """MariaDB's lock of a connection: it knows nothing of transactions, so it must be let go after the COMMIT.

    A session gives its connection back to the pool when it commits, and might be given another one to let go
    on; so the connection is held from here. Names are the whole server's, so the database is part of the name.
    """
    name = func.concat(func.database(), "/", account_id)
    engine: AsyncEngine = sessions.kw["bind"]
    async with engine.connect() as connection:
        if not await connection.scalar(select(func.get_lock(name, PATIENCE_S))):
            raise LockNotGrantedError
        try:
            async with sessions(bind=connection, join_transaction_mode="control_fully") as session, session.begin():
                yield session
                if before_commit:  # As it is written first, and wrong: the next one still reads what was there before.
                    await session.execute(select(func.release_lock(name)))
        finally:
            await connection.execute(select(func.release_lock(name)))


HOLDING: dict[str, Holding] = {"postgresql": of_the_transaction, "mariadb": of_the_connection}
"""The right way in each dialect."""


async def transfer(
    sessions: Sessions, source_id: int, target_id: int, amount: int, *, holding: Holding | None = None
) -> None:
    """Move money; raises `InsufficientFundsError`. The second transfer waits before it reads anything."""
    holding = holding or HOLDING[sessions.kw["bind"].dialect.name]
    async with holding(sessions, source_id) as session:
        balance = await session.scalar(select(Account.balance).where(Account.id == source_id)) or 0
        if balance < amount:
            raise InsufficientFundsError
        await session.execute(update(Account).where(Account.id == source_id).values(balance=balance - amount))
        await session.execute(update(Account).where(Account.id == target_id).values(balance=Account.balance + amount))
        await enter(session, source_id, target_id, amount)
