"""What a linter says of a statement, next to what the statement does."""

from __future__ import annotations

import time
from dataclasses import dataclass

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.migrations import ladder, squawk
from labs.migrations.loading import load
from labs.migrations.parameters import Rows
from labs.workbench.bench import Bench
from labs.workbench.lab import Watched, experiment

COLUMN = "ALTER TABLE users ADD COLUMN created_at timestamptz"

STATEMENTS = {
    "column": ("", COLUMN),
    "column, default now()": ("", f"{COLUMN} DEFAULT now()"),
    "column, default clock_timestamp()": ("", f"{COLUMN} DEFAULT clock_timestamp()"),
    "virtual column": ("", "ALTER TABLE users ADD COLUMN initial text GENERATED ALWAYS AS (left(name, 1)) VIRTUAL"),
    "stored column": ("", "ALTER TABLE users ADD COLUMN initial text GENERATED ALWAYS AS (left(name, 1)) STORED"),
    "update of everybody": (COLUMN, "UPDATE users SET created_at = now()"),
    "set not null": (f"{COLUMN} DEFAULT now()", "ALTER TABLE users ALTER COLUMN created_at SET NOT NULL"),
    "check": ("", "ALTER TABLE users ADD CONSTRAINT users_named CHECK (name <> '')"),
    "check, not valid": ("", "ALTER TABLE users ADD CONSTRAINT users_named CHECK (name <> '') NOT VALID"),
    "index": ("", "CREATE INDEX users_name ON users (name)"),
}
"""By name what has to be there before, and the statement."""

SINCE = {"virtual column": (18,)}
"""Which PostgreSQL knows a statement first, where not all do."""

LOCKS = text(
    "SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation = to_regclass('users') "
    "AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')"
)
FILE = text("SELECT pg_relation_filenode('users')")
DATES = text("SELECT count(DISTINCT created_at) FROM users WHERE created_at IS NOT NULL")

TRIES = 3
"""Of each statement; the quickest counts."""

MOMENT_SHARE = 0.08
"""What takes less than this share of the rewrite is nothing that grows with the table."""


