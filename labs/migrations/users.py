"""Users in any number, and the log of when they registered: made on the server, the same on both engines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.migrations.models import Signups, User

SEEDED = 1_000
"""Users in the lab's own table."""

CHUNK = 200_000
"""Users a transaction."""

FIRST_DAY = datetime(2012, 3, 5, 8, tzinfo=UTC)

GIVEN = ("Ada", "Bilal", "Chiara", "Dmitri", "Élodie", "Fatima", "Göran", "Hana", "Ines", "João", "Łucja", "Oğuz")
FAMILY = ("Abe", "Becker", "Costa", "Diaz", "Fischer", "García", "Haddad", "Ito", "Kumar", "Lê", "Müller", "O'Brien")

ON_POSTGRES = text(
    "INSERT INTO users (id, name) SELECT i, "
    "(CAST(:given AS text[]))[1 + i * 7919 % :givens] || ' ' || (CAST(:family AS text[]))[1 + i * 104729 % :families] "
    "FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS i"
)
ON_MARIADB = (
    "INSERT INTO users (id, name) SELECT seq, "
    "CONCAT(ELT(1 + seq * 7919 MOD {givens}, {given}), ' ', ELT(1 + seq * 104729 MOD {families}, {family})) "
    "FROM seq_{first}_to_{last}"
)


async def fill(connection: AsyncConnection, first: int, last: int) -> None:
    """Insert users with these ids, both included, in the connection's transaction."""
    if first > last:
        return
    if connection.dialect.name == "postgresql":
        values = {"given": list(GIVEN), "givens": len(GIVEN), "family": list(FAMILY), "families": len(FAMILY)}
        await connection.execute(ON_POSTGRES, values | {"first": first, "last": last})
        return
    given, family = (", ".join("'" + name.replace("'", "''") + "'" for name in names) for names in (GIVEN, FAMILY))
    await connection.exec_driver_sql(
        ON_MARIADB.format(given=given, givens=len(GIVEN), family=family, families=len(FAMILY), first=first, last=last)
    )


async def grow(connection: AsyncConnection, rows: int, moved: Callable[[int], None] = lambda _: None) -> None:
    """Have users up to that id, in chunks that commit, and a log of when they registered."""
    have = await connection.scalar(select(func.coalesce(func.max(User.id), 0))) or 0
    for first in range(have + 1, rows + 1, CHUNK):
        last = min(first + CHUNK - 1, rows)
        await fill(connection, first, last)
        await connection.commit()
        moved(last)
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
