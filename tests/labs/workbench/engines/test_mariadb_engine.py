"""What the workbench is told by a real MariaDB server: who waits for whom, what is equal, what was refused."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Column, Integer, MetaData, String, Table, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.workbench.engines.engine import ConnectingError
from labs.workbench.engines.mariadb import engine as mariadb_engine
from labs.workbench.engines.mariadb import innodb, locks, probing
from labs.workbench.engines.mariadb.engine import MariaDB
from labs.workbench.engines.mariadb.views import LockViews
from labs.workbench.errors import ENGINE, EngineError

SCHEMA = "ninelabs_test_mariadb"
POT = Table("pot", MetaData(), Column("id", Integer), Column("n", Integer), Column("name", String(99)))
BUMP = "UPDATE pot SET n = n + 1 WHERE id = 1"
AWKWARD = "[red]Ann[/red] \\ ' \" \x1b[31m \r\n %s %(x)s 🦭 é\u202e"


@pytest.fixture(scope="module")
def url(mariadb: MariaDB) -> URL:
    """Where the test run's server is."""
    return mariadb.url


class Lane:
    """A connection, and what the server calls it."""

    def __init__(self, connection: AsyncConnection, pid: int) -> None:
        self.connection = connection
        self.pid = pid
        self._task: asyncio.Task[Any] | None = None

    async def run(self, sql: str, **parameters: object) -> Any:
        """Run a statement; returns the first value of a row, if there is one."""
        result = await self.connection.execute(text(sql), parameters)
        row = result.first() if result.returns_rows else None
        return row[0] if row else None

    def start(self, sql: str, **parameters: object) -> asyncio.Task[Any]:
        self._task = asyncio.create_task(self.run(sql, **parameters))
        return self._task

    async def end(self, server: MariaDB, control: AsyncConnection) -> None:
        """Cancel what still runs."""
        if self._task and not self._task.done():
            await server.cancel(control, [self.pid])
            await asyncio.gather(self._task, return_exceptions=True)

    async def rollback(self) -> None:
        await self.connection.rollback()


class Bar:
    """The server, and connections to it."""

    def __init__(self, server: MariaDB, stack: AsyncExitStack) -> None:
        self.server = server
        self.stack = stack
        self.control: AsyncConnection

    async def connect(
        self,
        name: str = "test",
        isolation: str | None = None,
        schema: str | None = SCHEMA,
        patience_s: float | None = None,
    ) -> Lane:
        engine = self.server.create(application=name, schema=schema, isolation=isolation, patience_s=patience_s)
        self.stack.push_async_callback(engine.dispose)
        connection = await self.stack.enter_async_context(engine.connect())
        raw = await connection.get_raw_connection()
        lane = Lane(connection, self.server.backend_pid(raw.dbapi_connection))
        if hasattr(self, "control"):
            self.stack.push_async_callback(lane.end, self.server, self.control)
        return lane

    async def blockers(self, *lanes: Lane) -> dict[int, tuple[int, ...]]:
        return await self.server.blockers(self.control, [lane.pid for lane in lanes])

    async def until_waiting(self, *lanes: Lane) -> dict[int, tuple[int, ...]]:
        """Ask until each of them waits, as often as the server answers."""
        async with asyncio.timeout(10):
            while True:
                waiting = await self.blockers(*lanes)
                if len(waiting) == len(lanes):
                    return waiting


@pytest.fixture
async def bar(url: URL) -> AsyncIterator[Bar]:
    """A schema with one table, `pot`, of three rows, and a connection beside all others."""
    async with AsyncExitStack() as stack:
        bar = Bar(MariaDB(url), stack)
        setup = await bar.connect("setup")
        await bar.server.probe(setup.connection)
        await bar.server.recreate_schema(setup.connection, SCHEMA)
        await setup.run("CREATE TABLE pot (id int PRIMARY KEY, n int NOT NULL, name varchar(99), KEY by_n (n))")
        await setup.run("INSERT INTO pot VALUES (1, 10, 'Ann'), (2, 20, 'Bob'), (9, 90, NULL)")
        await setup.connection.commit()
        bar.control = (await bar.connect("control", "autocommit", None)).connection
        yield bar


async def refused(work: Awaitable[Any]) -> DBAPIError:
    with pytest.raises(DBAPIError) as caught:
        await work
    return caught.value


# Waits --------------------------------------------------------------------------------------------------------


