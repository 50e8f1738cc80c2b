"""The screen as a picture, and the ways to take a run along: the dialog, and the command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.cells import cell_len

from tests.tui.screens import running, shows
from tests.tui.streams import Script, whole_run
from tests.tui.test_hostile import HOSTILE, saying
from tui.export import files
from tui.export.svg import self_contained

ROOT = Path(__file__).parents[2]
RECORDING = ROOT / "tests/recordings/row_lock.jsonl"
TEXT = "{http://www.w3.org/2000/svg}text"


def words(svg: str) -> str:
    """The picture's text, which has no-break spaces for spaces."""
    return " ".join(element.text or "" for element in ElementTree.fromstring(svg).iter(TEXT)).replace("\xa0", " ")


def ninelabs(*arguments: str | Path, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tui", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("evil", HOSTILE)
async def test_it_is_well_formed_and_needs_nothing_from_a_network(evil: str) -> None:
    async with running(replay=Script(saying(evil), live=False)) as pilot:
        await pilot.press("G")
        svg = self_contained(pilot.app.export_screenshot(simplify=True))
    assert "REPLAY" in words(svg)
    assert set(re.findall(r"https?://[^\"'\s)<]+", svg)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"url\((?!#)|@import|@font-face|href|<script", svg)


async def test_each_text_is_as_wide_as_its_cells() -> None:
    async with running(replay=Script(saying("日本語"), live=False)) as pilot:
        await pilot.press("G")
        svg = self_contained(pilot.app.export_screenshot(simplify=True))
    texts = [one for one in ElementTree.fromstring(svg).iter(TEXT) if one.get("textLength") and one.text]
    widths = {round(float(one.get("textLength", "0")) / cell_len(one.text or ""), 2) for one in texts}
    assert any("日本" in (one.text or "") for one in texts)
    assert len(widths) == 1, "a cell is as wide everywhere"


@pytest.mark.parametrize(
    ("letter", "name"),
    [("m", "ninelabs-races-double_spend-read_committed.md"), ("s", "ninelabs-races-double_spend-read_committed.svg")],
)
async def test_x_and_a_letter_write_it_beside_what_is_there(
    letter: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("mine")
    async with running(replay=Script(whole_run(), live=False), size=(120, 40)) as pilot:
        await pilot.press("G", "x")
        await shows(pilot, "Export", "markdown", "svg", "terminals")
        await pilot.press(letter)
        await shows(pilot, f"Written: {name.replace('.', '-2.')}, in ")
    assert (tmp_path / name).read_text() == "mine"
    written = (tmp_path / name.replace(".", "-2.")).read_text()
    assert "Double" in written
    assert "Esc" not in written or "Export" not in written


async def test_what_cannot_be_a_script_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with running(replay=Script(whole_run(), live=False), size=(120, 40)) as pilot:
        await pilot.press("G", "x", "t")
        await shows(pilot, "No script: ", "Run the experiment again.")
    assert not os.listdir(tmp_path)  # noqa: PTH208 (in a coroutine it is not to block)


def test_where_the_current_folder_cannot_be_written_to_it_is_in_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setenv("NINELABS_DATA", str(tmp_path / "data"))
    paths = [files.write("run", ".md", "text"), files.write("run", "", {"A.sql": "a"}), files.write("run", "", {})]
    assert [path.relative_to(tmp_path / "data").as_posix() for path in paths] == [
        "exports/run.md",
        "exports/run",
        "exports/run-2",
    ]
    assert (paths[1] / "A.sql").read_text() == "a"


def test_the_command_prints_a_page_of_the_last_step_or_of_another() -> None:
    last = ninelabs("export", RECORDING)
    assert (last.returncode, last.stderr) == (0, "")
    assert "holds: Money is conserved" in last.stdout
    assert "no answer yet" in ninelabs("export", RECORDING, "--step", "4").stdout


def test_the_command_imports_textual_for_a_picture_only() -> None:
    told = "import sys; from click.testing import CliRunner; from tui.__main__ import cli; "
    told += f"result = CliRunner().invoke(cli, ['export', {str(RECORDING)!r}, '--markdown']); "
    told += "assert result.exit_code == 0, result.output; print('textual' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_command_writes_scripts_to_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    for status in (0, 1):
        done = ninelabs("export", RECORDING, "--script", "-o", "scripts", cwd=tmp_path)
        assert done.returncode == status, done.stderr
    assert "is there already" in done.stderr
    assert sorted(path.name for path in (tmp_path / "scripts").iterdir()) == ["A.sql", "B.sql"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.jsonl"], "Cannot read the recording"),
        ([str(ROOT / "README.md")], "is no recording"),
        ([str(RECORDING), "--step", "999"], "and no step 999"),
        ([str(RECORDING), "--svg", "--size", "9x9"], "the screen needs"),
    ],
)
def test_what_the_command_cannot_do_is_a_sentence(arguments: list[str], said: str) -> None:
    done = ninelabs("export", *arguments)
    assert done.returncode == 2
    assert said in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""


def test_the_readmes_picture_is_that_of_the_real_screen() -> None:
    """Whatever the terminal that it is made in."""
    command = "ninelabs export tests/recordings/row_lock.jsonl --svg --step 4 -o tui/screen.svg"
    drawn = ninelabs(*command.split()[1:-2], TERM="linux", NO_COLOR="1", LANG="C")
    assert drawn.returncode == 0, drawn.stderr
    assert (ROOT / "tui/screen.svg").read_text() == drawn.stdout, command
    readme = (ROOT / "README.md").read_text()
    assert "](tui/screen.svg)" in readme and command in readme


def test_the_kept_recording_is_one_of_a_real_server() -> None:
    (lab,) = [one for one in map(json.loads, RECORDING.read_text().splitlines()) if one["type"] == "LabOpened"]
    assert lab["server_version"].startswith("PostgreSQL 18") and lab["ddl"]
