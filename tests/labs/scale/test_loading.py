"""A load on a real server: whole or not at all, and taken back exactly."""

from __future__ import annotations

import asyncio
import shutil
from collections import namedtuple

import pytest
from sqlalchemy import func, insert, select, text

from labs.scale.customers import Customers
from labs.scale.lab import SEEDED
from labs.scale.loading import disk, load
from labs.scale.loading import experiments as loading
from labs.scale.models import TABLE, Customer, Load
from labs.scale.server import sizes
from labs.stream.events import ExperimentEnded, LatencySampled, Noted, ProgressAdvanced, RolledBack
from labs.workbench.bench import Bench
from labs.workbench.errors import LabError
from labs.workbench.runner import Runner
from tests.conftest import Heard
from tests.labs.scale.told import fallen, verdicts

RUNNING = {
    "postgres": "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'ninelabs/scale/load%'",
    "mariadb": "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'LOAD DATA%'",
}


async def there(runner: Runner) -> tuple[int, int]:
    """Customers, and loads in the register."""
    assert runner._place is not None
    async with runner._place._work.connect() as connection:
        counted = [await connection.scalar(select(func.count()).select_from(table)) for table in (Customer, Load)]
    return counted[0] or 0, counted[1] or 0


async def test_a_load_is_what_was_generated_and_a_rollback_takes_back_that_load(scale: Runner, heard: Heard) -> None:
    assert await scale.run("load", {"rows": 20_000}) == "passed"
    assert len(verdicts(heard)) == 2, "so few rows tell nothing of memory"
    assert await there(scale) == (SEEDED + 20_000, 1)
    assert heard.of(ProgressAdvanced)[-1].done == 20_000
    assert sum(one.count for one in heard.of(LatencySampled)) > 0
    assert any("free at" in event.text for event in heard.of(Noted))
    assert await scale.roll_back()
    await heard.until(lambda: bool(heard.of(RolledBack)))
    assert heard.of(RolledBack)[-1].how == ("Load 1 deleted: 20,000 customers, keys 1,001 to 21,000.",)
    assert await there(scale) == (SEEDED, 0)


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
@pytest.mark.parametrize(("growth_bytes", "outcome"), [(2**20 * 64, "passed"), (-1, "failed")])
async def test_of_memory_is_judged_what_does_not_fit(
    scale: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch, growth_bytes: int, outcome: str
) -> None:
    monkeypatch.setattr(loading, "ROW_BYTES", 2**20)
    monkeypatch.setattr(loading, "GROWTH_BYTES", growth_bytes)
    assert await scale.run("load", {"rows": 20_000}) == outcome
    assert MEMORY in verdicts(heard)


MEMORY = "The program needs no more memory the more rows go through it"


async def test_a_rollback_leaves_whoever_came_by_another_way(bench: Bench) -> None:
    async with bench.reading() as connection:
        for _ in range(2):
            first = await load.next_key(connection)
            await connection.rollback()
            await load.load(bench, Customers(9, 1_000, first), lambda _: None)
        late = next(Customers(9, 1, 100_000).dicts())
        await connection.execute(insert(Customer).values(late))
        before = await Customers.stored(bench.server, connection, f"id <= {SEEDED + 1_000} OR id = 100000")
        assert before.rows == SEEDED + 1_000 + 1
        assert len(await load.undo_since(connection, 1)) == 1
        assert await Customers.stored(bench.server, connection) == before
        assert await load.latest(connection) == 1
        await connection.commit()


async def test_cancelled_in_the_middle_nothing_is_left_and_nothing_goes_on(scale: Runner, heard: Heard) -> None:
    running = asyncio.create_task(scale.run("load", {"rows": 2_000_000}))
    await heard.until(lambda: any(event.done > 8_000 for event in heard.of(ProgressAdvanced)))
    assert (await there(scale))[0] == SEEDED, "nobody sees what is not committed"
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert scale._place is not None
    async with scale._place._work.connect() as connection:
        assert await connection.scalar(text(RUNNING[scale._place.server.name])) == 0
    assert await there(scale) == (SEEDED, 0)
    await heard.until(lambda: bool(heard.of(ExperimentEnded)))
    assert heard.of(ExperimentEnded)[0].outcome == "cancelled"
    assert await scale.run("load", {"rows": 1_000}) == "passed", "the way is free"


async def test_a_generator_that_breaks_leaves_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(sent: int) -> None:
        if sent >= 8_000:
            raise ValueError("no more customers")

    with pytest.raises(ValueError, match="no more customers"):
        await load.load(bench, Customers(9, 50_000, SEEDED + 1), broken)
    async with bench.reading() as connection:
        assert await connection.scalar(select(func.count()).select_from(Customer)) == SEEDED
        assert await load.latest(connection) == 0


async def test_too_little_room_is_said_in_numbers_before_anything_is_loaded(
    scale: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2**40, 2**40, 300 * 2**20))
    assert await scale.run("load", {"rows": 1_000}) == "passed", "for a thousand it will do"
    with pytest.raises(LabError, match=r"needs about \d+\.\d GiB .* 300 MiB are free at /"):
        await scale.run("load", {"rows": 10_000_000})
    assert await there(scale) == (SEEDED, 0)
    assert not any(event.done > 1_000 for event in heard.of(ProgressAdvanced))


async def test_what_a_load_is_said_to_need_is_what_it_takes(bench: Bench) -> None:
    rows = 30_000
    async with bench.empty_tables() as connection:
        room = await disk.room_for(bench.server, connection, rows)
        await load.send(connection, Customers(9, rows))
        await connection.commit()
        taken = sum(await sizes(bench.server, connection, TABLE))
    assert room is not None and room.free_bytes > 0
    said = rows * disk.BYTES_A_ROW[bench.server.name]
    assert taken < said * 1.1 and taken > said / 3


async def test_a_row_that_is_lost_on_the_way_makes_the_verdict_fall(
    scale: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = load.send

    async def careless(*arguments: object, **more: object) -> None:
        await send(*arguments, **more)  # type: ignore[arg-type]
        await arguments[0].execute(text(f"DELETE FROM {TABLE} WHERE id = 1500"))  # type: ignore[attr-defined]

    monkeypatch.setattr(load, "send", careless)
    assert await scale.run("load", {"rows": 1_000}) == "failed"
    assert fallen(heard) == ["The table has what was generated, row for row"]
