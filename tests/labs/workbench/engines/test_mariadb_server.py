"""What a MariaDB server is, how a connection to it begins, and what is said when there is none."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from labs.workbench.engines.engine import ConnectingError
from labs.workbench.engines.mariadb import engine as mariadb_engine
from labs.workbench.engines.mariadb import probing
from labs.workbench.engines.mariadb.engine import MariaDB
from labs.workbench.errors import ENGINE, EngineError
from tests.labs.workbench.engines.bar import Bar, refused


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


@pytest.mark.parametrize(("name", "version"), [("MariaDB", "10.4.34"), ("MySQL", "5.7.44")])
def test_a_server_too_old_is_refused(name: str, version: str) -> None:
    with pytest.raises(EngineError, match=f"{name} {version}"):
        probing.check_version(name, version)


@pytest.mark.parametrize("level", ["read uncommitted", "read committed", "repeatable read", "serializable"])
async def test_a_connection_has_the_level_asked_for(bar: Bar, level: str) -> None:
    lane = await bar.connect(isolation=level)
    for _ in range(2):
        assert await lane.run("SELECT @@tx_isolation") == level.replace(" ", "-").upper()
        await lane.rollback()
    assert await lane.run("SELECT @@autocommit") == 0
    assert await lane.run("SELECT @@time_zone") == "+00:00"


async def test_what_goes_wrong_on_the_way_is_told_in_sentences(bar: Bar) -> None:
    for other, title in (
        (bar.server.url.update_query_dict({"unix_socket": "/tmp/nobody.sock"}), "The server cannot be reached"),
        (bar.server.url.set(password="wrong"), "The server refused the password"),
    ):
        server = MariaDB(other)
        engine = server.create(application="test")
        with pytest.raises(ConnectingError) as caught:
            await engine.connect().start()
        told = server.explain(caught.value)
        assert (told.title, told.exit_status) == (title, ENGINE)
        assert str(bar.server.url.password) not in told.sentence
        assert server.lost(caught.value)
        await engine.dispose()


async def test_a_server_that_does_not_greet_is_not_waited_for(
    bar: Bar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mariadb_engine, "CONNECT_S", 0.05)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        server = MariaDB(bar.server.url.update_query_dict({"unix_socket": str(tmp_path / "s")}))
        engine = server.create(application="test")
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
