"""Where a MariaDB is found to run, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.workbench.engines.mariadb import installation
from labs.workbench.engines.private_mariadb import PrivateMariaDB
from labs.workbench.errors import ENGINE, EngineError
from tests.labs.workbench.engines.conftest import ignore
from tests.labs.workbench.engines.program import Kind


@pytest.fixture
def kind() -> Kind:
    return PrivateMariaDB


async def test_without_mariadbd_it_says_how_to_get_one(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(empty_home))
    monkeypatch.setattr(installation, "PLACES", ())
    assert installation.find() is None
    server = PrivateMariaDB(empty_home)
    assert server.describe().version == ""
    with pytest.raises(EngineError, match="not installed") as caught:
        await server.acquire(ignore)
    assert installation.INSTALL in caught.value.remedy
    assert caught.value.exit_status == ENGINE

    impostor = empty_home / installation.PROGRAM
    impostor.write_text("#!/bin/sh\necho 'mariadbd  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)'\n")
    impostor.chmod(0o755)
    assert installation.find() is None, "it does not say that it is MariaDB"


@pytest.mark.parametrize(("prefix", "share"), [("mysql", "share/mysql"), ("mariadb", "share/mariadb")])
def test_scripts_are_found_by_both_their_names(
    empty_home: Path, monkeypatch: pytest.MonkeyPatch, prefix: str, share: str
) -> None:
    (empty_home / "bin").mkdir()
    (empty_home / share).mkdir(parents=True)
    program = empty_home / "bin" / installation.PROGRAM
    program.write_text("#!/bin/sh\necho 'mariadbd  Ver 12.1.2-MariaDB for osx10.19 on arm64 (Homebrew)'\n")
    program.chmod(0o755)
    for script in installation.SCRIPTS:
        (empty_home / share / f"{script.format(prefix)}.sql").write_text(f"-- {script.format(prefix)}")
    monkeypatch.setenv("PATH", str(program.parent))
    found = installation.find()
    assert found
    assert (found.version, found.series, found.base) == ("12.1.2", "12.1", empty_home)
    assert f"-- {prefix}_system_tables_data" in found.bootstrap_sql()