async def test_a_waiter_is_recognised_at_once_and_its_blocker_named(bar: Bar) -> None:
    a, b = await bar.connect(), await bar.connect()
    seconds = []
    for _ in range(5):
        await a.run(BUMP)
        assert await bar.blockers(a, b) == {}
        waiting = b.start(BUMP)
        began = time.perf_counter()
        assert await bar.until_waiting(b) == {b.pid: (a.pid,)}
        seconds.append(time.perf_counter() - began)
        await a.rollback()
        await waiting
        await b.rollback()
    assert sorted(seconds)[2] < 0.05


async def test_two_waiters_on_one_row_the_second_waits_for_both(bar: Bar) -> None:
    a, b, c = [await bar.connect() for _ in range(3)]
    await a.run(BUMP)
    first = b.start(BUMP)
    await bar.until_waiting(b)
    second = c.start(BUMP)
    waiting = await bar.until_waiting(b, c)
    assert {pid: set(who) for pid, who in waiting.items()} == {b.pid: {a.pid}, c.pid: {a.pid, b.pid}}
    assert set(await bar.blockers(c)) == {c.pid}, "only those asked about"
    await a.rollback()
    await first
    assert await bar.until_waiting(c) == {c.pid: (b.pid,)}
    await b.rollback()
    await second


async def test_who_waits_for_a_definition_and_who_queues_behind(bar: Bar) -> None:
    reader, changer, late = [await bar.connect() for _ in range(3)]
    await reader.run("SELECT n FROM pot")
    change = changer.start("ALTER TABLE pot ADD COLUMN more int")
    assert await bar.until_waiting(changer) == {changer.pid: (reader.pid,)}
    reading = late.start("SELECT n FROM pot")
    assert (await bar.until_waiting(changer, late))[late.pid] == (changer.pid,), "a reader, behind the change"
    [wait] = [
        wait
        for wait in (await bar.server.locks(bar.control, {changer.pid: "A", reader.pid: "B"}, SCHEMA))[0]
        if wait.waiter == "A"
    ]
    assert (wait.blocker, wait.mode, wait.object) == ("B", "EXCLUSIVE", "definition of pot")
    await reader.rollback()
    await change
    await reading


async def test_a_named_lock_is_a_wait_too(bar: Bar) -> None:
    a, b = await bar.connect(), await bar.connect()
    await a.run("SELECT GET_LOCK('turn', 0)")
    waiting = b.start("SELECT GET_LOCK('turn', 60)")
    assert await bar.until_waiting(b) == {b.pid: (a.pid,)}
    await a.run("SELECT RELEASE_LOCK('turn')")
    assert await waiting == 1


HOLDS: list[tuple[str, str, bool]] = [
    ("SELECT * FROM pot WHERE id = 5 FOR UPDATE", "INSERT INTO pot VALUES (5, 5, NULL)", True),
    ("SELECT * FROM pot WHERE id = 5 FOR UPDATE", "SELECT * FROM pot WHERE id = 5 FOR UPDATE", False),
    ("SELECT * FROM pot WHERE id > 8 FOR UPDATE", "INSERT INTO pot VALUES (99, 5, NULL)", True),
    ("SELECT * FROM pot WHERE id = 1 LOCK IN SHARE MODE", "SELECT * FROM pot WHERE id = 1 LOCK IN SHARE MODE", False),
    ("SELECT * FROM pot WHERE id = 1 LOCK IN SHARE MODE", BUMP, True),
    ("UPDATE pot SET name = 'x' WHERE n = 20", "UPDATE pot SET name = 'y' WHERE id = 2", True),
    ("INSERT INTO pot VALUES (3, 30, NULL)", "INSERT INTO pot VALUES (3, 31, NULL)", True),
    ("INSERT INTO pot VALUES (3, 30, NULL)", "INSERT INTO pot VALUES (4, 30, NULL)", False),
]


@pytest.mark.parametrize(("holds", "wants", "waits"), HOLDS)
async def test_the_rules_are_those_of_the_server(bar: Bar, holds: str, wants: str, waits: bool) -> None:
    a, b = await bar.connect(), await bar.connect()
    await a.run(holds)
    wanting = b.start(wants)
    if not waits:
        await wanting
        assert await bar.blockers(a, b) == {}
        return
    assert await bar.until_waiting(b) == {b.pid: (a.pid,)}
    await a.rollback()
    await wanting


