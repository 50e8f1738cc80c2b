"""What a table needs after it has been filled: measured before and after."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.scale import server as servers
from labs.scale.limits.plans import analyze, plan
from labs.scale.maintenance.tables import alone, fill, run
from labs.scale.models import TABLE
from labs.scale.parameters import Seed
from labs.workbench.bench import Bench
from labs.workbench.lab import Watched, experiment

MIB = 2**20
CHANGED = "ZZ"
"""A country that no customer has."""

BEFORE, CHANGES, AFTER, AGAIN = "1 loaded", "2 changed", "3 maintained", "4 changed again"


class Size(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How large the table is."""

    rows: Annotated[int, msgspec.Meta(ge=20_000, le=10_000_000, description="how many customers")] = 30_000
    seed: Seed = 9


class Maintenance:
    """Statistics, dead rows, the visibility map, partitions."""

    @experiment(
        "Stale statistics",
        stepped=False,
        watched=Watched(),
        question="Why has my query become slow, although nobody has changed it?",
        why="""
        Nine of ten customers move to a country that the statistics know nothing of, and a query asks for that country.

        PostgreSQL's planner asks the statistics alone: it expects a single row, and takes the index for what is most
        of the table. After ANALYZE it expects what is there, and scans. That is what autovacuum does by itself, once
        a tenth of the table has changed and it gets round to it; right after a large load it has not yet.

        MariaDB's planner looks into the index for the range that is asked for, so its estimate for one table is right
        without any statistics. Where it does not look, as in joins of many tables, they matter there too.
        """,
    )
    async def stale_statistics(self, bench: Bench, parameters: Size) -> None:
        """Plan, change, plan, ANALYZE, plan."""
        query = f"SELECT * FROM {TABLE} WHERE country = '{CHANGED}'"
        server = bench.server
        async with bench.empty_tables() as connection:
            await fill(server, connection, parameters.rows, parameters.seed)
            await connection.execute(text(f"UPDATE {TABLE} SET country = '{CHANGED}' WHERE id % 10 <> 0"))
            await connection.commit()
            stale = await plan(server, connection, query)
            stale_ms = await _milliseconds(connection, query)
            await analyze(server, connection, TABLE)
            fresh = await plan(server, connection, query)
            fresh_ms = await _milliseconds(connection, query)
            real = await connection.scalar(text(f"SELECT count(*) FROM {TABLE} WHERE country = '{CHANGED}'")) or 0
        for title, found, took in (("stale", stale, stale_ms), ("analyzed", fresh, fresh_ms)):
            _tell(bench, "Rows expected", title, found.rows, "rows")
            _tell(bench, "Query", title, took, "ms")
        _tell(bench, "Rows expected", "real", real, "rows")
        evidence = {
            "stale": f"{stale.access}, {stale.rows:,.0f} rows",
            "analyzed": f"{fresh.access}, {fresh.rows:,.0f} rows",
            "real": real,
        }
        bench.verdict("After ANALYZE the estimate is right to a factor of 2", _near(fresh.rows, real), **evidence)
        if server.name == "mariadb":
            bench.verdict("It looks into the index: the estimate was right before", _near(stale.rows, real), **evidence)
        else:
            bench.verdict(
                "Stale statistics have had it take the index for most of the table",
                stale.index is not None and fresh.index is None and stale.rows * 100 < real,
                **evidence,
            )

    @experiment(
        "Bloat",
        stepped=False,
        watched=Watched(),
        question="The table has as many rows as yesterday. Why is it twice as large?",
        why="""
        Every customer's balance is changed, and then again.

        In PostgreSQL an UPDATE writes a new version of the row beside the old one. The old ones are dead, but they are
        in the way until VACUUM has noted their place as free: the second UPDATE without it would grow the table
        again, and after it finds room. To the disk VACUUM gives back only what is empty at the table's end; VACUUM FULL
        gives back all, by writing the table anew, with everybody locked out. Autovacuum begins when a fifth of the rows
        and 50 are dead: that debt is told.

        MariaDB writes the row in place, and keeps the old version in the undo log until nobody can want it any more.
        What it lacks to bloat by an UPDATE it has in a DELETE: the pages stay with the table until it is rebuilt by
        OPTIMIZE TABLE.
        """,
    )
    async def bloat(self, bench: Bench, parameters: Size) -> None:
        """Change, maintain, change again; the size after each."""
        server = bench.server
        change = f"UPDATE {TABLE} SET balance = balance + 1, city = 'Elsewhere'"
        sizes: dict[str, int] = {}
        engine = alone(bench)
        try:
            async with bench.empty_tables() as connection:
                await fill(server, connection, parameters.rows, parameters.seed)

                async def look(moment: str) -> None:
                    sizes[moment] = (await servers.sizes(server, connection, TABLE)).table
                    await connection.commit()
                    _tell(bench, "Table", moment, sizes[moment] / MIB, "MiB")

                await look(BEFORE)
                if server.name == "mariadb":
                    await _bloat_mariadb(bench, connection, change, look)
                else:
                    await run(engine, change)
                    await look(CHANGES)
                    dead = await _dead(engine)
                    _tell(bench, "Dead rows", CHANGES, dead, "rows")
                    bench.note(
                        f"Dead rows: {dead:,}; autovacuum would begin at {50 + parameters.rows // 5:,}, "
                        "if it were not switched off for this table."
                    )
                    await run(engine, f"VACUUM {TABLE}")
                    await look(AFTER)
                    await run(engine, change)
                    await look(AGAIN)
                    await run(engine, f"VACUUM FULL {TABLE}")
                    await look("5 rewritten")
        finally:
            await engine.dispose()
        if server.name == "mariadb":
            bench.verdict(
                "An UPDATE leaves the table as large as it was, to a half",
                sizes[CHANGES] < 1.5 * sizes[BEFORE],
                **_mib(sizes),
            )
            bench.verdict(
                "After a DELETE the pages stay, until OPTIMIZE TABLE",
                sizes["3 half deleted"] > 0.9 * sizes[CHANGES] and sizes["4 rebuilt"] < 0.75 * sizes[CHANGES],
                **_mib(sizes),
            )
            return
        bench.verdict("An UPDATE of all rows doubles the table", sizes[CHANGES] > 1.7 * sizes[BEFORE], **_mib(sizes))
        bench.verdict("After VACUUM, the next finds room", sizes[AGAIN] < 1.1 * sizes[AFTER], **_mib(sizes))
        bench.verdict("VACUUM FULL gives it back to the disk", sizes["5 rewritten"] < 0.7 * sizes[AGAIN], **_mib(sizes))

    @experiment(
        "Index-only scans",
        stepped=False,
        watched=Watched(),
        question="My index has all that the query wants. Why does it read the table?",
        why="""
        An index of PostgreSQL does not know which rows are still there: that stands in the table. Only where the
        visibility map says that all of a page is visible to everybody is the table left alone, and it is VACUUM that
        writes the map. So after a load an index-only scan reads the table for every row (heap fetches); after VACUUM
        for none; after an UPDATE of a tenth of the rows for most again, since a page counts as a whole; and after
        VACUUM for none.
        """,
        lacking={
            "mariadb": "MariaDB has no visibility map, and no figure that tells how often an index that has all the "
            "columns (Using index) had to be checked against the table: its secondary pages have one number of the "
            "latest change each."
        },
    )
    async def index_only(self, bench: Bench, parameters: Size) -> None:
        """Count heap fetches after each step."""
        engine = alone(bench)
        fetches: dict[str, int] = {}
        try:
            async with bench.empty_tables() as connection:
                await fill(bench.server, connection, parameters.rows, parameters.seed)
                for moment, statement in (
                    (BEFORE, None),
                    ("2 vacuumed", f"VACUUM {TABLE}"),
                    ("3 a tenth changed", f"UPDATE {TABLE} SET note = 'changed' WHERE id % 10 = 0"),
                    ("4 vacuumed again", f"VACUUM {TABLE}"),
                ):
                    if statement:
                        await run(engine, statement)
                    fetches[moment], took = await _heap_fetches(engine)
                    _tell(bench, "Heap fetches", moment, fetches[moment], "rows")
                    _tell(bench, "Query", moment, took, "ms")
        finally:
            await engine.dispose()
        loaded, vacuumed, changed, again = fetches.values()
        evidence = {moment.partition(" ")[2].replace(" ", "_"): number for moment, number in fetches.items()}
        bench.verdict("After a load every row is fetched from the table", loaded >= parameters.rows, **evidence)
        bench.verdict("After VACUUM none is", vacuumed == 0 and again == 0, **evidence)
        bench.verdict("A tenth of the rows changed spoils most of it", changed > parameters.rows / 2, **evidence)

    @experiment(
        "Partitions",
        stepped=False,
        watched=Watched(),
        question="When does it help to cut a table into years?",
        why="""
        The same customers in one table, and in one that is cut by the year of their registration. A query for one year
        reads one partition: the planner leaves out the others (pruning) because the bounds say that none of their
        rows can be wanted. A query that does not name the time has to look into all of them.

        What partitions are really for is to get rid of them: dropping a year takes milliseconds, and leaves no dead
        row behind, where a DELETE takes each row by itself.
        """,
    )
    async def partitions(self, bench: Bench, parameters: Size) -> None:
        """Compare what is read, and what it takes to lose a year."""
        server = bench.server
        async with bench.empty_tables() as connection:
            await fill(server, connection, parameters.rows, parameters.seed)
            for statement in _by_year(server.name):
                await connection.execute(text(statement))
            await connection.commit()
            await analyze(server, connection, "by_year")
            one_year = "created_at >= '2021-01-01' AND created_at < '2022-01-01'"
            pruned = await _partitions_read(server.name, connection, one_year)
            every = await _partitions_read(server.name, connection, "city = 'Rostock'")
            deleted_ms = await _milliseconds(connection, f"DELETE FROM {TABLE} WHERE {one_year}")
            drop = (
                "DROP TABLE by_year_2021" if server.name == "postgres" else "ALTER TABLE by_year DROP PARTITION y2021"
            )
            dropped_ms = await _milliseconds(connection, drop)
            left = [await connection.scalar(text(f"SELECT count(*) FROM {table}")) for table in (TABLE, "by_year")]
            await connection.commit()
        _tell(bench, "Partitions read", "one year", pruned, "partitions")
        _tell(bench, "Partitions read", "one city", every, "partitions")
        _tell(bench, "A year gone", "DELETE", deleted_ms, "ms")
        _tell(bench, "A year gone", "DROP", dropped_ms, "ms")
        bench.verdict("A query for one year reads one partition", pruned == 1, partitions=pruned)
        bench.verdict("A query without the time reads all", every == len(YEARS), partitions=every, of=len(YEARS))
        bench.verdict("Both ways to lose a year lose the same rows", left[0] == left[1] < parameters.rows, left=left[0])


