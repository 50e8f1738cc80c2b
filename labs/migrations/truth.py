"""What must be true of the users afterwards, read from the server: counts, sums, and what the dates mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.migrations.traffic import EVERY

RANGES = 64

ON_POSTGRES = text(
    "SELECT id * :ranges / (:rows + 1) AS part, count(*), sum(hashtextextended(id || '|' || name, 0)) AS checksum "
    "FROM users WHERE id <= :rows AND (:all OR id % :every <> 0) GROUP BY part"
).bindparams(ranges=RANGES, every=EVERY)
ON_MARIADB = text(
    "SELECT id * :ranges DIV (:rows + 1) AS part, count(*), "
    "sum(CAST(CONV(LEFT(MD5(CONCAT_WS('|', id, name)), 16), 16, 10) AS UNSIGNED)) AS checksum "
    "FROM users WHERE id <= :rows AND (:all OR id % :every <> 0) GROUP BY part"
).bindparams(ranges=RANGES, every=EVERY)

DISTINCT = text(
    "SELECT count(*) FROM (SELECT DISTINCT created_at FROM users WHERE id <= :rows AND created_at IS NOT NULL) AS d"
)
DATES_ON_POSTGRES = text(
    "SELECT sum(users) AS users, sum(undated) AS undated, sum(untrue) AS untrue "
    "FROM signups, LATERAL (SELECT count(*) AS users, count(*) - count(created_at) AS undated, "
    "count(*) FILTER (WHERE created_at <> registered_at) AS untrue "
    "FROM users WHERE id BETWEEN first_id AND last_id) AS entry WHERE last_id <= :rows"
)
DATES_ON_MARIADB = text(
    "SELECT count(*) AS users, count(*) - count(created_at) AS undated, "
    "coalesce(sum(created_at <> registered_at), 0) AS untrue "
    "FROM signups STRAIGHT_JOIN users ON users.id BETWEEN first_id AND last_id WHERE last_id <= :rows"
)
"""Entry by entry of the log, as the backfill does it: a join would leave it to the planner how to get there."""

WITHOUT = text("SELECT count(*) FROM users WHERE created_at IS NULL")
DAYS = text("SELECT count(*) FROM signups WHERE first_id <= :rows")

VALID_ON_POSTGRES = text(
    "SELECT a.attnotnull AND NOT EXISTS (SELECT 1 FROM pg_constraint AS c WHERE c.conrelid = a.attrelid "
    "AND NOT c.convalidated) FROM pg_attribute AS a "
    "WHERE a.attrelid = to_regclass('users') AND a.attname = 'created_at' AND NOT a.attisdropped"
)
VALID_ON_MARIADB = text(
    "SELECT is_nullable = 'NO' FROM information_schema.columns "
    "WHERE table_schema = SCHEMA() AND table_name = 'users' AND column_name = 'created_at'"
)

Checksums = Mapping[int, tuple[int, str]]
"""By range of ids: rows, and a checksum of their old columns that does not depend on their order."""


@dataclass(frozen=True, slots=True)
class Dates:
    """What the dates of the users say who were there before the migration."""

    users: int
    without: int
    """Users without one."""
    dates: int
    """How many different ones."""
    untrue: int
    """Users whose date is not the one in the log of sign-ups."""
    days: int
    """How many different ones that log has."""

    @property
    def verdict(self) -> str:
        """In words."""
        if self.without:
            return f"{self.without} users have no date"
        if self.dates == 1 < self.days:
            return "one and the same date for everybody: the moment of the migration, not a registration"
        if self.untrue:
            return f"{self.untrue} dates are not those of the log"
        return "every date is the one in the log"


async def checksums(connection: AsyncConnection, rows: int, *, in_use: bool = False) -> Checksums:
    """Of the old columns of all users up to that id; those whom clients change left out, where the table is in use."""
    query = ON_POSTGRES if connection.dialect.name == "postgresql" else ON_MARIADB
    found = await connection.execute(query, {"rows": rows, "all": not in_use})
    return {int(part): (count, str(total)) for part, count, total in found}


async def dates(connection: AsyncConnection, rows: int) -> Dates:
    """Of the users up to that id."""
    query = DATES_ON_POSTGRES if connection.dialect.name == "postgresql" else DATES_ON_MARIADB
    row = (await connection.execute(query, {"rows": rows})).one()
    different = await connection.scalar(DISTINCT, {"rows": rows}) or 0
    days = await connection.scalar(DAYS, {"rows": rows}) or 0
    return Dates(int(row.users), int(row.undated), different, int(row.untrue), days)


async def without_date(connection: AsyncConnection) -> int:
    """How many users of all have none."""
    return await connection.scalar(WITHOUT) or 0


async def is_valid(connection: AsyncConnection) -> bool:
    """Whether the server itself vouches that no user is without a date."""
    query = VALID_ON_POSTGRES if connection.dialect.name == "postgresql" else VALID_ON_MARIADB
    return bool(await connection.scalar(query))