async def test_the_report_and_the_views_agree_on_a_crowd(bar: Bar) -> None:
    a, *others = [await bar.connect() for _ in range(5)]
    await a.run(BUMP)
    await a.run("SELECT * FROM pot WHERE id = 5 FOR UPDATE")
    for lane, sql in zip(
        others,
        (BUMP, "SELECT * FROM pot WHERE id = 1 FOR UPDATE", "INSERT INTO pot VALUES (5, 5, '')", BUMP),
        strict=True,
    ):
        lane.start(sql)
        await bar.until_waiting(lane)
    waiting = await bar.blockers(*others)
    report = innodb.transactions((await bar.control.execute(probing.STATUS)).one()[2])
    connections = {transaction.id: transaction.connection for transaction in report}
    views = LockViews()
    async with asyncio.timeout(10):
        while len(views.blockers) < len(others):
            await views.read(bar.control)
    viewed = {connections[waiter]: {connections[blocker] for blocker in who} for waiter, who in views.blockers.items()}
    assert {pid: set(who) for pid, who in waiting.items()} == viewed


async def test_a_holder_of_many_pages_is_named_too(bar: Bar) -> None:
    a, b = await bar.connect(), await bar.connect()
    await a.run("CREATE TABLE wide (id int PRIMARY KEY, body varchar(1000) NOT NULL)")
    await a.run("INSERT INTO wide SELECT seq, REPEAT('x', 1000) FROM seq_1_to_1000")
    await a.connection.commit()
    await a.run("SELECT COUNT(*) FROM (SELECT id FROM wide FOR UPDATE) AS every_row")
    waiting = b.start("UPDATE wide SET body = '' WHERE id = 1000")
    first = await bar.until_waiting(b)
    async with asyncio.timeout(5):
        while not first[b.pid]:
            first = await bar.blockers(b)
    assert first == {b.pid: (a.pid,)}
    await a.rollback()
    await waiting


async def test_what_is_shown_of_waits_and_locks(bar: Bar) -> None:
    a, b, stranger = await bar.connect(), await bar.connect(), await bar.connect()
    await a.run("UPDATE pot SET name = 'x' WHERE n = 20")
    b.start("UPDATE pot SET n = 0 WHERE id = 2")
    await bar.until_waiting(b)
    stranger.start("DELETE FROM pot WHERE n = 20")
    await bar.until_waiting(stranger)
    sessions = {a.pid: "A", b.pid: "B"}
    waits, held = await bar.server.locks(bar.control, sessions, SCHEMA)
    async with asyncio.timeout(10):
        while not any("row 2 " in wait.object for wait in waits):  # The keys come from a source that is slow.
            waits, held = await bar.server.locks(bar.control, sessions, SCHEMA)
    assert {(wait.waiter, wait.blocker, wait.object) for wait in waits} == {
        ("B", "A", "row 2 of pot"),
        (f"pid {stranger.pid}", "A", "row 20, 2 of pot, index by_n"),
    }
    [mode] = {wait.mode for wait in waits if wait.waiter == "B"}
    assert mode == "X,REC_NOT_GAP"
    assert all(0 < wait.milliseconds < 10_000 for wait in waits)
    ours = {(lock.session, lock.mode, lock.object) for lock in held}
    assert {("A", "IX", "table pot"), ("A", "X,REC_NOT_GAP", "1 row of pot")} <= ours
    assert ("A", "SHARED_WRITE", "definition of pot") in ours
    assert (await bar.server.locks(bar.control, sessions, "elsewhere"))[1] == ()


async def test_without_rights_it_says_so_and_without_names_it_still_knows_who_waits(bar: Bar, url: URL) -> None:
    for sql in (
        "DROP USER IF EXISTS plain@localhost",
        "CREATE USER plain@localhost IDENTIFIED BY 'secret'",
        r"GRANT ALL PRIVILEGES ON `ninelabs\_%`.* TO plain@localhost",
    ):
        await bar.control.exec_driver_sql(sql.replace("%", "%%"))
    plain = Bar(MariaDB(url.set(username="plain", password="secret")), bar.stack)
    lane = await plain.connect()
    found = await plain.server.probe(lane.connection)
    assert found.capabilities == {
        probing.WAITS: False,
        probing.LOCKS: False,
        probing.METADATA: False,
        probing.CREATE: True,
    }
    assert await plain.server.locks(lane.connection, {lane.pid: "A"}, SCHEMA) == ((), ())
    other = await plain.connect()
    await other.run("SELECT n FROM pot")
    change = lane.start("ALTER TABLE pot ADD COLUMN more int")
    plain.control = (await plain.connect("control", "autocommit", None)).connection
    assert await plain.until_waiting(lane) == {lane.pid: ()}, "of its own connections it may see this much"
    [wait] = (await plain.server.locks(plain.control, {lane.pid: "A"}, SCHEMA))[0]
    assert wait.blocker == locks.NOBODY_NAMED
    await other.rollback()
    await change


