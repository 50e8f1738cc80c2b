"""The child process of the screen, spoken to as the screen does, and as it should not."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from labs.stream.commands import AnyCommand, OpenLab, RunExperiment
from labs.stream.events import ErrorReported, LabOpened, StatementHeld, StreamOpened
from labs.stream.lines import encode
from tests.labs.program import Running, running

pytestmark = pytest.mark.usefixtures("server")

CHILD = (sys.executable, "-P", "-m", "labs")


def send(process: Running, *commands: AnyCommand | bytes) -> None:
    assert process.process.stdin
    for command in commands:
        process.process.stdin.write(command if isinstance(command, bytes) else encode(command))
    process.process.stdin.flush()


@pytest.fixture
def child() -> Iterator[Running]:
    with running(command=CHILD, stdin=subprocess.PIPE) as process:
        yield process


def test_the_end_of_its_commands_ends_it(child: Running) -> None:
    send(child, OpenLab(lab="races"))
    child.until(lambda event: isinstance(event, LabOpened))
    assert child.process.stdin
    child.process.stdin.close()
    ended = child.end()
    assert (ended.status, ended.stderr) == (0, "")


def test_lines_that_are_no_commands_are_reported_and_passed_over(child: Running) -> None:
    malformed = (b"hello\n", b"\xff\xfe\n", b'{"type":"Explode"}\n', b'{"type":"OpenLab","lab":7}\n')
    send(child, *malformed, OpenLab(lab="chess"), OpenLab(lab="races"))
    child.until(lambda event: isinstance(event, LabOpened))
    assert child.process.stdin
    child.process.stdin.close()
    ended = child.end()
    errors = ended.of(ErrorReported)
    assert [error.exit_status for error in errors] == [2] * (len(malformed) + 1)
    assert "There is no lab 'chess'" in errors[-1].title
    assert (ended.status, ended.stderr) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_in_order_in_the_middle_of_a_run(child: Running, number: signal.Signals) -> None:
    send(child, OpenLab(lab="races"), RunExperiment(experiment="double_spend", stepped=True))
    child.until(lambda event: isinstance(event, StatementHeld))
    child.process.send_signal(number)
    ended = child.end()
    assert (ended.status, ended.stderr) == (0, "")
    assert '"outcome":"cancelled"' in ended.stdout


def test_it_ends_when_nobody_reads_any_more(child: Running) -> None:
    child.until(lambda event: isinstance(event, StreamOpened))
    child.stdout.close()
    ended = child.end()
    assert (ended.status, ended.stderr) == (0, "")


def test_without_a_screen_it_says_so() -> None:
    with running(command=CHILD) as process:
        ended = process.end()
    assert ended.status == 2
    assert ended.stderr == (
        "This is the half of ninelabs that has no screen, and nobody is at the other end. Start `ninelabs`.\n"
    )


def test_a_lab_that_cannot_be_loaded_is_reported() -> None:
    spoilt = "import sys, runpy; sys.modules['labs.races.models'] = None; runpy.run_module('labs', run_name='__main__')"
    with running(command=(sys.executable, "-c", spoilt), stdin=subprocess.PIPE) as process:
        send(process, OpenLab(lab="races"))
        event = process.until(lambda event: isinstance(event, ErrorReported))
    assert isinstance(event, ErrorReported)
    assert event.title == "The lab met an error that nobody expected"
