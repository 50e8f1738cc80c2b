"""Users of the workbench's data set in any number, and the log of when they registered; the same on both engines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.migrations.models import Signups, User
from labs.workbench.dataset.customers import Customers, Users
from labs.workbench.dataset.sending import send
from labs.workbench.lab import SEED

SEEDED = 1_000
"""Users in the lab's own table."""

CHUNK = 200_000
"""Users a transaction."""

FIRST_DAY = datetime(2012, 3, 5, 8, tzinfo=UTC)


async def fill(
    connection: AsyncConnection, seed: int, first: int, last: int, moved: Callable[[int], None] = lambda _: None
) -> None:
    """Load the users of the data set who have these ids, both included, in the connection's transaction.

    Args:
        moved: told up to which id they have been sent.
    """
    users = Users(Customers(seed, last))
    await send(connection, users, users.between(first, last), lambda sent: moved(first - 1 + sent))


async def grow(connection: AsyncConnection, rows: int, moved: Callable[[int], None] = lambda _: None) -> None:
    """Have users up to that id, in chunks that commit, and a log of when they registered."""
    have = await connection.scalar(select(func.coalesce(func.max(User.id), 0))) or 0
    for first in range(have + 1, rows + 1, CHUNK):
        last = min(first + CHUNK - 1, rows)
        await fill(connection, SEED, first, last, moved)
        await connection.commit()
    await connection.execute(delete(Signups))
    await log_signups(connection, rows)
    today = insert(Signups).values(first_id=rows + 1, last_id=2**62, registered_at=datetime.now(UTC))
    await connection.execute(today)
    await connection.commit()


async def log_signups(connection: AsyncConnection, rows: int) -> None:
    """The log of so many users: each day one more registered than the day before."""
    days: list[dict[str, object]] = []
    first = 1
    while first <= rows:
        last = min(first + len(days), rows)
        days.append({"first_id": first, "last_id": last, "registered_at": FIRST_DAY + timedelta(days=len(days))})
        first = last + 1
    await connection.execute(insert(Signups), days)
