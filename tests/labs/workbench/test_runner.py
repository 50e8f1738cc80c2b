"""A runner meets a server that dies, and goes on when it is asked again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from labs.catalogue import find_lab
from labs.stream.commands import AnyCommand, OpenLab, RunExperiment, Step
from labs.stream.events import EngineChanged, ErrorReported, ExperimentEnded, ScheduleChanged
from labs.workbench.engines.embedded import EmbeddedPostgres
from labs.workbench.outbox import Outbox
from labs.workbench.runner import Runner
from labs.workbench.target import Own
from tests.conftest import Heard


@pytest.fixture
def own_folder(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A server of this test's own, to be killed."""
    folder = data_folder / "runner"
    folder.mkdir()
    folder.chmod(0o711)
    monkeypatch.setenv("NINELABS_DATA", str(folder))
    return folder


async def test_a_server_that_dies_while_every_session_is_held_is_told_and_the_next_run_has_it_again(
    own_folder: Path, heard: Heard
) -> None:
    outbox, asked = Outbox(), asyncio.Queue[AnyCommand | None]()

    async def commands() -> AsyncIterator[AnyCommand]:
        while (command := await asked.get()) is not None:
            yield command

    async def hear() -> None:
        async for event in outbox.events():
            heard.append(event)

    hearing = asyncio.create_task(hear())
    serving = asyncio.create_task(Runner(Own(), find_lab, outbox).serve(commands()))
    asked.put_nowait(OpenLab(lab="races"))
    asked.put_nowait(RunExperiment(experiment="row_lock", stepped=True))
    await heard.until(lambda: bool(heard.of(ScheduleChanged)))
    asked.put_nowait(Step())
    await heard.until(lambda: heard.of(ScheduleChanged)[-1].step == 1)

    pid = EmbeddedPostgres().describe().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await heard.until(lambda: bool(heard.of(ErrorReported)))
    assert heard.of(EngineChanged)[-1].state == "lost"
    assert [event.exit_status for event in heard.of(ErrorReported)] == [3]
    await heard.until(lambda: bool(heard.of(ExperimentEnded)))
    assert heard.of(ExperimentEnded)[0].outcome == "cancelled", "no claim has fallen"

    asked.put_nowait(RunExperiment(experiment="row_lock"))
    await heard.until(lambda: len(heard.of(ExperimentEnded)) == 2)
    assert heard.of(ExperimentEnded)[-1].outcome == "passed"
    asked.put_nowait(None)
    await serving
    outbox.close()
    await hearing
    assert not EmbeddedPostgres().describe().running
