"""A recorded run as scripts: they really run, in the order that was recorded, and come to what was measured."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from string import ascii_letters, digits

import pytest
from msgspec.structs import replace
from sqlalchemy import Column, Integer, MetaData, Table, Text, text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.races.lab import LAB
from labs.stream.events import (
    ExperimentStarted,
    LabOpened,
    SessionChanged,
    StatementEnded,
    StatementStarted,
    TableSampled,
    VerdictReached,
)
from labs.stream.lines import decode_event, encode
from labs.workbench.engines import binaries
from labs.workbench.engines.engine import Engine
from labs.workbench.engines.mariadb.engine import MariaDB
from labs.workbench.observer.tables import CELL_LIMIT, sample
from tests.conftest import Heard, Running, opened
from tests.tui import streams
from tests.tui.clients import Terminal, follow
from tests.tui.streams import fold
from tui.export.clients import Mariadb, Psql
from tui.export.literals import ScriptError, literal
from tui.export.script import script
from tui.state import LabState
from tui.text import clean

FIGURES_ONLY = {"every_order", "every_rule", "anomalies", "under_load"}
"""Of their runs figures are kept, not statements."""
WAITS = {
    # As long as it takes PostgreSQL to look for a deadlock: who closes the circle is then its victim, as recorded.
    "postgres": "SELECT count(*) FROM pg_stat_activity LEFT JOIN pg_locks USING (pid) "
    "WHERE application_name = :session AND (state = 'idle in transaction (aborted)' "
    "OR clock_timestamp() - waitstart > current_setting('deadlock_timeout')::interval * 1.1)",
    # Who waits for GET_LOCK waits for none of InnoDB's locks.
    "mariadb": "SELECT (SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT') + "
    "(SELECT count(*) FROM information_schema.processlist WHERE state = 'User lock')",
}
REFUSED = re.compile(r"ERROR:  (\w{5}): |^(?:\| )?ERROR (\d+)", re.MULTILINE)
"""As psql says it, and the mariadb client."""


async def recorded(server: Engine, experiment: str) -> LabState:
    """What the recording of an experiment on the real server folds to."""
    heard = Heard()
    async with opened(Running(server), heard) as runner:
        await runner.run(experiment, {})
    return fold([decode_event(encode(event)) for event in heard])


class Played:
    """Scripts that ran to their end, and the server as they left it."""

    def __init__(self, terminals: dict[str, Terminal], schema: str, connection: AsyncConnection) -> None:
        self.printed = {name: terminal.printed for name, terminal in terminals.items()}
        self._schema = schema
        self._connection = connection

    @property
    def refusals(self) -> dict[str, list[str]]:
        """By session the codes of what the server refused."""
        found = {name: ["".join(codes) for codes in REFUSED.findall(said)] for name, said in self.printed.items()}
        return {name: codes for name, codes in found.items() if codes}

    async def rows(self, table: str) -> list[tuple[object, ...]]:
        found = await self._connection.execute(text(f"SELECT * FROM {self._schema}.{table} ORDER BY 1"))
        return [tuple(str(cell) if isinstance(cell, datetime) else cell for cell in row) for row in found]


@asynccontextmanager
async def played(
    state: LabState, server: Engine, folder: Path, *, waiting: bool = True, deadlock_s: Mapping[str, int] | None = None
) -> AsyncIterator[Played]:
    """Run a state's scripts in its engine's client, and see each wait that they announce; none where none is real.

    Args:
        deadlock_s: by session, after how many seconds PostgreSQL looks for a deadlock in its stead.
    """
    assert state.run is not None
    schema = f"ninelabs_script_{state.run.experiment}"
    engine = server.create(application="watching", isolation="autocommit")
    try:
        async with engine.connect() as connection:

            async def waits(session: str) -> None:
                given = {"session": session} if server.name == "postgres" else {}
                while waiting and not await connection.scalar(text(WAITS[server.name]), given):  # noqa: ASYNC110 (the server tells nobody)
                    await asyncio.sleep(0.2)  # MariaDB shows anew only what nobody has looked at for 0.1 s

            command, environment = client(server)
            try:
                own = {
                    name: {"PGOPTIONS": f"-c deadlock_timeout={given}s"} for name, given in (deadlock_s or {}).items()
                }
                terminals = await follow(script(state), folder, command, environment, waits, own)
                yield Played(terminals, schema, connection)
            finally:
                cascade = " CASCADE" if server.name == "postgres" else ""
                await connection.execute(text(f"DROP SCHEMA IF EXISTS {schema}{cascade}"))
    finally:
        await engine.dispose()


def client(server: Engine) -> tuple[list[str], dict[str, str]]:
    """The client's command line, with ``{file}`` in it, and its environment."""
    url, environment = server.url, {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    if isinstance(server, MariaDB):
        program = shutil.which("mariadb")
        if program is None:
            (pytest.fail if os.environ.get("NINELABS_REQUIRE_MARIADB") == "1" else pytest.skip)(
                "no mariadb client: apt-get install --no-install-recommends mariadb-client-core"
            )
        given = {"--socket": url.query.get("unix_socket"), "--host": url.host, "--user": url.username}
        login = [f"{name}={value}" for name, value in (given | {"--password": url.password}).items() if value]
        _, *options, last = shlex.split(Mariadb.command)
        return [program, "--no-defaults", *login, *options, last], environment
    site = binaries.installed_in()
    assert site is not None
    where = {"PGHOST": url.query.get("host") or url.host, "PGPORT": url.port, "PGUSER": url.username}
    where |= {"PGDATABASE": url.database, "PGPASSWORD": url.password}
    environment |= {name: str(value) for name, value in where.items() if value is not None}
    _, *options = shlex.split(Psql.command)
    return [str(site / binaries.INSTALLATION / "bin/psql"), "-v", "VERBOSITY=verbose", *options], environment


@pytest.mark.parametrize("experiment", sorted(set(LAB().experiments()) - FIGURES_ONLY - {"scenario"}))
async def test_they_come_to_the_rows_and_the_refusals_that_were_recorded(
    either: Engine, tmp_path: Path, experiment: str
) -> None:
    state = await recorded(either, experiment)
    refused: dict[str, list[str | None]] = {}
    for one in state.statements:
        if one.failed:
            refused.setdefault(one.session, []).append(one.sqlstate)
    async with played(state, either, tmp_path) as after:
        assert after.refusals == refused
        for table in state.tables.values():
            assert await after.rows(table.table) == list(table.rows), table.table


@pytest.mark.parametrize("experiment", ["deadlock", "deadlock_of_three"])
async def test_where_a_deadlock_has_another_victim_each_script_ends_at_once(
    server: Engine, tmp_path: Path, experiment: str
) -> None:
    state = await recorded(server, experiment)
    victim = next(one.session for one in state.statements if one.sqlstate == "40P01")
    assert victim != "A"
    looks = {session: 6 if session == "A" else 60 for session in state.sessions}
    with pytest.raises(AssertionError, match="it ended before it said") as ended:
        async with played(state, server, tmp_path, deadlock_s=looks):
            pass
    assert str(ended.value).count("ERROR:  ") == 1
    assert "each script ends where it sees that" in script(state)["A.sql"]


async def test_what_is_not_refused_this_time_ends_the_script(either: Engine, tmp_path: Path) -> None:
    state = hostile(either.name)
    state.apply(StatementStarted(t=8, session="B", number=4, sql="SELECT 1"))
    state.apply(StatementEnded(t=8, session="B", number=4, milliseconds=1, sqlstate="40001", message="no"))
    state.apply(StatementStarted(t=9, session="B", number=5, sql="SELECT 'too late'"))
    with pytest.raises(AssertionError, match="has not refused it this time") as ended:
        async with played(state, either, tmp_path, waiting=False):
            pass
    assert "too late" not in str(ended.value)


async def test_what_waited_for_a_lock_waits_again(either: Engine, tmp_path: Path) -> None:
    state = await recorded(either, "row_lock")
    async with played(state, either, tmp_path) as after:
        told, read = after.printed["B"].split("This one waits for A: change to A.")
        # What B read, it read after A had written and committed.
        assert " 100" not in told and " 20" in read


EVIL = (
    "'; \\! touch pwned\n\\! touch pwned `touch pwned` $(touch pwned) \" :'x' %s $1 -- # /* \u202e\x1b[2J; touch pwned"
)


def hostile(engine: str) -> LabState:
    """A run whose every name and value tries to reach the shell, or to end the literal that it is in."""
    sql = "SELECT $1::VARCHAR, 'a%'" if engine == "postgres" else "SELECT %s, 'a%%'"
    lab = next(event for event in streams.opened_on(engine, 1.0) if isinstance(event, LabOpened))
    return fold(
        [
            replace(lab, ddl=("CREATE TABLE t (\n\tv VARCHAR(400)\n)",), server_version=EVIL),
            TableSampled(t=1, table="t", columns=("v",), key=(), rows=((EVIL,), (None,)), row_count=3),
            ExperimentStarted(t=2, experiment="double_spend", parameters={"isolation": EVIL}, stepped=False),
            SessionChanged(t=2, session=EVIL, state="idle", isolation=EVIL),
            StatementStarted(t=3, session=EVIL, number=1, sql=sql, parameters=(EVIL,)),
            SessionChanged(t=3, session=EVIL, state="waiting", waiting_for=(EVIL,)),
            StatementEnded(t=4, session=EVIL, number=1, milliseconds=1),
            StatementStarted(t=4, session=EVIL, number=3, sql="SELECT * FROM nowhere"),
            StatementEnded(t=4, session=EVIL, number=3, milliseconds=1, sqlstate=EVIL, message=EVIL),
            StatementStarted(t=5, session="B", number=2, sql="SELECT count(*) FROM t WHERE v = 'never'"),
            StatementEnded(t=6, session="B", number=2, milliseconds=1),
            VerdictReached(t=7, claim=EVIL, holds=False, evidence={EVIL: EVIL}),
        ]
    )


async def test_nothing_in_it_reaches_the_shell_or_leaves_its_literal(either: Engine, tmp_path: Path) -> None:
    state = hostile(either.name)
    files = script(state)
    first = next(iter(files))
    assert all(set(name) <= set(ascii_letters + digits + "_-.") for name in files)
    assert all(clean(line) == line for text_of_file in files.values() for line in text_of_file.splitlines())
    async with played(state, either, tmp_path, waiting=False) as after:
        assert set(await after.rows("t")) == {(EVIL,), (None,)}
    assert not [path for path, _, names in os.walk(tmp_path) for name in names if name not in files]
    assert [*after.refusals.values()] == [["42P01"] if either.name == "postgres" else ["1146"]]
    # The server gave back what it was given.
    assert "touch pwned `touch pwned` $(touch pwned)" in after.printed[first.removesuffix(".sql")]


@pytest.mark.parametrize("value", [EVIL, "it's", "", "a\\b", "\t", "日本語\ufe0f", 0, -5, 1.5, True, None])
async def test_a_value_comes_back_from_the_server_as_it_was(either: Engine, value: str | float | None) -> None:
    engine = either.create(application="literals", isolation="autocommit")
    sql = f"SELECT {literal(value, either.name)}".replace("%", "%%" if either.name == "mariadb" else "%")
    async with engine.connect() as connection:
        found = (await connection.exec_driver_sql(sql)).scalar_one()
    await engine.dispose()
    assert found == value


def test_values_of_other_types_are_written_as_their_engine_writes_them() -> None:
    assert literal(str(b"\x00\xff'"), "postgres", "BYTEA") == "decode('00ff27', 'hex')"
    assert literal(str(b"\x00\xff'"), "mariadb") == "x'00ff27'"
    assert literal(str([1, -2]), "postgres", "INTEGER[]") == "ARRAY[1, (-2)]::INTEGER[]"
    assert literal("2026-01-01 00:00:00", "postgres", "TIMESTAMP") == "'2026-01-01 00:00:00'::TIMESTAMP"
    assert literal("12.50", "postgres", "NUMERIC") == "'12.50'::NUMERIC"


def test_many_rows_are_a_statement_each() -> None:
    sql = "INSERT INTO t VALUES ($1::INTEGER, '$2')"
    state = hostile("postgres")
    state.apply(StatementStarted(t=8, session="B", number=3, sql=sql, parameters=((1,), (2,))))
    assert (
        "INSERT INTO t VALUES (1::INTEGER, '$2');\nINSERT INTO t VALUES (2::INTEGER, '$2');" in script(state)["B.sql"]
    )


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 \\! touch pwned",
        "system touch pwned",
        "SELECT 'a",
        "SELECT 'a\nb'",
        "SELECT 1 \x1b",
        "\\q",
        "SELECT $1",
    ],
)
def test_a_statement_that_a_client_would_read_otherwise_is_refused(sql: str) -> None:
    state = hostile("postgres")
    state.apply(StatementStarted(t=8, session="B", number=3, sql=sql))
    with pytest.raises(ScriptError, match=r"^A statement "):
        script(state)