class Users(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the statements are tried on."""

    rows: Rows = 50_000


@dataclass(frozen=True, slots=True)
class Did:
    """What a statement did."""

    milliseconds: float
    locks_out: bool
    """Whether nobody could write to the table meanwhile."""
    rewrote: bool
    one_date: bool
    """Whether it gave everybody the same date."""

    def harm(self, rewrite_ms: float) -> str:
        """In words; empty when it harms nobody."""
        if self.rewrote:
            return "writes the table anew"
        if self.locks_out and self.milliseconds > MOMENT_SHARE * rewrite_ms:
            return "locks writers out for as long as it reads the table"
        if not self.locks_out and self.milliseconds > MOMENT_SHARE * rewrite_ms:
            return "locks every row until it has changed all"
        return "gives everybody the same date" if self.one_date else ""


@dataclass(frozen=True, slots=True)
class Ours:
    """A revision of this lab: what it sends, how long that took, and whether nobody could write meanwhile."""

    statements: list[str]
    milliseconds: float
    locks_out: bool


class Opinions:
    """A second opinion, and the facts."""

    @experiment(
        "A linter's verdict",
        stepped=False,
        watched=Watched(),
        question="A linter passes the migration: is it safe? It warns: is it dangerous?",
        why="""
        squawk reads the SQL of a migration and knows some forty rules. Here each statement is also run, in a
        transaction that is rolled back: how long it takes, whether it locks writers out, whether the table lies in
        another file afterwards, and so was written anew, and what the dates then say.

        Where the two agree, believe the linter: it is faster, and it never forgets. Where they do not, there is a
        lesson. A linter sees neither how many rows a statement touches nor what a value means, and what it knows of a
        server is from the version for which its rule was written.

        At last the revisions of this lab themselves are linted and run, one after the other.

        Rules of style, such as a missing IF NOT EXISTS, are left out here. Nothing leaves this machine.
        """,
        lacking={"mariadb": "squawk reads PostgreSQL's SQL only."},
    )
    async def second_opinion(self, bench: Bench, parameters: Users) -> None:
        """Each statement, linted and run."""
        async with bench.empty_tables() as connection:
            await load(bench, connection, parameters.rows)
            version = connection.dialect.server_version_info or ()
            tried = {name: pair for name, pair in STATEMENTS.items() if version >= SINCE.get(name, ())}
            did = {name: await self._run(connection, *statements) for name, statements in tried.items()}
            revisions = {name: await self._climb(connection, name) for name in ladder.order()}
        rewrite_ms = min(one.milliseconds for one in did.values() if one.rewrote)
        harms = {name: one.harm(rewrite_ms) for name, one in did.items()}
        bench.verdict(
            "A default that is another for each row writes the table anew, and a stable one does not",
            did["column, default clock_timestamp()"].rewrote and not did["column, default now()"].rewrote,
            clock_timestamp_ms=round(did["column, default clock_timestamp()"].milliseconds, 1),
            now_ms=round(did["column, default now()"].milliseconds, 1),
        )
        slow = [name for name, one in revisions.items() if one.locks_out and one.milliseconds * 2 > rewrite_ms]
        bench.verdict(
            "No revision of this lab locks writers out for half as long as a rewrite would",
            not slow,
            revisions=", ".join(f"{name} {one.milliseconds:.1f} ms" for name, one in revisions.items()),
            rewrite_ms=round(rewrite_ms, 1),
            too_long=", ".join(slow) or "none",
        )
        path = squawk.program()
        if path is None:
            bench.note("squawk is not installed here; `pip install 'ninelabs[lint]'` brings it. What was measured:")
            for name, harm in harms.items():
                bench.note(f"{name}: {harm or 'harms nobody'}, {did[name].milliseconds:.1f} ms.")
            return
        said = dict(zip(tried, await squawk.lint(path, [statement for _, statement in tried.values()]), strict=True))
        for name, one in revisions.items():
            told = ", ".join(rule for rules in await squawk.lint(path, one.statements) for rule in rules) or "silent"
            locks = "locks writers out for it" if one.locks_out else "locks no writer out"
            bench.note(f"Our revision {name}. squawk: {told}. Measured: {locks}, {one.milliseconds:.1f} ms.")
        for name, harm in harms.items():
            told = ", ".join(said[name]) or "silent"
            agreed = "agreed" if bool(said[name]) == bool(harm) else "≠"
            bench.note(
                f"{agreed}: {name}. squawk: {told}. Measured: {harm or 'harms nobody'}, "
                f"{did[name].milliseconds:.1f} ms."
            )
        rewrites = [name for name, one in did.items() if one.rewrote]
        bench.verdict(
            "squawk warns of every statement that writes the table anew",
            all(said[name] for name in rewrites),
            rewrites=", ".join(rewrites),
            passed=", ".join(name for name in rewrites if not said[name]) or "none",
        )
        missed = [name for name, harm in harms.items() if harm and not said[name]]
        needless = [name for name, harm in harms.items() if not harm and said[name]]
        bench.verdict(
            "Its silence is no proof: some of what it passes does harm",
            bool(missed),
            passed_and_harmful=", ".join(missed) or "none",
            warned_and_harmless=", ".join(needless) or "none",
        )

    async def _climb(self, connection: AsyncConnection, revision: str) -> Ours:
        """Go up one revision of this lab, the last of some tries for good; the quickest counts.

        Before what validates, everybody gets some date.
        """
        if revision == "not_null":
            await connection.execute(text("UPDATE users SET created_at = now() WHERE created_at IS NULL"))
            await connection.commit()
        statements = await connection.run_sync(ladder.sql, revision)
        took = []
        for left in reversed(range(TRIES)):
            began = time.perf_counter()
            await connection.run_sync(ladder.go, revision)
            took.append((time.perf_counter() - began) * 1000)
            locks = (await connection.scalars(LOCKS)).all()
            await (connection.rollback() if left else connection.commit())
        return Ours([" ".join(statement.split()) for statement in statements], min(took), bool(locks))

    async def _run(self, connection: AsyncConnection, before: str, statement: str) -> Did:
        """The quickest of some tries of a statement, each taken back."""
        return min(
            [await self._try(connection, before, statement) for _ in range(TRIES)], key=lambda did: did.milliseconds
        )

    async def _try(self, connection: AsyncConnection, before: str, statement: str) -> Did:
        if before:
            await connection.execute(text(before))
            await connection.commit()
        file = await connection.scalar(FILE)
        dates = await connection.scalar(DATES) if before else 0
        await connection.commit()
        began = time.perf_counter()
        await connection.execute(text(statement))
        milliseconds = (time.perf_counter() - began) * 1000
        locks = (await connection.scalars(LOCKS)).all()
        rewrote = await connection.scalar(FILE) != file
        one_date = "created_at" in statement and dates != 1 and await connection.scalar(DATES) == 1
        await connection.rollback()
        if before:
            await connection.execute(text("ALTER TABLE users DROP COLUMN created_at"))
            await connection.commit()
        return Did(milliseconds, bool(locks), rewrote, one_date)
