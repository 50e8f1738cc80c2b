"""A migration that is fast, valid, and wrong."""

from __future__ import annotations

import time

import msgspec
from sqlalchemy import text

from labs.migrations import truth
from labs.migrations.experiments.phases import judge_dates
from labs.migrations.loading import load
from labs.migrations.parameters import Rows
from labs.workbench.bench import Bench
from labs.workbench.lab import Watched, experiment

ALTER_POSTGRES = "ALTER TABLE users ADD COLUMN created_at timestamptz NOT NULL DEFAULT now()"
ALTER_MARIADB = (
    "ALTER TABLE users ADD COLUMN created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), ALGORITHM=INSTANT"
)


class Users(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many of them get the date."""

    rows: Rows = 10_000


class Meaning:
    """What the types allow, and nobody meant."""

    @experiment(
        "A false default",
        stepped=False,
        watched=Watched(),
        question="One fast statement, no rewrite, no NULL, a valid constraint: what is wrong with it?",
        why="""
        ADD COLUMN … NOT NULL DEFAULT now() is done in a moment, on a table of any size: the server evaluates the
        default once, writes the value into its catalogue, and gives it to every row that was there before. Linters
        have nothing against it, the constraint is valid, no program is refused.

        And every user of the past has registered at the moment of the migration. No check of types or counts finds
        that, because nothing is wrong with the data but its meaning. So meaning has to be checked as well: how many
        different dates are there, and are they those that another source knows?

        This experiment is meant to fail: its last claim is the one that a migration has to be asked about.
        """,
        expected="failed",
    )
    async def false_default(self, bench: Bench, parameters: Users) -> None:
        """The one statement, then what can be said of the dates."""
        on_postgres = bench.server.name == "postgres"
        async with bench.empty_tables() as connection:
            await load(bench, connection, parameters.rows)
            before = await truth.checksums(connection, parameters.rows)
            await connection.rollback()
            async with bench.sessions("migration") as (lane,):
                began = time.perf_counter()
                async with lane.begin() as session:
                    await session.execute(text(ALTER_POSTGRES if on_postgres else ALTER_MARIADB))
                milliseconds = (time.perf_counter() - began) * 1000
            after = await truth.checksums(connection, parameters.rows)
            valid = await truth.is_valid(connection)
            dates = await truth.dates(connection, parameters.rows)
            await connection.rollback()
        bench.verdict(
            "Nobody is missing or changed, everybody has a date, and the server vouches for it",
            before == after and valid and not dates.without,
            milliseconds=round(milliseconds, 1),
            without=dates.without,
        )
        bench.note(f"{dates.users:,} users, {dates.dates} different dates; the log has {dates.days}.")
        judge_dates(bench, dates)
