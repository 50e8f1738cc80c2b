"""The migration in its phases, there and back."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from sqlalchemy import literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.migrations import ladder, truth
from labs.migrations.loading import load
from labs.migrations.migration import BACKFILL_AFTER, migration
from labs.migrations.models import User
from labs.migrations.parameters import BatchTarget, Dials, LockTimeout, Nice, Rows
from labs.migrations.truth import Checksums, Dates
from labs.workbench.bench import Bench
from labs.workbench.lab import experiment


class Staged(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A migration with nobody in its way."""

    rows: Rows = 10_000
    lock_timeout: LockTimeout = 100
    batch: BatchTarget = 75.0
    nice: Nice = 0.0


@dataclass(frozen=True, slots=True)
class State:
    """What the schema and its old data amount to at one revision."""

    schema: str
    users: tuple[int, str]
    dated: bool
    """Whether the dates are part of that: from the backfill on."""

    def differences(self, other: State) -> str:
        """Where two differ, in words; empty where they do not."""
        found = {"schema": self.schema != other.schema, "users": self.users != other.users}
        return ", ".join(name for name, differs in found.items() if differs)


class Phases:
    """Up the ladder, and down again."""

    @experiment(
        "Every phase",
        stepped=False,
        dials=Dials,
        question="How does a table of any size get a column, with nobody noticing?",
        why="""
        Five revisions and a backfill. Expand adds a column that nobody has to know of. Dual write makes sure that
        whoever writes, writes a date. The backfill gives the users of the past theirs, in small transactions. Not null
        promises it for what comes, validate for what is there, and contract takes the scaffolding away.

        Each is an Alembic revision with a way back; look at the SQL pane for what it sends, and at the table
        alembic_version for where the schema stands. Roll back, and the downgrades run: the fingerprint of
        schema and rows tells whether everything is as it was.

        The checkpoint of the backfill is a row in the table backfills, and its columns paused and nice are obeyed by
        the next batch, whoever writes them: the keys for pause and dials here, or any client of your own by UPDATE.
        """,
    )
    async def phases(self, bench: Bench, parameters: Staged) -> None:
        """Up to the last revision, and stay there."""
        async with bench.reading() as connection:
            await load(bench, connection, parameters.rows)
            before = await truth.checksums(connection, parameters.rows)
            await connection.rollback()
            async with migration(
                bench,
                lock_timeout_ms=parameters.lock_timeout,
                target_ms=parameters.batch,
                nice=parameters.nice,
            ) as run:
                await run.up()
            await validate(bench, connection, parameters.rows, before)

    @experiment(
        "There and back",
        stepped=False,
        question="From which phase is there a way back, and what does it bring back?",
        why="""
        After each phase the schema (columns, defaults, constraints, triggers, functions) and the users are brought
        down to a checksum. Then the downgrades run, one after the other, and at each state both must be what they
        were on the way up: a downgrade that leaves a function, an index or an invalid constraint behind is found out
        here, and not at four in the morning. From the backfill on the dates are part of that checksum.

        Below it, the dates themselves are lost with the column, which is as it should be: the log still has them. Those
        of users who registered after the migration began are in no log. That is why contract is said to be the point
        of no return, though its own downgrade is there and works.
        """,
    )
    async def there_and_back(self, bench: Bench, parameters: Staged) -> None:
        """Up, and down, with a fingerprint at each state."""
        async with bench.reading() as connection:
            await load(bench, connection, parameters.rows)
            states = {ladder.BASE: await state(bench, connection, dated=False)}

            async with migration(bench, lock_timeout_ms=parameters.lock_timeout, target_ms=parameters.batch) as run:
                dated = False
                for revision in ladder.order():
                    await run.step(revision)
                    if revision == BACKFILL_AFTER:
                        await run.backfill()
                        dated = True
                    states[revision] = await state(bench, connection, dated=dated)
                different = {}
                for revision in reversed([ladder.BASE, *ladder.order()][:-1]):
                    bench.note(f"Back to {revision}.")
                    await run.climber.go(revision)
                    now = await state(bench, connection, dated=states[revision].dated)
                    if found := states[revision].differences(now):
                        different[revision] = found
        bench.verdict(
            "Every downgrade brings back what its upgrade changed, and nothing else",
            not different,
            states=len(states),
            different="; ".join(f"{revision}: {what}" for revision, what in different.items()) or "none",
        )
        bench.verdict(
            "No two neighbouring states are the same, so the checksum sees each phase",
            all(
                states[ladder.below(name)].schema != states[name].schema
                for name in ladder.order()
                if _acts(bench, name)
            ),
            states=len({one.schema for one in states.values()}),
        )


def _acts(bench: Bench, revision: str) -> bool:
    """On MariaDB there is no promise about what comes."""
    return bench.server.name == "postgres" or revision != "not_null"


async def state(bench: Bench, connection: AsyncConnection, *, dated: bool) -> State:
    """What there is now; the users with their dates or without."""
    await connection.rollback()
    schema = connection.dialect.default_schema_name or ""
    users = select(User.id, User.name)
    if dated:
        users = users.add_columns(literal_column("created_at"))
    found = State(
        await bench.server.schema_digest(connection, schema),
        await bench.server.table_digest(connection, users),
        dated,
    )
    await connection.rollback()
    return found


async def validate(
    bench: Bench, connection: AsyncConnection, rows: int, before: Checksums, *, in_use: bool = False
) -> None:
    """Settle what a migration claims: nobody is missing or changed, everybody has a date, and it is the right one.

    Args:
        in_use: whether clients have changed users meanwhile; what those wrote is for `Journal.lost` to say.
    """
    await connection.rollback()
    after = await truth.checksums(connection, rows, in_use=in_use)
    changed = [part for part in {*before, *after} if before.get(part) != after.get(part)]
    dates = await truth.dates(connection, rows)
    bench.verdict(
        "Nobody is missing, and no old column has changed",
        dates.users == rows and not changed,
        users=dates.users,
        of=rows,
        ranges=len(before),
        changed=len(changed),
    )
    without = await truth.without_date(connection)
    valid = await truth.is_valid(connection)
    bench.verdict(
        "Every user has a date, and the server vouches for it",
        valid and not without,
        without=without,
        constraint="valid" if valid else "not valid",
    )
    judge_dates(bench, dates)
    await connection.rollback()


def judge_dates(bench: Bench, dates: Dates) -> None:
    """Settle the claim that no check of types or counts settles."""
    bench.verdict(
        "The date is the one on which the user registered",
        not dates.untrue and not dates.without,
        untrue=dates.untrue,
        dates=dates.dates,
        days_in_the_log=dates.days,
        finding=dates.verdict,
    )
