"""What all bookings share: the rooms, the claims about them, and the way back."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ScalarSelect, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from labs.races.booking.models import Booking, ExclusiveBooking, Room
from labs.workbench.lab import Invariant, Rows

GARDEN_ROOM = 1

Kind = type[Booking] | type[ExclusiveBooking]


async def open_rooms(connection: AsyncConnection) -> None:
    """One room, with no booking."""
    await connection.execute(insert(Room).values(id=GARDEN_ROOM, name="Garden room"))


def none_overlap(kind: Kind) -> Invariant:
    """The claim that no two bookings have one room at one time."""
    other = aliased(kind)
    overlaps = (
        select(func.count())
        .select_from(kind)
        .join(other, (other.room_id == kind.room_id) & (other.starts < kind.ends) & (other.ends > kind.starts))
        .where(kind.id < other.id, ~kind.cancelled, ~other.cancelled)
        .scalar_subquery()
    )
    return Invariant(
        "No two bookings have the room at one time",
        select((overlaps == 0).label("holds"), _booked(kind).label("bookings"), overlaps.label("overlaps")),
    )


def somebody_has_it(kind: Kind) -> Invariant:
    """The claim that a booking was made."""
    return Invariant(
        "Somebody has the room", select((_booked(kind) > 0).label("holds"), _booked(kind).label("bookings"))
    )


def state() -> dict[str, Rows]:
    """The rooms, and what is booked."""
    return {"rooms": select(Room.id, Room.name)} | {
        f"{kind.__tablename__} in force": select(kind.id, kind.room_id, kind.guest, kind.starts, kind.ends).where(
            ~kind.cancelled
        )
        for kind in (Booking, ExclusiveBooking)
    }


async def cancel(connection: AsyncConnection) -> Sequence[str]:
    """Cancel every booking that is in force; none is deleted."""
    cancelled = 0
    for kind in (Booking, ExclusiveBooking):
        cancelled += (await connection.execute(update(kind).where(~kind.cancelled).values(cancelled=True))).rowcount
    return [f"Bookings cancelled: {cancelled}."] if cancelled else []


def _booked(kind: Kind) -> ScalarSelect[int]:
    return select(func.count()).where(~kind.cancelled).scalar_subquery()
