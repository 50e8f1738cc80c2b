"""The doctor: what it finds, and that by URL it only looks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from labs import doctor
from labs.workbench.engines import binaries
from labs.workbench.engines.mariadb import installation
from labs.workbench.target import Own
from tests.labs.program import Ended, ninelabs, servers_of, surroundings
from tests.terminal import Terminal

FINE = {"Python": "ok", "terminal": "note", "settings": "ok", "disk": "ok", "own PostgreSQL": "ok", "own MariaDB": "ok"}


def statuses(ended: Ended) -> dict[str, str]:
    return {finding["name"]: finding["status"] for finding in json.loads(ended.stdout)["findings"]}


@pytest.mark.usefixtures("server")
def test_all_is_well() -> None:
    found = ninelabs("doctor", "--json")
    assert (found.status, found.stderr) == (0, "")
    assert statuses(found) == FINE
    shown = ninelabs("doctor")
    assert (shown.status, shown.stderr) == (0, "")
    lines = shown.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    for line in lines:  # Mark, name and finding each have a column of their own.
        assert line[10] == line[26] == " "
        assert line[27] != " "
    assert "PostgreSQL 18.6, isolation read committed by default" in shown.stdout


@pytest.mark.usefixtures("server", "mariadb")
def test_the_way_that_is_told_to_a_server_of_our_own_leads_there() -> None:
    found = {one["name"]: one["found"] for one in json.loads(ninelabs("doctor", "--json").stdout)["findings"]}
    site = binaries.installed_in()
    assert site is not None
    path = f"{site / binaries.INSTALLATION / 'bin'}:{os.environ['PATH']}"
    for name, options in (("own PostgreSQL", "-XAtc"), ("own MariaDB", "-BNe")):
        way = found[name].partition("While ninelabs is open: ")[2]
        if shutil.which(way.split()[0], path=path):  # Of MariaDB, the server may be here without its client.
            asked = ["/bin/sh", "-c", f"{way} {options} 'SELECT 4711'"]
            assert subprocess.check_output(asked, env={"PATH": path}, text=True) == "4711\n"
        else:
            assert name == "own MariaDB" and way.startswith("mariadb --socket=/")


def test_a_server_by_url_is_only_looked_for(tmp_path: Path) -> None:
    url = "postgresql://student:s3cret@127.0.0.1:1/shop"
    found = ninelabs("doctor", "--json", NINELABS_URL=url, NINELABS_DATA=str(tmp_path / "never"))
    assert (found.status, found.stderr) == (3, "")
    assert statuses(found) == {"Python": "ok", "terminal": "note", "settings": "ok", "server by URL": "problem"}
    assert "127.0.0.1:1: Connection refused." in found.stdout
    assert "s3cret" not in found.stdout
    assert not (tmp_path / "never/postgres-18").exists()


def test_a_folder_that_cannot_hold_a_server(tmp_path: Path) -> None:
    (tmp_path / "postgres-18").write_text("in the way")
    found = ninelabs("doctor", NINELABS_DATA=str(tmp_path), XDG_STATE_HOME=surroundings()["XDG_STATE_HOME"])
    assert (found.status, found.stderr) == (3, "")
    assert "✗ problem  own PostgreSQL" in found.stdout
    assert "Set NINELABS_DATA to a folder" in " ".join(found.stdout.split())
    assert not servers_of(tmp_path)


@pytest.mark.parametrize(("asked_for", "status"), [("postgres", "note"), ("mariadb", "problem")])
async def test_how_to_get_mariadb_on_debian(monkeypatch: pytest.MonkeyPatch, asked_for: str, status: str) -> None:
    monkeypatch.setattr(installation, "PROGRAM", "no-such-mariadbd")
    [found] = [one async for one in doctor.examine(Own(asked_for)) if one.name == "own MariaDB"]
    assert found.status == status
    assert found.remedy == "On Debian and Ubuntu: apt-get install --no-install-recommends mariadb-server-core"


def test_a_disk_without_room_for_a_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NINELABS_DATA", str(tmp_path))
    assert doctor._disk().status == "ok"
    monkeypatch.setattr(doctor, "NEEDED_BYTES", 2**60)
    assert doctor._disk().status == "problem"
    assert "set NINELABS_DATA to another disk" in doctor._disk().remedy


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"TERM": "linux"}, "80×24, TERM=linux: 16 colours, dark, the console font's glyphs"),
        ({"TERM": "xterm-256color", "COLORFGBG": "0;15"}, "256 colours, light, all glyphs"),
        ({"TERM": "xterm", "NO_COLOR": "1", "PYTHONIOENCODING": "ascii"}, "no colours (NO_COLOR), dark, ASCII glyphs"),
    ],
)
def test_the_terminal_is_told_as_it_was_recognised(environment: dict[str, str], told: str) -> None:
    told_of_it = "from labs import doctor; print(ascii(doctor._terminal().found))"
    with Terminal([sys.executable, "-c", told_of_it], environment={"COLORTERM": "", **environment}) as terminal:
        terminal.until(lambda: ascii(told)[1:-1] in terminal.text.replace("\n", ""))
