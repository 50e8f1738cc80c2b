"""The experiment: its verdicts, its files, and the lab that comes back after it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from labs.stream.commands import RunExperiment
from labs.stream.events import (
    LabOpened,
    Noted,
    RolledBack,
    ScheduleChanged,
    SessionChanged,
    StatementEnded,
    StatementStarted,
    TranscriptWritten,
    VerdictReached,
)
from labs.workbench.engines.engine import Engine
from labs.workbench.errors import LabError
from labs.workbench.place import schema_name
from labs.workbench.runner import Runner
from tests.conftest import Heard, Running, opened

LONG = "session a step a1 { SELECT pg_sleep(60); }"

WAITS = """
setup { CREATE TABLE accounts (n int); INSERT INTO accounts VALUES (1); } teardown { DROP TABLE accounts; }
session a setup { BEGIN; } step a1 { UPDATE accounts SET n = 2; } step a2 { COMMIT; }
session b step b1 { UPDATE accounts SET n = n + 1; } step b2 { SELECT n FROM accounts; }
permutation a1 b1 a2 b2
"""


def put(path: Path, content: str | bytes) -> None:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def verdicts(heard: Heard) -> dict[str, bool]:
    return {event.claim: event.holds for event in heard.of(VerdictReached)}


async def tables(server: Engine) -> set[str]:
    engine = server.create(application="test", isolation="autocommit")
    async with engine.connect() as connection:
        found = await connection.scalars(
            text("SELECT table_name FROM information_schema.tables WHERE table_schema = :schema"),
            {"schema": schema_name("races")},
        )
        names = set(found)
    await engine.dispose()
    return names


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A scenario whose table is called as one of the lab's."""
    path = tmp_path / "x.spec"
    path.write_text(WAITS)
    return path


@pytest.mark.parametrize("example", ["write_skew", "lost_update.spec"])
async def test_what_comes_with_the_lab_runs_on_either_engine(either: Engine, heard: Heard, example: str) -> None:
    async with opened(Running(either), heard) as races:
        assert await races.run("scenario", {"file": example}) == "passed"


async def test_a_step_waits_on_either_engine_until_the_other_commits(either: Engine, heard: Heard, spec: Path) -> None:
    async with opened(Running(either), heard) as races:
        before = await tables(either)
        assert await races.run("scenario", {"file": str(spec)}) == "passed"
        assert await tables(either) == before
        assert await races.roll_back()
    written = "".join(event.text for event in heard.of(TranscriptWritten))
    assert (
        "step b1: UPDATE accounts SET n = n + 1; <waiting ...>\nstep a2: COMMIT;\nstep b1: <... completed>" in written
    )
    assert "n\n-\n3\n(1 row)" in written
    assert ("b", ("a",)) in {(one.session, one.waiting_for) for one in heard.of(SessionChanged)}
    (rolled_back,) = heard.of(RolledBack)
    assert rolled_back.clean


async def test_a_slip_of_the_pen_is_no_refusal(either: Engine, heard: Heard, spec: Path) -> None:
    put(spec, WAITS.replace("SELECT n FROM", "SELCT n FROM"))
    async with opened(Running(either), heard) as races:
        assert await races.run("scenario", {"file": str(spec)}) == "failed"
    assert verdicts(heard) == {"Every permutation ran to its end": True, "The server could read every statement": False}


async def test_a_commit_that_the_server_made_a_rollback_is_told_as_one(
    on_postgres: Runner, heard: Heard, spec: Path
) -> None:
    put(spec, "session a step a1 { BEGIN; } step a2 { SELECT 1 / 0; } step a3 { COMMIT; } permutation a1 a2 a3")
    await on_postgres.run("scenario", {"file": str(spec)})
    assert [event.message.partition(":")[0] for event in heard.of(StatementEnded)][1:] == [
        "division by zero",
        "Rolled back",
    ]


async def test_an_impossible_order_is_found_on_mariadb_too(on_mariadb: Runner, heard: Heard, spec: Path) -> None:
    put(spec, WAITS.replace("a1 b1 a2 b2", "a1 b1 b2 a2"))
    assert await on_mariadb.run("scenario", {"file": str(spec)}) == "failed"
    assert any("b2 is next, but its session still waits for a in b1" in note.text for note in heard.of(Noted))


