"""The lab's schema on a real MariaDB server: who has it, how it is made, and what is equal."""

from __future__ import annotations

import asyncio

from sqlalchemy import Column, Integer, MetaData, String, Table, select

from tests.labs.workbench.engines.bar import SCHEMA, Bar, Lane, refused

POT = Table("pot", MetaData(), Column("id", Integer), Column("n", Integer), Column("name", String(99)))


async def test_a_schema_is_claimed_by_one_as_long_as_it_lives(bar: Bar) -> None:
    a, b = await bar.connect("ninelabs/races"), await bar.connect()
    assert await bar.server.claim(a.connection, SCHEMA) is None
    assert await bar.server.claim(b.connection, SCHEMA) == f"ninelabs/races (connection {a.pid})"
    assert await bar.server.claim(b.connection, "ninelabs_test_other") is None
    await a.connection.invalidate()
    async with asyncio.timeout(10):
        while await bar.server.claim(b.connection, SCHEMA) is not None:
            await bar.server.probe(bar.control)


async def test_a_schema_is_made_anew_and_is_the_current_one(bar: Bar) -> None:
    a, holder = await bar.connect(patience_s=0.1), await bar.connect()
    await bar.server.recreate_schema(a.connection, SCHEMA)
    assert await a.run("SELECT DATABASE()") == SCHEMA
    assert await a.run("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()") == 0
    assert await a.run("SELECT @@collation_database") == "utf8mb4_bin"
    await a.run("CREATE TABLE t (n int)")
    await a.connection.commit()
    await holder.run("SELECT * FROM t")
    error = await refused(bar.server.recreate_schema(a.connection, SCHEMA))
    assert bar.server.explain(error).title == "Somebody else holds a lock in the lab's schema"


async def test_a_connection_may_come_before_its_schema(bar: Bar) -> None:
    early = await bar.connect(schema="ninelabs_test_later")
    assert await early.run("SELECT DATABASE()") is None
    await bar.server.recreate_schema(early.connection, "ninelabs_test_later")
    await early.run("CREATE TABLE t (n int)")
    late = await bar.connect(schema="ninelabs_test_later")
    assert await late.run("SELECT COUNT(*) FROM t") == 0
    await late.rollback()
    await early.run("DROP DATABASE ninelabs_test_later")


async def digest(bar: Bar, lane: Lane, *values: str) -> tuple[int, str]:
    await lane.run("DELETE FROM pot")
    for value in values:
        await lane.connection.exec_driver_sql(f"INSERT INTO pot VALUES {value}")
    return await bar.server.table_digest(lane.connection, select(POT))


async def test_equal_rows_have_equal_digests_in_any_order(bar: Bar) -> None:
    lane = await bar.connect()
    assert await digest(bar, lane) == (0, "0")
    rows = ["(1, 12, 'x')", "(2, 1, 'y')"]
    count, checksum = await digest(bar, lane, *rows)
    assert count == 2
    assert await digest(bar, lane, *reversed(rows)) == (2, checksum)
    others = [
        ["(1, 12, 'y')", "(2, 1, 'x')"],  # values that changed places between rows
        ["(11, 2, 'x')", "(2, 1, 'y')"],  # the same digits, in other columns
        ["(1, 12, 'x')", "(2, 1, NULL)"],
        ["(1, 12, 'x')", "(2, 1, '')"],
        ["(1, 12, 'x')", "(2, 1, '-')"],
        ["(1, 12, 'x')", "(2, 1, 'Y')"],
        ["(1, 12, 'x')", "(2, 1, 'y ')"],
    ]
    found = {await digest(bar, lane, *other) for other in others}
    assert len(found) == len(others)
    assert (count, checksum) not in found


async def test_a_schema_digest_sees_what_defines_it_and_not_its_name(bar: Bar) -> None:
    lane = await bar.connect()

    async def build(schema: str, *more: str) -> str:
        await bar.server.recreate_schema(lane.connection, schema)
        for sql in (
            "CREATE TABLE parent (id int PRIMARY KEY, name varchar(20) DEFAULT 'x', twice int AS (id * 2))",
            "CREATE TABLE child (id int PRIMARY KEY, p int, n int CHECK (n > 0), "
            "FOREIGN KEY (p) REFERENCES parent (id))",
            "CREATE VIEW names AS SELECT name FROM parent",
            "CREATE TRIGGER t BEFORE INSERT ON child FOR EACH ROW SET NEW.n = NEW.n + 1",
            *more,
        ):
            await lane.connection.exec_driver_sql(sql)
        found = await bar.server.schema_digest(lane.connection, schema)
        await lane.connection.exec_driver_sql(f"DROP DATABASE {schema}")
        return found

    one = await build("ninelabs_test_one")
    assert await build("ninelabs_test_two") == one
    changes = [
        "ALTER TABLE parent ALTER name SET DEFAULT 'y'",
        "ALTER TABLE parent MODIFY name varchar(20) NOT NULL DEFAULT 'x'",
        "ALTER TABLE parent MODIFY name varchar(21) DEFAULT 'x'",
        "ALTER TABLE parent MODIFY twice int AS (id * 3)",
        "ALTER TABLE child ADD CHECK (n < 9)",
        "ALTER TABLE child DROP FOREIGN KEY child_ibfk_1",
        "CREATE UNIQUE INDEX i ON child (n)",
        "CREATE OR REPLACE VIEW names AS SELECT id FROM parent",
        "CREATE OR REPLACE TRIGGER t BEFORE INSERT ON child FOR EACH ROW SET NEW.n = 1",
        "CREATE TABLE another (id int)",
    ]
    found = {await build("ninelabs_test_two", change) for change in changes}
    assert len(found - {one}) == len(changes)
