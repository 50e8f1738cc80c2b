"""The screen as a picture, and the ways to take a run along: the dialog, and the command."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.cells import cell_len

from labs.stream.places import data_home, make_home
from tests.tui.screens import running, shows, to_the_end
from tests.tui.streams import recording, whole_run
from tests.tui.test_hostile import HOSTILE, saying
from tui import clipboard
from tui.export import files, form
from tui.export.svg import self_contained
from tui.recordings.folder import begin
from tui.state import LabState
from tui.tour.tour import Tour

ROOT = Path(__file__).parents[2]
RECORDING = ROOT / "tests/recordings/row_lock.jsonl"
TEXT = "{http://www.w3.org/2000/svg}text"


def words(svg: str) -> str:
    """The picture's text, which has no-break spaces for spaces."""
    return " ".join(element.text or "" for element in ElementTree.fromstring(svg).iter(TEXT)).replace("\xa0", " ")


def ninelabs(
    *arguments: str | Path, cwd: Path = ROOT, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tui", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | dict(environment or {}),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize("evil", HOSTILE)
async def test_it_is_well_formed_and_needs_nothing_from_a_network(evil: str) -> None:
    async with running(replay=recording(saying(evil))) as pilot:
        await to_the_end(pilot)
        svg = self_contained(pilot.app.export_screenshot(simplify=True))
    assert "REPLAY" in words(svg)
    assert set(re.findall(r"https?://[^\"'\s)<]+", svg)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"url\((?!#)|@import|@font-face|href|<script", svg)


async def test_each_text_is_as_wide_as_its_cells() -> None:
    async with running(replay=recording(saying("日本語"))) as pilot:
        await to_the_end(pilot)
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
    async with running(replay=recording(whole_run()), size=(120, 40)) as pilot:
        await to_the_end(pilot)
        await pilot.press("x")
        await shows(pilot, "Export", "markdown", "svg", "terminals")
        await pilot.press(letter)
        await shows(pilot, f"Written: {name.replace('.', '-2.')}, in ")
    assert (tmp_path / name).read_text() == "mine"
    written = (tmp_path / name.replace(".", "-2.")).read_text()
    assert "Double" in written
    assert "Esc" not in written or "Export" not in written


async def test_the_screen_goes_on_while_a_long_run_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def slow(state: LabState) -> str:
        return "done" if go_on.wait(30) else "the screen stood still"

    monkeypatch.setattr(form, "markdown", slow)
    monkeypatch.chdir(tmp_path)
    async with running(replay=recording(whole_run()), size=(120, 40)) as pilot:
        await to_the_end(pilot)
        await pilot.press("x", "m", "g")
        await shows(pilot, " 1/")
        go_on.set()
        await shows(pilot, "Written: ")
    [written] = tmp_path.iterdir()  # noqa: ASYNC240 (nothing else runs any more)
    assert written.read_text() == "done"


async def test_what_cannot_be_a_script_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with running(replay=recording(whole_run()), size=(120, 40)) as pilot:
        await to_the_end(pilot)
        await pilot.press("x", "t")
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


@pytest.mark.parametrize("account", ["root", "somebody"])
def test_whatever_makes_the_data_folder_makes_it_for_its_owner(
    account: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0 if account == "root" else 1000)
    makers: dict[str, Callable[[], object]] = {
        "copied": lambda: clipboard.save("text", data_home()),
        "tour": lambda: Tour().stop(),
        "export": lambda: files.write("run", ".md", "text"),
        "recording": lambda: os.close(begin(data_home() / "recordings", "races")[1]),
    }
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    before = os.umask(0o027)
    try:
        for name, make in makers.items():
            home = tmp_path / name / "ninelabs"
            monkeypatch.setenv("NINELABS_DATA", str(home))
            make()
            # Root's servers run as an account of their own, which must pass through.
            assert oct(home.stat().st_mode & 0o777) == ("0o711" if account == "root" else "0o700"), name
            assert {oct(one.stat().st_mode & 0o777) for one in home.iterdir() if one.is_dir()} <= {"0o700"}, name
    finally:
        os.umask(before)


def test_a_data_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert make_home(tmp_path).stat().st_mode & 0o777 == 0o755


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
    header = (tmp_path / "scripts/A.sql").read_text()
    assert "In the folder of these files, " in header and "`ninelabs doctor` says" in header


def test_the_command_never_writes_over_a_file(tmp_path: Path) -> None:
    for status, kind in ((0, "--markdown"), (1, "--svg")):
        done = ninelabs("export", RECORDING, kind, "-o", "run", cwd=tmp_path)
        assert done.returncode == status, done.stderr
    assert "run is there already" in done.stderr
    assert "Money is conserved" in (tmp_path / "run").read_text()


@pytest.mark.parametrize("content", ["a" * 9_999, {"A.sql": "a", "B.sql": "b" * 9_999}])
def test_a_full_disk_leaves_nothing_that_looks_like_an_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | dict[str, str]
) -> None:
    write_text = Path.write_text

    def full(path: Path, text: str, encoding: str) -> int:
        write_text(path, text[:100], encoding)
        if len(text) > 100:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return len(text)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_new(tmp_path / "run", content)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["text", {"A.sql": "a"}])
def test_what_is_written_has_the_rights_of_any_file(tmp_path: Path, content: str | dict[str, str]) -> None:
    files.write_new(tmp_path / "run", content)
    beside = tmp_path / "beside"
    beside.touch() if isinstance(content, str) else beside.mkdir()
    assert (tmp_path / "run").stat().st_mode == beside.stat().st_mode


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
    command = "ninelabs export tests/recordings/row_lock.jsonl --svg --step 4 > tui/screen.svg"
    terminal = {"TERM": "linux", "NO_COLOR": "1", "COLORFGBG": "0;15", "LANG": "C", "PYTHONIOENCODING": "ascii"}
    drawn = ninelabs(*command.split()[1:-2], environment=terminal)
    assert drawn.returncode == 0, drawn.stderr
    assert (ROOT / "tui/screen.svg").read_text() == drawn.stdout, command
    readme = (ROOT / "README.md").read_text()
    assert "](tui/screen.svg)" in readme and command in readme


def test_the_kept_recording_is_one_of_a_real_server() -> None:
    (lab,) = [one for one in map(json.loads, RECORDING.read_text().splitlines()) if one["type"] == "LabOpened"]
    assert lab["server_version"].startswith("PostgreSQL 18") and lab["ddl"]
