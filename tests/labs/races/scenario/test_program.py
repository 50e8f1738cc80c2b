"""Scenarios on the command line: the file is looked for where the person is, and standard output is the transcript."""

from __future__ import annotations

from pathlib import Path

from labs.races.scenario.transcript import difference
from labs.workbench.engines.engine import Engine
from tests.labs.program import ninelabs
from tests.labs.races.scenario.oracle import isolationtester

EXAMPLE = Path(__file__).parent / "specs/nowait.spec"


async def test_standard_output_is_what_isolationtester_prints(server: Engine) -> None:
    theirs, _, _ = await isolationtester(server, EXAMPLE.read_text(), application="isolation/nowait")
    # The program of these tests runs in the root folder: this path is relative to it.
    ended = ninelabs("run", "races/scenario", "-p", f"file={str(EXAMPLE).lstrip('/')}", "--isolation-output")
    assert ended.status == 0
    assert difference(theirs, ended.stdout) is None
    assert "Every permutation that can happen ran to its end" in ended.stderr


def test_there_is_one_standard_output() -> None:
    ended = ninelabs("run", "races/scenario", "--json", "--isolation-output")
    assert (ended.status, ended.stdout) == (2, "")
    assert "--json and --isolation-output exclude each other." in ended.stderr


def test_an_error_in_the_file_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.spec"
    path.write_text("session a\nstep {")
    ended = ninelabs("run", "races/scenario", "-p", f"file={path}", "--isolation-output")
    assert (ended.status, ended.stdout) == (2, "")
    assert "x.spec cannot be read as a scenario. Line 2, column 6 has SQL in braces that are never" in ended.stderr