YEARS = range(2019, 2026)


def _by_year(engine: str) -> list[str]:
    columns = f"SELECT * FROM {TABLE}"
    if engine == "mariadb":
        parts = ", ".join(f"PARTITION y{year} VALUES LESS THAN ('{year + 1}-01-01')" for year in YEARS)
        return [
            f"CREATE TABLE by_year LIKE {TABLE}",
            "ALTER TABLE by_year DROP PRIMARY KEY, DROP INDEX customers_email, ADD PRIMARY KEY (id, created_at)",
            f"ALTER TABLE by_year PARTITION BY RANGE COLUMNS (created_at) ({parts})",
            f"INSERT INTO by_year {columns}",
        ]
    return [
        f"CREATE TABLE by_year (LIKE {TABLE}) PARTITION BY RANGE (created_at)",
        *(
            f"CREATE TABLE by_year_{year} PARTITION OF by_year FOR VALUES FROM ('{year}-01-01') TO ('{year + 1}-01-01')"
            for year in YEARS
        ),
        f"INSERT INTO by_year {columns}",
    ]


async def _partitions_read(engine: str, connection: AsyncConnection, where: str) -> int:
    query = f"SELECT count(*) FROM by_year WHERE {where}"
    if engine == "mariadb":
        row = (await connection.execute(text(f"EXPLAIN PARTITIONS {query}"))).mappings().one()
        return len(str(row["partitions"]).split(","))
    told = await connection.scalar(text(f"EXPLAIN (FORMAT JSON) {query}"))
    return json.dumps(_parsed(told)).count('"Relation Name"')


