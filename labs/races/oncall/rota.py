"""Doctors on call, of whom one must stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import String, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker
from sqlalchemy.orm import Mapped, mapped_column

from labs.races.models import Base
from labs.workbench.lab import Invariant, Rows

ADAMS, BAKER = 1, 2
NAMES = {ADAMS: "Dr. Adams", BAKER: "Dr. Baker"}

Protection = Literal["none", "lock rows"]
"""What keeps two doctors from going at once, beside the isolation level."""


class NobodyElseError(Exception):
    """Nobody else is on call, so this doctor has to stay."""


class Doctor(Base):
    """A doctor, on call or not. That one is on call is a rule about all rows, which no row knows of."""

    __tablename__ = "doctors"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(40))
    on_call: Mapped[bool]


async def go_off_call(sessions: async_sessionmaker[AsyncSession], doctor_id: int, protection: Protection) -> None:
    """Take a doctor off call if somebody else is on; raises `NobodyElseError`."""
    on_call = select(Doctor.id).where(Doctor.on_call).order_by(Doctor.id)
    if protection == "lock rows":
        on_call = on_call.with_for_update()
    async with sessions.begin() as session:
        others = set(await session.scalars(on_call)) - {doctor_id}
        if not others:
            raise NobodyElseError
        await session.execute(update(Doctor).where(Doctor.id == doctor_id).values(on_call=False))


async def draw_up(connection: AsyncConnection) -> None:
    """Put every doctor on call."""
    await connection.execute(
        insert(Doctor), [{"id": key, "name": name, "on_call": True} for key, name in NAMES.items()]
    )


def state() -> dict[str, Rows]:
    """Who is on call."""
    return {"doctors": select(Doctor.id, Doctor.name, Doctor.on_call)}


async def call_back(connection: AsyncConnection) -> Sequence[str]:
    """Put back on call whoever went off."""
    called = await connection.execute(update(Doctor).where(~Doctor.on_call).values(on_call=True))
    return [f"Doctors put back on call: {called.rowcount}."] if called.rowcount else []


_on_call = select(func.count()).where(Doctor.on_call).scalar_subquery()

ONE_ON_CALL = Invariant(
    "At least one doctor is on call", select((_on_call >= 1).label("holds"), _on_call.label("doctors_on_call"))
)
ONE_WENT = Invariant(
    "One of the two could go",
    select(
        (_on_call < len(NAMES)).label("holds"),
        literal(len(NAMES)).label("doctors"),
        _on_call.label("doctors_on_call"),
    ),
)
