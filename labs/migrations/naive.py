"""The two ways that come to mind first. Each is right about the schema in the end, and both stop the program."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlalchemy import text

from labs.workbench.sessions import SessionMaker

Way = Callable[[SessionMaker], Awaitable[None]]


async def one_alter(sessions: SessionMaker) -> None:
    """The column, its default and NOT NULL in one statement, which writes the whole table anew.

    PostgreSQL must, because ``clock_timestamp()`` is another for each row; nobody so much as reads meanwhile. MariaDB
    need not, but does when it is asked to, and some changes have no other algorithm.
    """
    async with sessions.begin() as session:
        if session.get_bind().dialect.name == "postgresql":
            alter = "ALTER TABLE users ADD COLUMN created_at timestamptz NOT NULL DEFAULT clock_timestamp()"
        else:
            alter = (
                "ALTER TABLE users ADD COLUMN created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), "
                "ALGORITHM=COPY"
            )
        await session.execute(text(alter))


async def one_update(sessions: SessionMaker) -> None:
    """The column, then one UPDATE of everybody, then NOT NULL: as one migration script, so as one transaction.

    On PostgreSQL the lock that the ADD COLUMN took lasts until the end of it. On MariaDB each ALTER commits, so only
    the rows are locked by the UPDATE; and as it is one, each of them until it is through with all.
    """
    async with sessions.begin() as session:
        if session.get_bind().dialect.name == "postgresql":
            column, default, update, not_null = (
                "ALTER TABLE users ADD COLUMN created_at timestamptz",
                "ALTER TABLE users ALTER COLUMN created_at SET DEFAULT now()",
                "UPDATE users SET created_at = registered_at FROM signups WHERE id BETWEEN first_id AND last_id",
                "ALTER TABLE users ALTER COLUMN created_at SET NOT NULL",
            )
        else:
            column, default, update, not_null = (
                "ALTER TABLE users ADD COLUMN created_at DATETIME(6) NULL",
                "ALTER TABLE users MODIFY created_at DATETIME(6) NULL DEFAULT CURRENT_TIMESTAMP(6)",
                "UPDATE signups STRAIGHT_JOIN users ON users.id BETWEEN first_id AND last_id "
                "SET created_at = registered_at",
                "ALTER TABLE users MODIFY created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)",
            )
        await session.execute(text(column))
        await session.execute(text(default))
        await session.execute(text(update))
        await session.execute(text(not_null))


WAYS: dict[str, Way] = {"One ALTER": one_alter, "One UPDATE": one_update}
