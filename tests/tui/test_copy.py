"""What is focused, copied whole: to the terminal's clipboard as far as it takes it, and always to a file."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from unittest.mock import patch

import pytest
from textual.pilot import Pilot

from labs.stream.events import ErrorReported, Measured, StatementEnded, StatementStarted
from tests.tui.screens import running, shows, text_of, to_the_end, until
from tests.tui.streams import Script, opened, recording, started, whole_run
from tests.tui.test_hostile import HOSTILE, saying
from tui.clipboard import FILE_NAME, LARGEST_BYTES, copied, save, sequences
from tui.text import clean

XTERM = {"TERM": "xterm-256color"}


def taken(written: str) -> str:
    """What a terminal takes out of OSC 52."""
    (encoded,) = re.findall(r"\x1b\]52;c;([A-Za-z0-9+/=]*)\a", written)
    return base64.b64decode(encoded).decode()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NINELABS_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMUX", "STY"):
        monkeypatch.delenv(name, raising=False)


async def copy(pilot: Pilot[None], *keys: str) -> str:
    """Press keys and then y; what the terminal was given."""
    written: list[str] = []
    driver = pilot.app._driver
    assert driver is not None
    with patch.object(driver, "write", written.append):
        await pilot.press(*keys, "y")
        await pilot.pause()
    return taken("".join(written))


def test_a_terminal_gets_the_text_as_it_is() -> None:
    assert taken(sequences("λ 日本語\n", XTERM)) == "λ 日本語\n"


def test_tmux_is_told_and_passes_it_on() -> None:
    plain = sequences("text", XTERM)
    both = sequences("text", {"TERM": "screen-256color", "TMUX": "/tmp/tmux-0/default,1,0"})
    start, end = "\x1bPtmux;", "\x1b\\"
    assert both.startswith(plain + start) and both.endswith(end)
    # What tmux takes out of it: until the end of the string, every doubled escape is one.
    assert both.removeprefix(plain + start).removesuffix(end).replace("\x1b\x1b", "\x1b") == plain


@pytest.mark.parametrize("environment", [{"TERM": "screen"}, {"TERM": "xterm-256color", "STY": "1.pts-0.box"}])
def test_gnu_screen_passes_it_on_in_pieces_that_it_keeps(environment: dict[str, str]) -> None:
    text = "x" * 5000
    pieces = sequences(text, environment).split("\x1b\\")
    assert pieces.pop() == ""
    assert all(piece.startswith("\x1bP") and len(piece) < 768 for piece in pieces)
    assert taken("".join(piece.removeprefix("\x1bP") for piece in pieces)) == text


def test_what_is_too_large_for_a_terminal_is_in_the_file_only(folder: Path) -> None:
    most = LARGEST_BYTES // 4 * 3
    written: list[str] = []
    assert "given to the terminal" in copied("x" * most, XTERM, written.append)
    assert len(written) == 1
    told = copied("x" * most + "\n", XTERM, written.append)
    assert len(written) == 1
    assert told == f"1 line copied: in {folder / FILE_NAME} only, too much for the terminal's clipboard."
    assert (folder / FILE_NAME).read_text() == "x" * most + "\n"


def test_the_file_is_its_owners_and_takes_the_place_of_the_one_before(folder: Path) -> None:
    folder.mkdir()
    (folder / FILE_NAME).write_text("before")
    (folder / FILE_NAME).chmod(0o666)
    path = save("after", folder)
    assert path.read_text() == "after"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in folder.iterdir()] == [FILE_NAME]


def test_a_file_that_cannot_be_written_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NINELABS_DATA", str(tmp_path / "file"))
    written: list[str] = []
    assert "and the file could not be written" in copied("text\n", XTERM, written.append)
    assert taken("".join(written)) == "text\n"
    assert copied("x" * LARGEST_BYTES, XTERM, written.append).startswith("Nothing copied")


async def test_the_whole_pane_is_copied_and_the_message_line_says_where(folder: Path) -> None:
    rows = [
        event
        for number in range(10, 60)
        for event in (
            StatementStarted(t=3, session="A", number=number, sql=f"SELECT {number}"),
            StatementEnded(t=3, session="A", number=number, milliseconds=1, rows=1),
        )
    ]
    async with running(replay=recording([*opened(), *started(), *rows])) as pilot:
        await to_the_end(pilot)
        text = await copy(pilot, "s")
        assert [f"SELECT {number}" in text for number in (10, 59)] == [True, True]
        assert "SELECT 10" not in text_of(pilot)
        assert all(line == line.rstrip() for line in text.splitlines())
        assert (folder / FILE_NAME).read_text() == text
        await shows(pilot, f"{text.count(chr(10))} lines copied: given to the terminal's clipboard")


async def test_the_lanes_are_a_table_wider_than_the_screen() -> None:
    async with running(replay=recording(whole_run())) as pilot:
        await to_the_end(pilot)
        text = await copy(pilot, "S")
        assert re.search(r"│ BEGIN|│ SELECT balance FROM accounts WHERE id=1 ", text)
        (waited,) = [line for line in text.splitlines() if "waited" in line]
        assert len(waited.split("│")) == 3
        assert max(map(len, text.splitlines())) > 80


async def test_the_error_shown_is_copied() -> None:
    error = ErrorReported(
        t=9, title="It broke", cause="For a reason.", remedy="Mend it.", sqlstate="XX000", sql="SELECT 1"
    )
    async with running(replay=recording([*whole_run(), error])) as pilot:
        await to_the_end(pilot)
        text = await copy(pilot, "exclamation_mark")
        for words in ("It broke", "For a reason.", "Mend it.", "XX000", "SELECT 1"):
            assert words in text


async def test_the_catalogue_copies_what_it_tells_of_a_lab(folder: Path) -> None:
    async with running(Script()) as pilot:
        text = await copy(pilot, "5")
        assert text.startswith("5 Races\nWho waits for whom, and who loses money?\n")
        await until(pilot, lambda: "copied" in text_of(pilot))


async def test_what_a_terminal_obeys_is_not_copied(folder: Path) -> None:
    evil = "\n".join(text for text in HOSTILE if len(text) < 100)
    figure = Measured(t=6, metric=evil, variant=evil, value=1, unit=evil)
    async with running(replay=recording([*saying(evil), figure])) as pilot:
        await to_the_end(pilot)
        for pane in "SLtswvC":
            await pilot.press(pane, "y")
            await pilot.pause()
            text = (folder / FILE_NAME).read_text()
            assert all(clean(line) == line for line in text.splitlines())
