"""The file of settings: what it may say, what is said about what it may not, and that its documentation is current."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.terminal import Terminal
from tests.tui.program import ROOT, program
from tui.__main__ import cli
from tui.actions import REGISTRY
from tui.settings.config import read, schema
from tui.settings.settings import Settings, SettingsError, load


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_without_a_file_everything_is_as_it_is(tmp_path: Path) -> None:
    assert load({"XDG_CONFIG_HOME": str(tmp_path)}) == Settings()


def test_what_the_file_says_holds(file: Path) -> None:
    file.write_text(
        'theme = "light"\nquiet = true\n[keys]\nrun = "F6"\nstep = ["Space", "F5", "ctrl+t"]\npast.back = "<"\n'
    )
    read_keys = {"run": ("f6",), "step": ("space", "f5", "ctrl+t"), "past.back": ("less_than_sign",)}
    assert load({"NINELABS_CONFIG": str(file)}) == Settings("light", True, read_keys)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("theme = ", "is no TOML"),
        ("a = 1\na = 2", "is no TOML"),
        (b"\xff\xfe", "is no TOML"),
        ('colour = "red"', "there is no setting colour; there are theme, quiet and keys."),
        ('theme = "pink"', "theme must be auto, dark, light, ansi-dark or ansi-light."),
        ("quiet = 1", "quiet must be true or false."),
        ("keys = 1", "keys must be a table"),
        ("[keys]\nrun = 1", "keys must be a table"),
        ("[keys]\nrun = []", "keys must be a table of actions, each with one key or a list of keys."),
        ('[keys]\nsetpu = "x"', "keys.setpu: there is no such action; did you mean setup?"),
        ('[keys]\ninterrupt = "x"', "keys.interrupt: this action's keys are fixed."),
        ('[keys]\n"jump.1" = "x"', "keys.jump.1: this action's keys are fixed."),
        ('[keys]\nrun = "ctrl+b"', 'keys.run: "ctrl+b" does not arrive everywhere: tmux takes it.'),
        (
            '[keys]\nrun = ["x", "Ctrl+M"]',
            '"Ctrl+M" does not arrive everywhere: terminals send Enter for it.',
        ),
        ('[keys]\nrun = "alt+x"', "most terminals have no such key"),
        ('[keys]\nrun = "ctrl+1"', "most terminals have no such key"),
        ('[keys]\nrun = "xx"', '"xx" is no key: write a character'),
        ('[keys]\nrun = ""', "is no key"),
        ('[keys]\nrun = " "', "is no key"),
        (
            '[keys]\nrun = "c"',
            "keys.run: on the lab screen, c is also the key of cancel (cancel). Give one",
        ),
        ('[keys]\nrun = "?"', "? is also the key of help"),
        ('[keys]\nhelp = "Space"', "Space is also the key of"),
        ('[keys]\nhelp = "5"', "keys.help: on the catalogue screen, 5 is also the key of jump.5"),
        ('[keys]\nrun = "w"', "w is also the key of show.why"),
        ('[keys]\nrun = "x"\nsetup = "x"', "x is also the key of"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(file: Path, content: str | bytes, told: str) -> None:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(SettingsError) as raised:
        read(file)
    assert told in str(raised.value)
    assert str(raised.value).startswith(str(file)) and str(raised.value).endswith(".")


def test_keys_can_change_places(file: Path) -> None:
    file.write_text('[keys]\nrun = "c"\ncancel = "r"\n')
    assert read(file).keys == {"run": ("c",), "cancel": ("r",)}


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        load({"NINELABS_CONFIG": str(tmp_path / "none.toml")})
    with pytest.raises(SettingsError, match="cannot be read"):
        load({"NINELABS_CONFIG": str(tmp_path)})


def test_wrong_settings_are_refused_before_the_screen_opens(file: Path) -> None:
    file.write_text('theme = "pink"')
    with Terminal(program(), environment={"NINELABS_CONFIG": str(file)}) as terminal:
        assert terminal.wait() == 2
        assert terminal.untouched and "theme must be auto" in terminal.text.replace("\n", "")


def test_what_the_config_command_prints_can_be_read_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NINELABS_CONFIG", str(file))
    file.write_text('theme = "light"\n[keys]\nrun = "F6"\nhelp = ["?", "F3"]\n')
    printed = CliRunner().invoke(cli, ["config"]).stdout
    assert str(file) in printed
    settings = read(file)
    file.write_text(printed)
    again = read(file)
    assert (again.theme, again.quiet) == (settings.theme, settings.quiet)
    assert settings.keys.items() <= again.keys.items()
    assert again.keys.keys() == {action.id for action in REGISTRY if action.rebindable}


def test_the_schema_is_current_and_knows_every_action() -> None:
    form = json.loads((ROOT / "tui/settings/config.schema.json").read_text())
    assert form == json.loads(json.dumps(schema())), "ninelabs config --schema > tui/settings/config.schema.json"
    assert form == json.loads(CliRunner().invoke(cli, ["config", "--schema"]).stdout)
    assert form["properties"].keys() == {"theme", "quiet", "keys"}
    assert form["properties"]["keys"]["properties"].keys() == {one.id for one in REGISTRY if one.rebindable}


def test_the_page_of_keys_is_current(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    printed = CliRunner().invoke(cli, ["keys", "--markdown"]).stdout
    assert printed == (ROOT / "tui/settings/KEYS.md").read_text(), "ninelabs keys --markdown > tui/settings/KEYS.md"
    assert all(f"`{action.id}`" in printed for action in REGISTRY if action.rebindable)
    assert "tui/settings/KEYS.md" in (ROOT / "README.md").read_text()


def test_the_keys_command_lists_those_in_effect(file: Path) -> None:
    file.write_text('[keys]\nrun = "F6"\n')
    done = subprocess.run(
        [sys.executable, "-m", "tui", "keys"],
        cwd=ROOT,
        env={"PATH": "", "NINELABS_CONFIG": str(file)},
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = [line for line in done.stdout.splitlines() if line.split()[1:2] == ["run"]]
    assert line.split()[0] == "F6"


def test_the_reason_goes_to_standard_error(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("theme = 1")
    monkeypatch.setenv("NINELABS_CONFIG", str(file))
    for command in ("keys", "config"):
        done = CliRunner().invoke(cli, [command])
        assert (done.exit_code, done.stdout) == (2, "")
        assert "theme must be" in done.stderr


def test_without_a_file_nothing_is_loaded_to_read_one(tmp_path: Path) -> None:
    code = (
        "import os, sys; from tui.settings.settings import load; load(os.environ); assert 'msgspec' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={"XDG_CONFIG_HOME": str(tmp_path)}, check=True)
