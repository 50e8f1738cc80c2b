"""Bad weather: the program, or its server, is ended at an inconvenient moment. Afterwards all works as before."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from labs.stream.events import (
    AnyEvent,
    EngineChanged,
    ErrorReported,
    ExperimentEnded,
    ExperimentStarted,
    LabOpened,
    OrdersExplored,
    RolledBack,
    SessionChanged,
    StatementEnded,
)
from labs.workbench.engines.embedded import EmbeddedPostgres
from labs.workbench.engines.engine import Engine
from labs.workbench.engines.own_server import OwnServer
from labs.workbench.engines.private_mariadb import PrivateMariaDB
from tests.conftest import without_mariadbd
from tests.labs.program import (
    DEADLINE_S,
    SIGNALS,
    Ended,
    hears,
    ninelabs,
    one_sentence,
    running,
    servers_of,
    wait_until,
)


@pytest.fixture(scope="module", params=[EmbeddedPostgres, PrivateMariaDB])
def own(request: pytest.FixtureRequest) -> Iterator[OwnServer]:
    """A server that lives only as long as its users, of each kind; every program of this module uses it."""
    if request.param is PrivateMariaDB:
        without_mariadbd()
    folder = Path(tempfile.mkdtemp(prefix="ninelabs-weather-", dir="/tmp"))
    folder.chmod(0o711)
    server: OwnServer = request.param(folder)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("NINELABS_ENGINE", server.engine)
        assert ninelabs("reset", "races", NINELABS_DATA=str(folder)).status == 0
        yield server
    wait_until(lambda: not servers_of(folder))
    shutil.rmtree(folder)


@pytest.fixture
def data(own: OwnServer) -> Path:
    """Its data folder."""
    return own.folder.parent


def waits(event: AnyEvent) -> bool:
    return isinstance(event, SessionChanged) and event.state == "waiting"


def works_again(data: Path) -> Ended:
    """A run, and before it the rollback of whatever the one before has left."""
    ended = ninelabs("run", "races/row_lock", "--json", NINELABS_DATA=str(data))
    assert ended.status == 0, ended.stderr
    assert not servers_of(data)
    return ended


MOMENTS: dict[str, Callable[[AnyEvent], bool]] = {
    "the server starts": lambda event: isinstance(event, EngineChanged) and event.state == "starting",
    "the server is ready": lambda event: isinstance(event, EngineChanged) and event.state == "ready",
    "the lab is open": lambda event: isinstance(event, LabOpened),
    "the run begins": lambda event: isinstance(event, ExperimentStarted),
    "orders are explored": lambda event: isinstance(event, OrdersExplored),
    "the run has ended": lambda event: isinstance(event, ExperimentEnded),
}
CASES = [
    ("the server starts", signal.SIGINT),
    ("the server is ready", signal.SIGHUP),
    ("the lab is open", signal.SIGTERM),
    ("the run begins", signal.SIGINT),
    ("orders are explored", signal.SIGINT),
    ("orders are explored", signal.SIGTERM),
    ("orders are explored", signal.SIGHUP),
    ("the run has ended", signal.SIGTERM),
]


@pytest.mark.parametrize(("moment", "number"), CASES, ids=lambda value: str(value))
def test_a_signal(moment: str, number: signal.Signals, data: Path) -> None:
    experiment = "row_lock" if moment == "the run has ended" else "every_order"
    with running("run", f"races/{experiment}", "--json", NINELABS_DATA=str(data)) as process:
        process.until(MOMENTS[moment])
        process.process.send_signal(number)
        ended = process.end()
    if moment == "the run has ended" and ended.status == 0:
        assert ended.stderr == ""  # It was over before the signal came.
    else:
        assert ended.status == 128 + number
        assert ended.stderr == f"Ended by {number.name}: what was open has been rolled back.\n"
    if moment != "the run has ended":
        begun = len(ended.of(ExperimentStarted))
        assert [event.outcome for event in ended.of(ExperimentEnded)] == ["cancelled"] * begun
    assert not servers_of(data)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_before_anything_has_begun(number: signal.Signals, data: Path) -> None:
    with running("run", "races/deadlock", NINELABS_DATA=str(data)) as process:
        wait_until(lambda: hears(process.process, signal.SIGHUP))  # the last that it takes into its own hands
        process.process.send_signal(number)
        ended = process.end()
    assert ended.status == 128 + number
    assert ended.stdout == ""
    assert one_sentence(ended.stderr).startswith(f"Ended by {number.name}")
    assert not servers_of(data)


TIDYING = """
import os, signal
from labs.signals import Signals

