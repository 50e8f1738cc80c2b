"""The commands without a screen, each run as the real program."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.catalogue import CATALOGUE
from labs.races.lab import Races
from labs.stream.commands import OpenLab
from labs.stream.events import ExperimentEnded, LabOpened, LabReset, RolledBack, StreamOpened, VerdictReached
from labs.stream.lines import encode
from labs.stream.recording import read_recording
from labs.workbench.engines.engine import Engine
from tests.labs.program import NINELABS, broken, ninelabs, one_sentence, running, surroundings
from tests.labs.test_child import CHILD

pytestmark = pytest.mark.usefixtures("server")

SCHEMA = "ninelabs_program_races"
EXPERIMENTS = {slug: declared.spec for slug, declared in Races.experiments().items()}


@pytest.fixture
async def outside(server: Engine) -> AsyncIterator[AsyncConnection]:
    engine = server.create(application="outside", isolation="autocommit")
    async with engine.connect() as connection:
        yield connection
    await engine.dispose()


async def still_open(outside: AsyncConnection) -> int:
    """Connections of the program that are left on the server."""
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'ninelabs/%'"
    return await outside.scalar(text(sessions)) or 0


def test_the_list_as_json_has_nine_labs() -> None:
    labs = json.loads(ninelabs("list", "--json").stdout)
    assert [(lab["number"], lab["slug"]) for lab in labs] == [(lab.number, lab.slug) for lab in CATALOGUE]
    for lab in labs:
        assert list(lab) == ["number", "slug", "title", "question", "built", "experiments"]
        assert lab["built"] == bool(lab["experiments"])
    races = labs[4]["experiments"]
    assert [experiment["slug"] for experiment in races] == list(EXPERIMENTS)
    for experiment in races:
        assert list(experiment) == ["slug", "title", "engines", "parameters"]
        assert experiment["engines"] == ["postgres", "mariadb"]
    assert races[0]["parameters"] == [
        {
            "name": "isolation",
            "type": "str",
            "default": "read committed",
            "choices": [
                "read uncommitted",
                "read committed",
                "repeatable read",
                "repeatable read, snapshot off",
                "repeatable read, snapshot on",
                "serializable",
            ],
        },
        {"name": "amount", "type": "int", "default": 80, "minimum": 1, "maximum": 100},
        {"name": "order", "type": "str", "default": "AB"},
    ]


def test_the_list_can_be_read_at_80_columns() -> None:
    shown = ninelabs("list").stdout
    assert max(map(len, shown.splitlines())) <= 80
    running_text = " ".join(shown.split())
    for lab in CATALOGUE:
        assert f"{lab.number} {lab.slug} {lab.question}" in running_text
    for experiment in EXPERIMENTS:
        assert f"\n   {experiment}  " in shown
    assert "isolation=read committed or read uncommitted; repeatable read; repeatable read, snapshot" in running_text


def test_a_run_as_json_is_a_stream_and_its_recording_the_same_bytes(tmp_path: Path) -> None:
    recording = tmp_path / "recording"
    ended = ninelabs("run", "races/double_spend", "--json", "--record", str(recording))
    assert ended.status == 4
    assert isinstance(ended.events[0], StreamOpened)
    assert {verdict.claim: verdict.holds for verdict in ended.of(VerdictReached)} == {
        "As many payments went through as the money allows": False,
        "Money is conserved": False,
        "No balance is below zero": True,
        "The ledger equals the balances": False,
    }
    assert [event.outcome for event in ended.of(ExperimentEnded)] == ["failed"]
    assert ended.stderr == ""
    assert recording.read_text() == ended.stdout
    assert list(read_recording(recording)) == ended.events


def test_the_same_transfers_one_after_the_other_end_well() -> None:
    ended = ninelabs("run", "races/double_spend", "-p", "order=serial", "-p", "amount=60")
    assert ended.status == 0
    assert "passed after" in ended.stdout
    assert "isolation=read committed, amount=60, order=serial" in ended.stdout
    assert ended.stderr.endswith(f"Races on PostgreSQL 18.6, schema {SCHEMA}\n")


FIRST_TWO = """
from labs.races.lab import Races
first = dict(list(Races.experiments().items())[:2])
Races.experiments = classmethod(lambda cls: first)
"""


def test_a_whole_lab_ends_well_when_each_experiment_ends_as_it_must() -> None:
    ended = ninelabs("run", "races", "--json", command=broken(FIRST_TWO))
    assert ended.status == 0
    outcomes = {event.experiment: event.outcome for event in ended.of(ExperimentEnded)}
    assert outcomes == {slug: spec.expected for slug, spec in list(EXPERIMENTS.items())[:2]}
    assert set(outcomes.values()) == {"failed", "passed"}, "one must fail, and does"


def test_a_whole_lab_fails_when_an_experiment_does_not_end_as_it_must() -> None:
    mended = """
