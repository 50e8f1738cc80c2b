"""A lab's schema: claimed, built, brought back, and what is said when somebody else has been there."""

from __future__ import annotations

import getpass
import os
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from labs.races.lab import Races
from labs.workbench import place as places
from labs.workbench.engines.engine import Engine
from labs.workbench.errors import EngineError, LabError
from labs.workbench.place import Place


@pytest.fixture
async def stranger(server: Engine, place: Place) -> AsyncIterator[AsyncEngine]:
    """Somebody else on the server, at the lab's tables."""
    engine = server.create(application="stranger", schema=place.schema)
    yield engine
    await engine.dispose()


async def test_a_changed_schema_is_no_clean_rollback(place: Place, stranger: AsyncEngine) -> None:
    await place.begin("row_lock")
    async with stranger.begin() as connection:
        await connection.execute(text("CREATE INDEX by_owner ON accounts (owner)"))
    done = await place.roll_back()
    assert done is not None
    assert (done.clean, done.differences) == (False, ("The schema itself is not what it was.",))
    async with stranger.begin() as connection:
        await connection.execute(text("DROP INDEX by_owner"))
    done = await place.roll_back()
    assert done is not None and done.clean


async def test_a_schema_that_this_lab_would_not_build_is_not_dropped_unasked(
    server: Engine, place: Place, stranger: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.close()
    other_seed = Place(server, Races(), seed=10)
    with pytest.raises(LabError, match=r"not as this version"):
        await other_seed.open()
    await other_seed.close()
    async with stranger.begin() as connection:
        await connection.execute(text("DROP TABLE ninelabs_journal"))
        await connection.execute(text("CREATE TABLE precious (id int)"))
    again = Place(server, Races())
    with pytest.raises(LabError) as refused:
        await again.open()
    assert "precious" in refused.value.cause and "reset races" in refused.value.remedy
    await again.close()
    async with stranger.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM precious")) == 0
    rebuilt = Place(server, Races())
    await rebuilt.open(rebuild=True)
    await rebuilt.close()


async def test_upkeep_does_not_wait_for_a_strangers_lock_for_ever(
    server: Engine, place: Place, stranger: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.close()
    monkeypatch.setattr(places, "LOCK_PATIENCE_S", 0.2)
    impatient = Place(server, Races())
    await impatient.open()
    await impatient.begin("double_spend")
    async with stranger.begin() as connection:
        await connection.execute(text("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE"))
        for upkeep in (impatient.roll_back, impatient.reset, lambda: impatient.begin("x")):
            with pytest.raises(DBAPIError) as refused:
                await upkeep()
            assert server.explain(refused.value).title == "Somebody else holds a lock in the lab's schema"
    await impatient.close()


async def test_a_second_session_is_told_who_has_the_lab(server: Engine, place: Place) -> None:
    second = Place(server, Races())
    with pytest.raises(EngineError, match="in use") as refused:
        await second.open()
    assert "ninelabs/races (backend" in refused.value.cause
    await second.close()


async def test_a_claim_that_is_gone_is_noticed(place: Place, stranger: AsyncEngine) -> None:
    await place.still_ours()
    async with stranger.begin() as connection:
        ended = await connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ninelabs/races'")
        )
        assert ended.scalars().all() == [True]
    with pytest.raises(DBAPIError):
        await place.still_ours()


async def test_a_user_without_a_name_has_a_schema_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 54321")

    monkeypatch.setattr(getpass, "getuser", nameless)
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    assert places.schema_name("races") == "ninelabs_uid54321_races"
