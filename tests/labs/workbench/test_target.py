"""One session changes between the program's own servers; each keeps its own schema and its own claim."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from labs.stream.events import EngineChanged, ExperimentEnded, LabOpened
from labs.workbench.engines.mariadb import installation
from labs.workbench.errors import USAGE, EngineError, LabError
from labs.workbench.runner import Runner
from labs.workbench.target import ByUrl, Own
from tests.conftest import Heard, opened


@pytest.fixture
async def runner(heard: Heard) -> AsyncIterator[Runner]:
    """A runner on the program's own servers, with the races lab open on PostgreSQL."""
    async with opened(Own(), heard) as runner:
        yield runner


@pytest.mark.usefixtures("server", "mariadb")
async def test_there_and_back_in_one_stream(runner: Runner, heard: Heard) -> None:
    for engine in ("postgres", "mariadb", "postgres"):
        await runner.use(engine)
        assert await runner.run("row_lock", {}) == "passed"
    await heard.until(lambda: len(heard.of(ExperimentEnded)) == 3)
    # The first `use` finds itself where it is.
    assert [event.engine for event in heard.of(LabOpened)] == ["postgres", "mariadb", "postgres"]


@pytest.mark.usefixtures("server")
async def test_where_there_is_no_mariadbd_the_lab_stays_where_it_is(
    runner: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation, "PROGRAM", "no-such-mariadbd")
    with pytest.raises(EngineError, match="MariaDB is not installed") as raised:
        await runner.use("mariadb")
    assert "apt-get install" in raised.value.remedy
    assert await runner.run("row_lock", {}) == "passed"
    await heard.until(lambda: bool(heard.of(ExperimentEnded)))
    assert heard.of(EngineChanged)[-1].engine == "postgres"


def test_by_url_there_is_no_other() -> None:
    target = ByUrl("postgresql://student@localhost/shop")
    target.use("postgres")
    with pytest.raises(LabError, match="There is no MariaDB here") as raised:
        target.use("mariadb")
    assert raised.value.exit_status == USAGE


def test_an_engine_that_nobody_knows() -> None:
    with pytest.raises(LabError, match="There is no engine 'oracle'"):
        Own("oracle")