def test_where_there_can_be_no_script_it_says_why() -> None:
    with pytest.raises(ScriptError, match="no experiment has run yet"):
        script(fold(streams.opened()))
    with pytest.raises(ScriptError, match="Run the experiment again"):
        script(fold(streams.whole_run()))
    without = [event for event in streams.whole_run() if not isinstance(event, StatementStarted | StatementEnded)]
    with pytest.raises(ScriptError, match="figures were kept, not statements"):
        script(fold(without))
    scenario = [
        replace(event, experiments=tuple(replace(spec, tables=()) for spec in event.experiments))
        if isinstance(event, LabOpened)
        else event
        for event in streams.whole_run()
    ]
    with pytest.raises(ScriptError, match="a scenario file is its own"):
        script(fold(scenario))
    secret = StatementStarted(t=8, session="B", number=3, sql="SELECT $1", parameters=("(redacted)",))
    state = hostile("postgres")
    state.apply(secret)
    with pytest.raises(ScriptError, match="as secrets"):
        script(state)


def test_of_a_run_that_was_broken_off_every_open_transaction_is_rolled_back() -> None:
    state = fold([*streams.opened(), *streams.started(), *streams.waiting()])
    assert state.lab is not None
    state.lab = replace(state.lab, ddl=("CREATE TABLE accounts (id int, owner text, balance int)",))
    for text_of_file in script(state).values():
        assert "The recording ends here, with the transaction open.\nROLLBACK;" in text_of_file