async def test_the_expected_output_beside_the_file_is_compared(on_postgres: Runner, heard: Heard, spec: Path) -> None:
    await on_postgres.run("scenario", {"file": str(spec)})
    assert "The output is the expected one" not in verdicts(heard)
    (spec.parent / "expected").mkdir()
    expected = spec.parent / "expected" / "x.out"
    expected.write_text("".join(event.text for event in heard.of(TranscriptWritten)).replace("(1 row)", "(1 row)  "))
    assert await on_postgres.run("scenario", {"file": str(spec)}) == "passed"
    assert await on_postgres.run("scenario", {"file": str(spec), "permutation": 1}) == "passed"
    expected.write_text(expected.read_text().replace("\n3\n", "\n4\n"))
    assert await on_postgres.run("scenario", {"file": str(spec)}) == "failed"
    assert heard.of(VerdictReached)[-1].evidence == {"file": "x.out", "line": 11, "expected": "4", "got": "3"}
    (spec.parent / "expected" / "x_1.out").write_text(expected.read_text().replace("\n4\n", "\n3\n"))
    assert await on_postgres.run("scenario", {"file": str(spec)}) == "passed"


async def test_a_person_steps_it(on_postgres: Runner, heard: Heard, spec: Path) -> None:
    running = asyncio.create_task(on_postgres.run("scenario", {"file": str(spec)}, stepped=True))
    for step, session in enumerate("abab"):
        await heard.until(lambda step=step: len(heard.of(ScheduleChanged)) > step)  # type: ignore[misc]
        assert heard.of(ScheduleChanged)[-1].suggested == session
        on_postgres._stepper.step(None)
    assert await running == "passed"


@pytest.mark.parametrize("again", ["cancel", "crash"])
async def test_the_lab_stands_again_after_a_run_that_was_broken_off(
    server: Engine, heard: Heard, spec: Path, again: str
) -> None:
    put(spec, LONG)
    async with opened(Running(server), heard) as races:
        before = await tables(server)
        running = asyncio.create_task(
            races._carry_out(RunExperiment(experiment="scenario", parameters={"file": str(spec)}))
        )
        await running
        await heard.until(lambda: any(one.sql.startswith("SELECT pg_sleep") for one in heard.of(StatementStarted)))
        if again == "cancel":
            await races.cancel()
        else:  # What a killed process leaves: nobody builds the lab again.
            place = races._place
            assert place is not None
            place._build = lambda _: (_ for _ in ()).throw(LabError("", "", ""))  # type: ignore[method-assign, assignment]
            await races.cancel()
            assert await tables(server) == {"ninelabs_journal"}
            await races.open("races")
            assert len(heard.of(LabOpened)) == 2
        assert await tables(server) == before


async def test_a_teardown_that_waits_for_an_open_transaction_ends_the_run(
    on_postgres: Runner, heard: Heard, spec: Path
) -> None:
    put(spec, WAITS.replace("a1 b1 a2 b2", "a1"))
    async with asyncio.timeout(20):
        assert await on_postgres.run("scenario", {"file": str(spec)}) == "failed"
    assert "The teardown waits for a" in str(heard.of(VerdictReached)[0].evidence["broken_off"])


@pytest.mark.parametrize(
    ("content", "title", "cause"),
    [
        (b"\xff\xfe", "x.spec cannot be run", "Line 1 is not in UTF-8"),
        (b"session a step b {\0}", "x.spec cannot be run", "Line 1 has a NUL byte"),
        (b"#" * 10_000_000, "x.spec cannot be run", "It has more than 1,000,000 bytes"),
        (b"session a", "x.spec cannot be read as a scenario", "Line 1, column 10"),
        (b"setup { SELEC } session a step b { }", "The setup failed", 'syntax error at or near "SELEC"'),
        (b"session a step b { COPY pg_class TO STDOUT }", "Step b failed", "It copies data"),
        (b"session a setup { COPY pg_class TO STDOUT } step b { }", "The setup of session a failed", "It copies data"),
        (
            b"".join(b"session s%d step %c1 {} step %c2 {} step %c3 {}\n" % (n, n, n, n) for n in range(97, 107)),
            "The sc",
            "orders",
        ),
    ],
)
async def test_what_cannot_be_run_is_told(
    on_postgres: Runner, server: Engine, spec: Path, content: bytes, title: str, cause: str
) -> None:
    before = await tables(server)
    put(spec, content)
    with pytest.raises(LabError) as raised:
        await on_postgres.run("scenario", {"file": str(spec)})
    assert raised.value.title.startswith(title)
    assert cause in raised.value.cause
    assert raised.value.exit_status == 2
    assert await tables(server) == before


@pytest.mark.parametrize(
    ("parameters", "cause"),
    [
        ({"file": "/nowhere/x.spec"}, "There is no such file"),
        ({"file": "/"}, "It is no file"),
        ({"permutation": 4}, "There are only 3"),
    ],
)
async def test_what_is_not_there_is_told(on_postgres: Runner, parameters: dict[str, str | int], cause: str) -> None:
    with pytest.raises(LabError) as raised:
        await on_postgres.run("scenario", parameters)
    assert cause in raised.value.cause
