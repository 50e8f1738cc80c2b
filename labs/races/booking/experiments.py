"""Two guests, one room, overlapping hours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Literal, NamedTuple

import msgspec

from labs.races.booking import book, hotel
from labs.races.booking.book import RoomTakenError
from labs.races.booking.models import Booking, ExclusiveBooking, Room
from labs.races.parameters import Attempts, Isolation, OrderName, turns
from labs.races.retry import retried
from labs.workbench.bench import Bench
from labs.workbench.lab import Watched, experiment
from labs.workbench.schedule import Captions
from labs.workbench.sessions import SessionMaker

BOTH_LOOK_FIRST: OrderName = "AB"
FROM_NINE = datetime(2030, 1, 7, 9), datetime(2030, 1, 7, 11)
FROM_TEN = datetime(2030, 1, 7, 10), datetime(2030, 1, 7, 12)

BookFunction = Callable[[SessionMaker, int, str, datetime, datetime], Awaitable[None]]


class Protection(NamedTuple):
    """One way to book."""

    book: BookFunction
    table: type[Booking] | type[ExclusiveBooking]
    captions: Captions


PROTECTIONS = {
    "none": Protection(
        book.look_first,
        Booking,
        {
            ("A", 1): "A looks for bookings between nine and eleven: there are none.",
            ("B", 1): "B looks between ten and twelve: none either.",
            ("A", 3): "A has booked, and commits. B has looked already, and will not look again.",
        },
    ),
    "lock the room": Protection(
        book.lock_the_room,
        Booking,
        {
            ("A", 1): "A locks the room's own row.",
            ("B", 1): "B wants the same lock, and waits before it has looked for anything.",
        },
    ),
    "constraint": Protection(
        book.leave_it_to_the_server,
        ExclusiveBooking,
        {
            ("A", 1): "A books, and has not committed yet.",
            ("B", 1): "B books hours that overlap: the server lets it wait for what becomes of A's booking.",
        },
    ),
}


class TwoBookings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The room is wanted from nine to eleven, and from ten to twelve."""

    protection: Annotated[
        Literal["none", "lock the room", "constraint"],
        msgspec.Meta(description="what keeps the second booking out, beside the isolation level"),
    ] = "none"
    isolation: Isolation = "read committed"
    attempts: Attempts = 5
    order: OrderName = BOTH_LOOK_FIRST


class BookingRooms:
    """A rule about rows that are not there yet."""

    @experiment(
        "Booking",
        question="Two guests want one room for overlapping hours: do both get it?",
        watched=Watched((Room, Booking, ExclusiveBooking)),
        why="""
        Both look for a booking in their way, find none, and book. What each should have seen is a row that was not
        there yet: a phantom. There is no row to lock and none to be changed twice, so neither FOR UPDATE on the
        bookings nor a version column is of help; and a snapshot, as repeatable read has it, hides the other one.

        "lock the room" locks a row that is there: whoever comes second waits, and then looks. PostgreSQL at repeatable
        read still books twice, for its snapshot was taken when it began to wait.

        "constraint" looks at nothing: the server refuses the second row. In PostgreSQL that is an exclusion constraint
        over ranges, in MariaDB UNIQUE … WITHOUT OVERLAPS. It holds at every level, and against code that forgets.

        At serializable the server takes note of what was looked for, not only of what was found, and refuses one.
        Begun again, it finds the room taken.
        """,
        expected="failed",
    )
    async def booking(self, bench: Bench, parameters: TwoBookings) -> None:
        """Two bookings of the same room, at the same moment."""
        protection = PROTECTIONS[parameters.protection]

        async def until_answered(sessions: SessionMaker, guest: str, hours: tuple[datetime, datetime]) -> None:
            once = partial(protection.book, sessions, hotel.GARDEN_ROOM, guest, *hours)
            await retried(once, attempts=parameters.attempts, transient=bench.server.transient)

        async with bench.sessions("A", "B", isolation=parameters.isolation) as (a, b):
            outcomes = await bench.play(
                turns(parameters.order),
                {a: partial(until_answered, a, "Alice", FROM_NINE), b: partial(until_answered, b, "Bob", FROM_TEN)},
                expected=(RoomTakenError,),
                captions=protection.captions if parameters.order == BOTH_LOOK_FIRST else {},
            )
        for name, outcome in outcomes.items():
            bench.note(f"{name}: {_became(outcome)}")
        await bench.judge(hotel.none_overlap(protection.table), hotel.somebody_has_it(protection.table))


def _became(outcome: object) -> str:
    if isinstance(outcome, RoomTakenError):
        return "somebody else has the room then."
    if isinstance(outcome, BaseException):
        return "refused by the server, and would have to try again."
    return "booked."
