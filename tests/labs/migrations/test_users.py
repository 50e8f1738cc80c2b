"""The lab's users are those of the data set that all labs share, on both engines, however they came in."""

from __future__ import annotations

from labs.migrations import users
from labs.workbench.bench import Bench
from labs.workbench.dataset import Digest, Users, checksum
from labs.workbench.dataset.customers import Customers
from labs.workbench.lab import SEED


def generated(seed: int, rows: int) -> Digest:
    return sum((block.digest() for block in Users(Customers(seed, rows))), Digest())


async def test_the_seeded_ones_and_those_who_join_them_are_the_data_sets(bench: Bench) -> None:
    rows, heard = 9_000, list[int]()
    async with bench.reading() as connection:

        async def stored() -> Digest:
            return await checksum.read(connection, bench.server.name, Users.columns, "users")

        assert await stored() == generated(SEED, users.SEEDED)
        await users.grow(connection, rows, heard.append)
        assert await stored() == generated(SEED, rows)
        await connection.rollback()
    assert heard[0] > users.SEEDED and heard == sorted(set(heard)) and heard[-1] == rows


async def test_another_seed_brings_others(bench: Bench) -> None:
    async with bench.empty_tables() as connection:
        await users.fill(connection, SEED + 1, 1, 100)
        found = await checksum.read(connection, bench.server.name, Users.columns, "users")
        await connection.rollback()
    assert found == generated(SEED + 1, 100) != generated(SEED, 100)