async def test_of_texts_that_were_cut_there_is_no_script(either: Engine) -> None:
    """The observer tells that it has cut them; a text that just fits is whole."""
    table = Table("texts", MetaData(), Column("id", Integer, primary_key=True), Column("text", Text))
    engine = either.create(application="cutting", isolation="autocommit")
    try:
        async with engine.connect() as connection:
            schema = "ninelabs_cut"
            await connection.execute(text(f"CREATE SCHEMA {schema}"))
            try:
                table.schema = schema
                await connection.run_sync(table.create)
                samples = []
                for characters in (CELL_LIMIT, CELL_LIMIT + 1):
                    await connection.execute(table.delete())
                    await connection.execute(table.insert().values(id=1, text="x" * characters))
                    samples.append(await sample(either, connection, table, None))
            finally:
                await connection.execute(text(f"DROP SCHEMA {schema}" + " CASCADE" * (either.name == "postgres")))
    finally:
        await engine.dispose()
    whole, cut = samples
    assert whole is not None and cut is not None and whole.rows == cut.rows
    state = hostile(either.name)
    assert state.run is not None
    state.run.tables["t"] = whole
    assert "x" * CELL_LIMIT in next(iter(script(state).values()))
    state.run.tables["t"] = cut
    with pytest.raises(ScriptError, match="texts has longer texts than the recording has of them"):
        script(state)


async def test_the_rows_are_those_after_the_run_before_was_rolled_back(server: Engine) -> None:
    heard = Heard()
    async with opened(Running(server), heard) as runner:
        await runner.run("double_spend", {})
        await runner.run("row_lock", {})
    state = fold(list(heard))  # type: ignore[arg-type]
    assert state.run is not None
    assert [row[2] for row in state.run.tables["accounts"].rows] == [100, 100, 100]
    # The keys that statements name are given again: those of the rows there, and on from them.
    assert 'INSERT INTO "transfers"' in script(state)["A.sql"]
    first = next(one.preview[0][0] for one in state.statements if one.preview and "INTO transfers" in one.sql)
    assert f"""setval(pg_get_serial_sequence('"transfers"', 'id'), {first}, false)""" in script(state)["A.sql"]
