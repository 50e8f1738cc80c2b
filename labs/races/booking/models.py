"""Rooms, and bookings of them: once with nothing in the schema against two at a time, and once with a constraint."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DDL, ForeignKey, String, column, event, func, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from labs.races.models import Base


class Room(Base):
    """What can be booked."""

    __tablename__ = "rooms"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(40))


class BookingColumns:
    """A guest has a room from ``starts`` until just before ``ends``, unless the booking was cancelled."""

    id: Mapped[int] = mapped_column(primary_key=True)
    guest: Mapped[str] = mapped_column(String(40))
    starts: Mapped[datetime]
    ends: Mapped[datetime]
    cancelled: Mapped[bool] = mapped_column(default=False)

    @declared_attr
    @classmethod
    def room_id(cls) -> Mapped[int]:
        """The room."""
        return mapped_column(ForeignKey("rooms.id"))


class Booking(BookingColumns, Base):
    """A booking; that no other one is in its way is for the transaction to see to."""

    __tablename__ = "bookings"


class ExclusiveBooking(BookingColumns, Base):
    """A booking beside which the server accepts no other one of the same room at the same time.

    PostgreSQL calls it an exclusion constraint: of no two rows may all of these ranges overlap. (A range of one
    number stands for the room, since comparing plain numbers this way would take the extension ``btree_gist``.)
    """

    __tablename__ = "exclusive_bookings"
    __table_args__ = (
        ExcludeConstraint(
            (func.int4range(column("room_id"), column("room_id"), "[]"), "&&"),
            (func.tsrange(column("starts"), column("ends")), "&&"),
            where=text("NOT cancelled"),
            name="one_at_a_time",
        ).ddl_if(dialect="postgresql"),
    )


WITHOUT_OVERLAPS = DDL(  # type: ignore[no-untyped-call]
    """
    ALTER TABLE exclusive_bookings
        ADD PERIOD FOR stay (starts, ends),
        ADD held_room_id int AS (IF(cancelled, NULL, room_id)) STORED,
        ADD UNIQUE one_at_a_time (held_room_id, stay WITHOUT OVERLAPS)
    """
)
"""MariaDB's counterpart. It has no WHERE: a cancelled booking holds no room, and NULL is equal to nothing."""

event.listen(ExclusiveBooking.__table__, "after_create", WITHOUT_OVERLAPS.execute_if(dialect="mariadb"))