class Tidying:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)

Signals()
Tidying()
print("went on")
"""


def test_a_signal_while_python_drops_exceptions() -> None:
    with running("-c", TIDYING, command=[sys.executable]) as process:
        assert process.end() == Ended(128 + signal.SIGTERM, "", "Ended by SIGTERM.\n")


def test_a_signal_when_all_is_said(data: Path) -> None:
    with running("run", "races/row_lock", "--json", NINELABS_DATA=str(data)) as process:
        process.stdout.read()
        while process.process.poll() is None:
            process.process.send_signal(signal.SIGTERM)
        assert process.end().status == 0


def test_after_all_these_signals_the_lab_works(data: Path) -> None:
    works_again(data)


def test_a_second_interrupt_does_not_wait(data: Path) -> None:
    with running("run", "races/every_order", "--json", NINELABS_DATA=str(data)) as process:
        process.until(MOMENTS["orders are explored"])
        while process.process.poll() is None:
            process.process.send_signal(signal.SIGINT)
        ended = process.end()
    assert ended.status == 130
    assert "Traceback" not in ended.stderr
    wait_until(lambda: not servers_of(data))
    works_again(data)


def test_killed_in_the_middle_of_a_run(data: Path) -> None:
    with running("run", "races/every_order", "--json", NINELABS_DATA=str(data)) as process:
        process.until(MOMENTS["orders are explored"])
        process.process.kill()
    wait_until(lambda: not servers_of(data))
    back = ninelabs("rollback", "races", "--json", NINELABS_DATA=str(data))
    assert back.status == 0
    assert [(event.experiment, event.clean) for event in back.of(RolledBack)] == [("every_order", True)]
    works_again(data)


def test_the_server_is_killed_while_orders_are_explored(own: OwnServer, data: Path) -> None:
    with running("run", "races/every_order", "--json", NINELABS_DATA=str(data)) as process:
        process.until(MOMENTS["orders are explored"])
        found = own.mark.find()
        assert found
        found.kill()
        ended = process.end()
    assert ended.status == 3
    assert one_sentence(ended.stderr).startswith(("The server went away", "The server cannot be reached"))
    assert ended.stderr.count("\n") == 1
    assert [event.exit_status for event in ended.of(ErrorReported)] == [3]
    assert not servers_of(data)
    rolled_back = works_again(data).of(RolledBack)
    assert [(event.experiment, event.clean) for event in rolled_back] == [("every_order", True)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_nothing_stays_open_on_a_server_that_stays(number: signal.Signals, server: Engine) -> None:
    """The lock that the run waits for is held by somebody else, so that only its end can end the wait."""
    engine = server.create(application="outside")
    counting = server.create(application="counting", isolation="autocommit")
    left = text("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'ninelabs/%'")
    assert ninelabs("reset", "races", NINELABS_ENGINE=server.name).status == 0
    async with engine.connect() as connection:
        await connection.execute(text("SELECT FROM ninelabs_program_races.accounts WHERE id = 1 FOR UPDATE"))
        with running("run", "races/row_lock", "--json", NINELABS_ENGINE=server.name) as process:
            event = process.until(waits)
            assert isinstance(event, SessionChanged)
            assert event.waiting_for[0].startswith("pid ")
            process.process.send_signal(number)
            ended = process.end()
        if number == signal.SIGTERM:  # The server was asked to end the statement; the connection was not just dropped.
            assert "57014" in {event.sqlstate for event in ended.of(StatementEnded)}
        async with asyncio.timeout(DEADLINE_S), counting.connect() as count:
            while await count.scalar(left):
                pass
    await counting.dispose()
    await engine.dispose()
    assert ninelabs("rollback", "races", NINELABS_ENGINE=server.name).status == 0
