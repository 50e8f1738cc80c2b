"""Book a room for some hours: by looking first, by looking behind a lock, or by leaving it to the server."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from labs.races.booking.models import Booking, ExclusiveBooking, Room


class RoomTakenError(Exception):
    """Somebody else has the room at that time."""


async def look_first(
    sessions: async_sessionmaker[AsyncSession], room_id: int, guest: str, starts: datetime, ends: datetime
) -> None:
    """Book if no booking overlaps; raises `RoomTakenError`. Wrong when another one is booked between the two."""
    async with sessions.begin() as session:
        await _look_and_book(session, room_id, guest, starts, ends)


async def lock_the_room(
    sessions: async_sessionmaker[AsyncSession], room_id: int, guest: str, starts: datetime, ends: datetime
) -> None:
    """The same, behind a lock on the room's own row, which is there even where no booking is."""
    async with sessions.begin() as session:
        await session.execute(select(Room.id).where(Room.id == room_id).with_for_update())
        await _look_and_book(session, room_id, guest, starts, ends)


async def leave_it_to_the_server(
    sessions: async_sessionmaker[AsyncSession], room_id: int, guest: str, starts: datetime, ends: datetime
) -> None:
    """Book without looking; raises `RoomTakenError` when the constraint refuses."""
    try:
        async with sessions.begin() as session:
            await session.execute(
                insert(ExclusiveBooking).values(room_id=room_id, guest=guest, starts=starts, ends=ends)
            )
    except IntegrityError as error:
        raise RoomTakenError from error


async def _look_and_book(session: AsyncSession, room_id: int, guest: str, starts: datetime, ends: datetime) -> None:
    overlapping = await session.scalar(
        select(func.count()).where(
            Booking.room_id == room_id, Booking.starts < ends, Booking.ends > starts, ~Booking.cancelled
        )
    )
    if overlapping:
        raise RoomTakenError
    await session.execute(insert(Booking).values(room_id=room_id, guest=guest, starts=starts, ends=ends))