from labs.races.transfers import double_spend, row_lock
double_spend.transfer = row_lock.transfer
"""
    assert ninelabs("run", "races", command=broken(FIRST_TWO + mended)).status == 4


def test_what_a_lab_prints_does_not_get_into_the_stream() -> None:
    chatty = """
import os, labs.races.transfers.row_lock as lab
transfer = lab.transfer
async def chat(*arguments):
    print("printed")
    os.write(1, b"written\\n")
    os.system("echo shouted")
    await transfer(*arguments)
lab.transfer = chat
"""
    ended = ninelabs("run", "races/row_lock", "--json", command=broken(chatty))
    assert ended.status == 0
    assert ended.of(ExperimentEnded)
    assert {"printed", "written", "shouted"} <= set(ended.stderr.split())


def test_an_unexpected_error_is_one_sentence_and_the_rest_is_in_the_log() -> None:
    spoilt = """
import labs.races.transfers.row_lock as lab
async def fall(*arguments): raise RuntimeError("the floor is wet")
lab.transfer = fall
"""
    ended = ninelabs("run", "races/row_lock", command=broken(spoilt))
    assert ended.status == 1
    sentence = one_sentence(ended.stderr)
    assert "RuntimeError: the floor is wet" in sentence
    log = Path(surroundings()["XDG_STATE_HOME"]) / "ninelabs" / "log" / "labs.log"
    assert str(log) in sentence
    assert 'raise RuntimeError("the floor is wet")' in log.read_text() or "in fall" in log.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "chess"], "There is no lab 'chess'. The nine are migrations, boundaries"),
        (["run", "upserts"], "The lab upserts is not built yet."),
        (["run", "races/chess"], f"It has {', '.join(EXPERIMENTS)}."),
        (["run", "races/"], f"It has {', '.join(EXPERIMENTS)}."),
        (["run", "races/row_lock", "-p", "size=1"], "It takes isolation, amount, order."),
        (["run", "races/row_lock", "-p", "amount=0"], "amount is a whole number from 1 to 100."),
        (["run", "races/row_lock", "-p", "amount=lots"], "amount is a whole number from 1 to 100."),
        (["run", "races/row_lock", "-p", "order=x - at `$.y"], "order is whose turn it is, a letter a statement"),
        (["run", "races/row_lock", "-p", "amount"], "A parameter is given as NAME=VALUE."),
        (["run", "races", "-p", "amount=1"], "Name one of them: races/EXPERIMENT."),
        (["run", "races", "--engine", "oracle"], "'oracle' is not one of 'postgres', 'mariadb'."),
        (["run", "races", "--engine", "postgres", "--url", "postgresql:///x"], "exclude each other"),
        (["rollback", "chess"], "There is no lab 'chess'."),
        (["reset", "races", "--all"], "Name one LAB, or give --all."),
    ],
)
def test_a_wrong_question_gets_a_sentence_that_names_what_is_possible(
    arguments: list[str], words: str, tmp_path: Path
) -> None:
    ended = ninelabs(*arguments, NINELABS_DATA=str(tmp_path / "never"))
    assert ended.status == 2
    assert words in ended.stderr.splitlines()[-1]
    assert ended.stdout == ""
    assert not (tmp_path / "never/postgres-18").exists()


@pytest.mark.parametrize(
    ("recording", "reason"),
    [("/dev/full", "No space left on device."), ("/dev/null/recording", "Not a directory.")],
)
async def test_a_recording_that_cannot_be_written(recording: str, reason: str, outside: AsyncConnection) -> None:
    ended = ninelabs("run", "races/double_spend", "--json", "--record", recording)
    assert ended.status == 1
    assert ended.stderr.endswith(f"{recording}: {reason}\n")
    assert ended.stderr.count("\n") == 1
    assert await still_open(outside) == 0


@pytest.mark.parametrize("experiment", ["double_spend", "guarded_update"])
async def test_a_rollback_in_a_new_process_brings_the_fingerprint_back(
    experiment: str, outside: AsyncConnection
) -> None:
    accounts, ledger = (f"SELECT sum({sum_of}) FROM {SCHEMA}.{table}" for sum_of, table in SUMS)
    ninelabs("run", f"races/{experiment}")
    assert await outside.scalar(text(f"SELECT count(*) FROM {SCHEMA}.accounts WHERE balance <> 100")) != 0
    ended = ninelabs("rollback", "races")
    assert ended.status == 0
    assert f"{experiment}: rolled back, the fingerprint is back." in ended.stdout
    assert "Compensating transfers entered" in ended.stdout
    assert await outside.scalar(text(accounts)) == await outside.scalar(text(ledger)) == 300
    assert await outside.scalar(text(f"SELECT count(*) FROM {SCHEMA}.accounts WHERE balance <> 100")) == 0


SUMS = (("balance", "accounts"), ("amount", "ledger"))


def test_reset_gives_the_same_each_time_and_then_there_is_nothing_to_roll_back() -> None:
    first = ninelabs("reset", "races", "--json")
    assert f"This drops {SCHEMA} with everything in it." in first.stderr
    again = ninelabs("reset", "--all", "--json")
    assert first.status == again.status == 0
    assert first.of(LabReset)[0].fingerprint in {one.fingerprint for one in again.of(LabReset)}
    nothing = ninelabs("rollback", "races", "--json")
    assert nothing.status == 0
    assert not nothing.of(RolledBack)
    assert "Nothing to roll back" in nothing.stdout


@pytest.mark.parametrize("form", ["--json", "--record=/dev/null"])
async def test_a_reader_that_has_seen_enough(form: str, outside: AsyncConnection) -> None:
    with running("run", "races/double_spend", form) as process:
        assert process.stdout.readline()
        process.stdout.close()
        ended = process.end()
    assert ended.status == 141
    assert "Traceback" not in ended.stderr
    assert await still_open(outside) == 0


def test_closed_and_full_standard_streams() -> None:
    def status(redirections: str, *arguments: str) -> tuple[int, bytes]:
        shell = ["sh", "-c", f'exec "$@" {redirections}', "sh", *NINELABS, *arguments]
        done = subprocess.run(shell, env=surroundings(), capture_output=True, check=False)
        return done.returncode, done.stderr

    assert status("<&- >&- 2>&-", "run", "races/double_spend", "--json") == (4, b"")
    assert status("<&- >&-", "list") == (0, b"")
    assert status(">/dev/full", "list") == (1, b"The output cannot be written: No space left on device.\n")
    full = status(">/dev/full", "run", "races/row_lock", "--json")
    assert full == (1, b"The output cannot be written: No space left on device.\n")


def test_a_second_session_on_a_lab_is_told_who_has_it() -> None:
    with running(command=CHILD, stdin=subprocess.PIPE) as screen:
        assert screen.process.stdin
        screen.process.stdin.write(encode(OpenLab(lab="races")))
        screen.process.stdin.flush()
        screen.until(lambda event: isinstance(event, LabOpened))
        ended = ninelabs("run", "races/row_lock")
    assert ended.status == 3
    sentence = one_sentence(ended.stderr)
    assert sentence.startswith("The races lab is in use. On this server ninelabs/races (backend ")
    assert "two sessions would undo each other's work" in sentence