async def _bloat_mariadb(bench: Bench, connection: AsyncConnection, change: str, look: Any) -> None:
    for moment, statement in (
        (CHANGES, change),
        ("3 half deleted", f"DELETE FROM {TABLE} WHERE id % 2 = 0"),
        ("4 rebuilt", f"OPTIMIZE TABLE {TABLE}"),
    ):
        await connection.execute(text(statement))
        await connection.commit()
        await look(moment)


async def _dead(engine: Any) -> int:
    if await run(engine, "SELECT to_regproc('pg_stat_force_next_flush') IS NOT NULL"):  # from PostgreSQL 15 on
        await run(engine, "SELECT pg_stat_force_next_flush()")
    query = f"SELECT n_dead_tup FROM pg_stat_user_tables WHERE relid = CAST('{TABLE}' AS regclass)"
    return int(await run(engine, "SELECT pg_stat_clear_snapshot()", query) or 0)


async def _heap_fetches(engine: Any) -> tuple[int, float]:
    query = f"SELECT count(country) FROM {TABLE} WHERE country >= ''"
    told = await run(
        engine,
        "SET enable_seqscan = off",
        "SET enable_bitmapscan = off",
        f"EXPLAIN (ANALYZE, FORMAT JSON) {query}",
    )
    found = _parsed(told)[0]
    node = found["Plan"]
    while "Heap Fetches" not in node:
        node = node["Plans"][0]
    return round(node["Heap Fetches"] * node.get("Actual Loops", 1)), found["Execution Time"]


def _parsed(told: Any) -> Any:
    return json.loads(told) if isinstance(told, str) else told


async def _milliseconds(connection: AsyncConnection, statement: str) -> float:
    began = time.perf_counter()
    answer = await connection.execute(text(statement))
    if answer.returns_rows:
        answer.all()
    return (time.perf_counter() - began) * 1000


def _near(rows: float, real: float) -> bool:
    return real / 2 <= rows <= real * 2


def _mib(sizes: dict[str, int]) -> dict[str, float]:
    return {moment.partition(" ")[2].replace(" ", "_"): round(size / MIB, 1) for moment, size in sizes.items()}


def _tell(bench: Bench, metric: str, variant: str, value: float, unit: str) -> None:
    bench.measured(metric, variant, value, unit, samples=1, low=value, high=value)
