"""Who waits for whom on a real MariaDB server, and how that is shown."""

from __future__ import annotations

import asyncio
import time

import pytest

from labs.workbench.engines.mariadb import innodb, locks, probing
from labs.workbench.engines.mariadb.engine import MariaDB
from labs.workbench.engines.mariadb.views import LockViews
from tests.labs.workbench.engines.bar import BUMP, SCHEMA, Bar

AWKWARD = "[red]Ann[/red] \\ ' \" \x1b[31m \r\n %s %(x)s 🦭 é\u202e"

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


async def test_without_rights_it_says_so_and_without_names_it_still_knows_who_waits(bar: Bar) -> None:
    for sql in (
        "DROP USER IF EXISTS plain@localhost",
        "CREATE USER plain@localhost IDENTIFIED BY 'secret'",
        r"GRANT ALL PRIVILEGES ON `ninelabs\_%`.* TO plain@localhost",
    ):
        await bar.control.exec_driver_sql(sql.replace("%", "%%"))
    plain = Bar(MariaDB(bar.server.url.set(username="plain", password="secret")), bar.stack)
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
