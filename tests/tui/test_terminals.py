"""The screen on real terminals of every kind: what it sends to them, and what they show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labs.stream.recording import Recorder
from tests.terminal import Terminal
from tests.tui.program import program
from tests.tui.streams import whole_run
from tests.tui.test_themes import in_console

TERMS = {
    "xterm-256color": {"TERM": "xterm-256color", "COLORTERM": ""},
    "truecolor": {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
    "screen": {"TERM": "screen", "COLORTERM": ""},
    "tmux-256color": {"TERM": "tmux-256color", "COLORTERM": ""},
    "linux": {"TERM": "linux", "COLORTERM": ""},
    "NO_COLOR": {"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"},
}
SENDS = {"xterm-256color": "256", "truecolor": "truecolor", "tmux-256color": "256", "NO_COLOR": "none"}
"""What colours are sent; to all others the sixteen."""
MENU = "Search for commands"
SIZES = [(80, 24), (200, 50)]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "run.jsonl"
    recorder = Recorder(path)
    for event in whole_run():
        recorder.write(event)
    recorder.close()
    return path


@pytest.fixture(autouse=True)
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NINELABS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def colours(output: bytes) -> set[str]:
    """Which kinds of colours were sent."""
    kinds = set()
    for sequence in re.findall(rb"\x1b\[([\d;]*)m", output):
        codes = [int(code or 0) for code in sequence.split(b";")]
        while codes:
            code = codes.pop(0)
            if code in (38, 48):
                depth = codes.pop(0)
                kinds.add({2: "truecolor", 5: "256"}[depth])
                del codes[: 3 if depth == 2 else 1]
            elif code in (*range(30, 38), *range(40, 48), *range(90, 98), *range(100, 108)):
                kinds.add("16")
    return kinds


def look_round(terminal: Terminal) -> None:
    """Open the windows that every screen has, and leave."""
    terminal.press("?")
    terminal.shows("Esc closes")
    terminal.press("\x1b")
    terminal.until(lambda: "Esc closes" not in terminal.text)
    terminal.press(":")
    terminal.until(lambda: MENU in terminal.text)
    terminal.press("\x1b")
    terminal.until(lambda: MENU not in terminal.text)
    terminal.press("q")
    assert terminal.wait() == 0
    assert terminal.restored


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", TERMS)
def test_a_terminal_gets_the_colours_and_glyphs_that_it_has(name: str, size: tuple[int, int], recording: Path) -> None:
    environment = TERMS[name]
    shown = [(program(), ["5  Races", "PostgreSQL 18.6"]), ([*program(), "replay", str(recording)], ["REPLAY"])]
    for command, words in shown:
        with Terminal(command, size=size, environment=environment) as terminal:
            terminal.shows("keys", *words)
            look_round(terminal)
            sent = bytes(terminal.output)
            assert colours(sent) == {SENDS.get(name, "16")} - {"none"}
            assert re.search(rb"\x1b\[(\d+;)*1[;m]", sent), "weight tells as well"
            if name == "NO_COLOR":
                assert re.search(rb"\x1b\[1;7;[\d;]*m(open|next step)  \(", sent), "and reversal, of the menu's cursor"
            others = {character for character in sent.decode() if not character.isascii()}
            assert others
            if name == "linux":
                assert {character for character in others if not in_console(character)} == set()


@pytest.mark.parametrize("size", SIZES)
def test_an_encoding_without_our_glyphs_gets_ascii_and_nothing_moves(size: tuple[int, int], recording: Path) -> None:
    command = [*program(), "replay", str(recording)]
    with Terminal(command, size=size) as terminal:
        terminal.shows("REPLAY", "quit")
        terminal.rest()
        usual = terminal.text.splitlines()
    with Terminal(command, size=size, environment={"PYTHONIOENCODING": "iso-8859-1"}) as terminal:
        terminal.shows("REPLAY", "quit")
        terminal.rest()
        plain = terminal.text.splitlines()
        assert bytes(terminal.output).isascii()
    for one, other in zip(usual, plain, strict=True):
        assert len(one) == len(other)
        assert all(a == b or not a.isascii() for a, b in zip(one, other, strict=True))


def test_a_theme_can_be_asked_for_and_changed(recording: Path) -> None:
    environment = TERMS["truecolor"]
    command = [*program(), "--theme", "light", "replay", str(recording)]
    with Terminal(command, environment=environment) as terminal:
        terminal.shows("REPLAY", "keys")
        assert b"48;2;252;252;252" in terminal.output
        for sent in (False, False, True):
            terminal.rest(0.3)
            terminal.output.clear()
            terminal.press("\x1bOQ")
            terminal.rest(0.3)
            assert ("truecolor" in colours(bytes(terminal.output))) is sent
        assert b"48;2;20;22;26" in terminal.output


def test_no_color_without_a_value_says_nothing() -> None:
    with Terminal(program(), environment=TERMS["truecolor"] | {"NO_COLOR": ""}) as terminal:
        terminal.shows("5  Races")
        assert "truecolor" in colours(bytes(terminal.output))
