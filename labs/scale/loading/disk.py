"""What customers take on the server's disk."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from labs.workbench.engines.engine import Engine
from labs.workbench.room import Room, room

BYTES_A_ROW = {"postgres": 320, "mariadb": 400}
"""Of a customer in the table and its indexes, measured at a million rows; the test of this lab watches over it."""

UNDO_BYTES_A_ROW = {"postgres": 0, "mariadb": 60}

LOG_BYTES_A_ROW = 450


async def room_for(server: Engine, connection: AsyncConnection, rows: int) -> Room | None:
    """What so many customers need and have; none where the server's disk is not one of this machine."""
    stored = rows * (BYTES_A_ROW[server.name] + UNDO_BYTES_A_ROW[server.name])
    return await room(server, connection, stored, rows * LOG_BYTES_A_ROW)


async def must_do(server: Engine, connection: AsyncConnection, rows: int) -> None:
    """Raise `LabError` where it can be seen that so many customers do not fit."""
    found = await room_for(server, connection, rows)
    await connection.rollback()
    if found is not None:
        found.must_do()
