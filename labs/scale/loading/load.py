"""A load beside everything else that goes on: in one transaction, entered in a register, undone by its range of keys.

One transaction, because until its COMMIT nobody sees any of it, and when it ends in any other way the server takes
back all of it by itself. PostgreSQL forgets the rows at once, and VACUUM sweeps them up; MariaDB takes back one row
after the other, and that takes about as long as the load had taken so far.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.scale.customers import Customers
from labs.scale.models import Customer, Load
from labs.workbench.bench import Bench
from labs.workbench.dataset import sending

GONE_POLL_S = 0.2

STILL_THERE = {
    "postgres": "SELECT count(*) FROM pg_stat_activity WHERE pid = :pid",
    "mariadb": "SELECT count(*) FROM information_schema.processlist WHERE id = :pid",
}


async def next_key(connection: AsyncConnection) -> int:
    """The first key that no customer has and no load has had."""
    taken = [
        await connection.scalar(select(func.coalesce(func.max(column), 0))) for column in (Customer.id, Load.last_id)
    ]
    return max(one or 0 for one in taken) + 1


async def load(bench: Bench, customers: Customers, moved: Callable[[int], None]) -> int:
    """Load the customers and enter the load in the register, both or neither.

    When it is broken off, this returns only after the server has taken back all of it.

    Args:
        moved: told how many customers have been sent.

    Returns:
        The load's number.
    """
    server = bench.server
    engine = server.create(application=f"{bench.application}/load", schema=bench.schema)
    pid = 0
    try:
        async with engine.begin() as connection:
            pid = server.backend_pid(await connection.get_raw_connection())
            number = (await connection.scalar(select(func.coalesce(func.max(Load.id), 0))) or 0) + 1
            entry = {"id": number, "first_id": customers.first, "last_id": customers.last, "seed": customers.seed}
            await connection.execute(insert(Load).values(entry))
            await send(connection, customers, moved)
        return number
    except BaseException:
        await engine.dispose()
        await _gone(bench, pid)
        raise
    finally:
        await engine.dispose()


async def send(
    connection: AsyncConnection, customers: Customers, moved: Callable[[int], None] = lambda _: None
) -> None:
    """Load the customers in the connection's transaction; see `load` for ``moved``."""
    await sending.send(connection, customers.table, customers.blocks(), moved)


async def _gone(bench: Bench, pid: int) -> None:
    """Wait until the server has ended that connection, and so its transaction."""
    async with bench.reading() as connection:
        while await connection.scalar(text(STILL_THERE[bench.server.name]), {"pid": pid}):
            await connection.rollback()
            await asyncio.sleep(GONE_POLL_S)


async def latest(connection: AsyncConnection) -> int:
    """The number of the latest load; 0 before the first."""
    return await connection.scalar(select(func.coalesce(func.max(Load.id), 0))) or 0


async def undo_since(connection: AsyncConnection, number: int) -> Sequence[str]:
    """Delete what the loads after that one have brought, by their ranges of keys, and take them from the register."""
    done = []
    loads = (await connection.execute(select(Load).where(Load.id > number).order_by(Load.id.desc()))).all()
    for one in loads:
        gone = await connection.execute(delete(Customer).where(Customer.id.between(one.first_id, one.last_id)))
        await connection.execute(delete(Load).where(Load.id == one.id))
        done.append(f"Load {one.id} deleted: {gone.rowcount:,} customers, keys {one.first_id:,} to {one.last_id:,}.")
    return done
