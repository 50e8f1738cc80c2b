"""The transcript of a scenario is, but for trailing blanks, what PostgreSQL's own isolationtester prints for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from labs.races.scenario.transcript import difference
from labs.stream.events import TranscriptWritten, VerdictReached
from labs.workbench.engines.engine import Engine
from labs.workbench.runner import Runner
from tests.conftest import Heard
from tests.labs.races.scenario.oracle import isolationtester

SPECS = sorted((Path(__file__).parent / "specs").glob("*.spec"))

ONE_ROW = "setup { CREATE TABLE t (n int); INSERT INTO t VALUES (0); } teardown { DROP TABLE t; }"
A_AND_B = """
session a setup { BEGIN; } step a1 { UPDATE t SET n = 1; } step a2 { COMMIT; } step a3 { SELECT 'later'; }
teardown { ROLLBACK; }
session b setup { BEGIN; } step b1 { UPDATE t SET n = 2; } step b2 { COMMIT; } step b3 { SELECT n FROM t; }
teardown { ROLLBACK; }
"""

CANNOT_HAPPEN = {
    "the session of the next step waits for an idle one": f"{ONE_ROW} {A_AND_B} permutation a1 b1 b3 a2 b2 a3",
    "a step waits at the end": f"{ONE_ROW} {A_AND_B} permutation a1 b1 permutation a1 a2 b1 b2 b3",
    "the next step's session waits for one that is told later": f"{ONE_ROW} {A_AND_B} permutation a1 b1(*) b2 a2",
    "of all orders some cannot happen": f"{ONE_ROW} {A_AND_B}",
}

BROKEN_OFF = {
    "a step ends its own session": """
        session a step a1 { SELECT pg_terminate_backend(pg_backend_pid()); } step a2 { SELECT 1; }
        session b step b1 { SELECT 2; }
        permutation a1 b1 a2 permutation b1""",
    "a step ends its session, whose setup is next": """
        session a setup { BEGIN; } step a1 { SELECT pg_terminate_backend(pg_backend_pid()); }
        session b step b1 { SELECT 2; } teardown { SELECT 3; }
        permutation a1 b1 permutation b1""",
    "another ends a session that waits": f"""{ONE_ROW}
        session a setup {{ BEGIN; }} step a1 {{ UPDATE t SET n = 1; }}
        step a2 {{ SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                  WHERE application_name LIKE 'isolation/%/b' AND wait_event_type = 'Lock'; }} step a3 {{ COMMIT; }}
        session b step b1 {{ UPDATE t SET n = 2; }} step b2 {{ SELECT 1; }}
        permutation a1 b1 a2 a3 b2""",
    "two are to be told after each other": f"""{ONE_ROW} {A_AND_B}
        permutation a1 b1(a2) a2(b1) permutation a1 a2""",
    "one is to be told before another that waits for it": f"""{ONE_ROW} {A_AND_B}
        permutation b1 a1(b2) b2(a1) b3""",
}


def transcript(heard: Heard) -> str:
    return "".join(event.text for event in heard.of(TranscriptWritten))


async def both(runner: Runner, server: Engine, heard: Heard, spec: Path, patience_s: int) -> tuple[str, str, bool]:
    """What isolationtester prints, what we do, and whether we pass."""
    text = await asyncio.to_thread(spec.read_text)
    async with asyncio.timeout(60):
        theirs, _, _ = await isolationtester(server, text, application=f"isolation/{spec.stem}", patience_s=patience_s)
        outcome = await runner.run("scenario", {"file": str(spec)})
    return theirs.replace(f"after {patience_s} seconds", "after 360 seconds"), transcript(heard), outcome == "passed"


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
async def test_the_transcript_is_that_of_isolationtester(
    on_postgres: Runner, server: Engine, heard: Heard, spec: Path
) -> None:
    theirs, ours, passed = await both(on_postgres, server, heard, spec, 360)
    assert difference(theirs, ours) is None
    assert "starting permutation:" in theirs
    assert passed


@pytest.mark.parametrize("case", CANNOT_HAPPEN)
async def test_an_order_that_cannot_happen_is_cancelled_without_the_wait(
    on_postgres: Runner, server: Engine, heard: Heard, tmp_path: Path, case: str
) -> None:
    spec = tmp_path / "x.spec"
    spec.write_text(CANNOT_HAPPEN[case])
    theirs, ours, passed = await both(on_postgres, server, heard, spec, 2)
    assert difference(theirs, ours) is None
    assert "isolationtester: canceling step" in ours
    verdict, _ = heard.of(VerdictReached)
    assert passed is ("permutation" not in CANNOT_HAPPEN[case])
    assert str(verdict.evidence["cannot_happen"]).split(", ")[0] in {"1", "8"}


@pytest.mark.parametrize("case", BROKEN_OFF)
async def test_the_run_ends_where_isolationtester_gives_up(
    on_postgres: Runner, server: Engine, heard: Heard, tmp_path: Path, case: str
) -> None:
    spec = tmp_path / "x.spec"
    spec.write_text(BROKEN_OFF[case])
    theirs, ours, passed = await both(on_postgres, server, heard, spec, 2)
    assert difference(theirs, ours) is None
    verdict, _ = heard.of(VerdictReached)
    assert not passed
    assert str(verdict.evidence["broken_off"]).startswith("permutation ")
