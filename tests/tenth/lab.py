"""A lab of another package: two who count at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from labs.workbench.bench import Bench
from labs.workbench.lab import Invariant, Lab, experiment
from labs.workbench.sessions import SessionMaker


class Base(DeclarativeBase): ...


class Counter(Base):
    __tablename__ = "counters"
    id: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[int]


class Rounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rounds: Annotated[int, msgspec.Meta(ge=1, le=100, description="how often each counts")] = 5


async def count(sessions: SessionMaker) -> None:
    async with sessions.begin() as session:
        value = await session.scalar(select(Counter.value).with_for_update()) or 0
        await session.execute(update(Counter).values(value=value + 1))


class Tenth(Lab):
    slug, title, metadata = "tenth", "Tenth", Base.metadata

    @experiment("Together", question="Two count at once: is each counted?", why="Who locks what it reads loses none.")
    async def together(self, bench: Bench, parameters: Rounds) -> None:
        began, rounds = time.monotonic(), parameters.rounds
        async with bench.sessions("A", "B") as (a, b):
            for done in range(1, rounds + 1):
                await bench.play("AB", {a: partial(count, a), b: partial(count, b)})
                bench.progress("Count", done, rounds, "rounds", since=began)
        bench.note("Both have counted.")
        holds = (Counter.value == 2 * rounds).label("holds")
        await bench.judge(Invariant("Each is counted", select(holds, Counter.value.label("counted"))))

    async def seed(self, connection: AsyncConnection, seed: int) -> None:
        await connection.execute(insert(Counter).values(id=1, value=0))

    async def compensate(self, connection: AsyncConnection, watermark: int) -> Sequence[str]:
        await connection.execute(update(Counter).values(value=0))
        return ["The counter is back at nought."]