# Refusals -----------------------------------------------------------------------------------------------------


async def test_a_deadlock_ends_one_transaction(bar: Bar) -> None:
    a, b = await bar.connect(), await bar.connect()
    await a.run(BUMP)
    await b.run("UPDATE pot SET n = 0 WHERE id = 2")
    waiting = a.start("UPDATE pot SET n = 0 WHERE id = 2")
    await bar.until_waiting(a)
    ended = await asyncio.gather(waiting, b.start(BUMP), return_exceptions=True)
    [error] = [value for value in ended if isinstance(value, DBAPIError)]
    assert bar.server.sqlstate(error) == bar.server.deadlock_code == "1213"
    assert bar.server.transient(error)
    assert bar.server.ends_transaction(error)
    assert bar.server.message(error).endswith("(SQLSTATE 40001)")


async def test_a_lock_timeout_ends_the_statement_only(bar: Bar) -> None:
    a, b = await bar.connect(), await bar.connect()
    await a.run(BUMP)
    await b.run("UPDATE pot SET n = 0 WHERE id = 2")
    error = await refused(b.run("SELECT n FROM pot WHERE id = 1 FOR UPDATE NOWAIT"))
    assert bar.server.sqlstate(error) == "1205"
    assert bar.server.transient(error)
    assert not bar.server.ends_transaction(error)
    assert bar.server.message(error) == "Lock wait timeout exceeded; try restarting transaction"
    await a.rollback()
    await b.connection.commit()
    assert await a.run("SELECT n FROM pot WHERE id = 2") == 0, "what it had done before is there"


@pytest.mark.parametrize(("snapshot", "code"), [("on", "1020"), ("off", None)])
async def test_a_lost_update_at_repeatable_read(bar: Bar, snapshot: str, code: str | None) -> None:
    a, b = [await bar.connect(isolation=f"repeatable read, snapshot {snapshot}") for _ in range(2)]
    await a.run("SELECT n FROM pot WHERE id = 1")
    await b.run(BUMP)
    await b.connection.commit()
    if code is None:
        await a.run(BUMP)
        return
    error = await refused(a.run(BUMP))
    assert bar.server.sqlstate(error) == code
    assert bar.server.transient(error)
    assert bar.server.ends_transaction(error)


async def test_other_refusals_are_no_reason_to_try_again(bar: Bar) -> None:
    a = await bar.connect()
    await a.run("CREATE TABLE small (n int CHECK (n < 10))")
    for sql, code in (
        ("INSERT INTO pot VALUES (1, 1, NULL)", "1062"),
        ("INSERT INTO small VALUES (11)", "4025"),
        ("SELECT nonsense FROM pot", "1054"),
    ):
        error = await refused(a.run(sql))
        assert bar.server.sqlstate(error) == code
        assert not bar.server.transient(error)
        assert not bar.server.lost(error)
        assert bar.server.explain(error).sql


async def test_what_goes_wrong_on_the_way_is_told_in_sentences(bar: Bar, url: URL) -> None:
    for other, title in (
        (url.update_query_dict({"unix_socket": "/tmp/nobody.sock"}), "The server cannot be reached"),
        (url.set(password="wrong"), "The server refused the password"),
    ):
        server = MariaDB(other)
        engine = server.create(application="test")
        with pytest.raises(ConnectingError) as caught:
            await engine.connect().start()
        told = server.explain(caught.value)
        assert (told.title, told.exit_status) == (title, ENGINE)
        assert str(url.password) not in told.sentence
        assert server.lost(caught.value)
        await engine.dispose()


async def test_a_server_that_does_not_greet_is_not_waited_for(
    bar: Bar, url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mariadb_engine, "CONNECT_S", 0.05)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        engine = MariaDB(url.update_query_dict({"unix_socket": str(tmp_path / "s")})).create(application="test")
        with pytest.raises(ConnectingError) as caught:
            await engine.connect().start()
        told = bar.server.explain(caught.value)
        await engine.dispose()
    assert (told.title, told.exit_status) == ("The server cannot be reached", ENGINE)
    assert "no answer within" in told.cause


async def test_a_connection_that_was_ended_is_lost(bar: Bar) -> None:
    a = await bar.connect()
    await bar.control.exec_driver_sql(f"KILL {a.pid}")
    error = await refused(a.run("SELECT 1"))
    assert bar.server.lost(error)
    assert bar.server.explain(error).title == "The server went away"


async def test_a_statement_is_cancelled_and_its_connection_lives_on(bar: Bar) -> None:
    a, b = await bar.connect(), await bar.connect()
    await a.run(BUMP)
    waiting = b.start(BUMP)
    await bar.until_waiting(b)
    await bar.server.cancel(bar.control, [999_999, b.pid, a.pid])
    assert bar.server.sqlstate(await refused(waiting)) == "1317"
    assert await b.run("SELECT CONNECTION_ID()") == b.pid
    assert await a.run("SELECT n FROM pot WHERE id = 1") == 11, "who ran nothing keeps its transaction"


# The lab's schema ---------------------------------------------------------------------------------------------


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


async def test_the_impatient_wait_for_no_row_either(bar: Bar) -> None:
    a, b = await bar.connect(), await bar.connect(patience_s=0.1)
    await a.run(BUMP)
    assert bar.server.sqlstate(await refused(b.run(BUMP))) == "1205"


async def test_a_connection_may_come_before_its_schema(bar: Bar) -> None:
    early = await bar.connect(schema="ninelabs_test_later")
    assert await early.run("SELECT DATABASE()") is None
    await bar.server.recreate_schema(early.connection, "ninelabs_test_later")
    await early.run("CREATE TABLE t (n int)")
    late = await bar.connect(schema="ninelabs_test_later")
    assert await late.run("SELECT COUNT(*) FROM t") == 0
    await late.rollback()
    await early.run("DROP DATABASE ninelabs_test_later")


@pytest.mark.parametrize("level", ["read uncommitted", "read committed", "repeatable read", "serializable"])
async def test_a_connection_has_the_level_asked_for(bar: Bar, level: str) -> None:
    lane = await bar.connect(isolation=level)
    for _ in range(2):
        assert await lane.run("SELECT @@tx_isolation") == level.replace(" ", "-").upper()
        await lane.rollback()
    assert await lane.run("SELECT @@autocommit") == 0
    assert await lane.run("SELECT @@time_zone") == "+00:00"


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


async def test_awkward_text_comes_back_as_it_was_and_confuses_no_report(bar: Bar) -> None:
    a, b = await bar.connect(), await bar.connect()
    await a.run("UPDATE pot SET name = :name WHERE id = 1", name=AWKWARD)
    assert await a.run("SELECT name FROM pot WHERE id = 1") == AWKWARD
    waiting = b.start("UPDATE pot SET name = :name WHERE id = 1", name=f"{AWKWARD}\n---TRANSACTION 1, ACTIVE\n")
    assert await bar.until_waiting(b) == {b.pid: (a.pid,)}
    [wait] = (await bar.server.locks(bar.control, {b.pid: "B", a.pid: "A"}, SCHEMA))[0]
    assert (wait.waiter, wait.blocker) == ("B", "A")
    await a.rollback()
    await waiting


# What the server is -------------------------------------------------------------------------------------------


async def test_a_probe_tells_version_level_and_abilities(bar: Bar) -> None:
    found = await bar.server.probe(bar.control)
    assert found.server_version.startswith("MariaDB 1")
    assert found.isolation_default in {
        "repeatable read",
        "repeatable read, snapshot on",
        "repeatable read, snapshot off",
    }
    assert all(found.capabilities.values())
    assert set(found.capabilities) == {probing.WAITS, probing.LOCKS, probing.METADATA, probing.CREATE}


@pytest.mark.parametrize(
    ("version", "named"),
    [
        ("10.11.19-MariaDB-0+deb12u1-log", ("MariaDB", "10.11.19")),
        ("8.4.2", ("MySQL", "8.4.2")),
        ("8.0.36-28", ("MySQL", "8.0.36")),
        ("8.0.11-TiDB-v7.5.1", ("TiDB", "7.5.1")),
    ],
)
def test_servers_are_called_by_their_names(version: str, named: tuple[str, str]) -> None:
    assert probing.named(version) == named
    probing.check_version(*named)


@pytest.mark.parametrize(("kind", "version"), [("MariaDB", "10.4.34"), ("MySQL", "5.7.44")])
def test_a_server_too_old_is_refused(kind: str, version: str) -> None:
    with pytest.raises(EngineError, match=f"{kind} {version}"):
        probing.check_version(kind, version)
