"""The file of settings: what it may say, what is said about what it may not, and that its documentation is current."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from labs.stream.finding import Finding
from tests.terminal import Terminal
from tests.tui.program import ROOT, program
from tui.__main__ import cli
from tui.actions import REGISTRY
from tui.settings.commands import finding
from tui.settings.config import schema
from tui.settings.settings import MOST_BYTES, Settings, SettingsError, load


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def read(path: Path | str) -> Settings:
    return load({"NINELABS_CONFIG": str(path)})


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
        (f"theme = {'[' * 5_000}", "there is too much in one another in it."),
        (f"theme = {'{a = ' * 3_000}1{'}' * 3_000}", "there is too much in one another in it."),
        (f"[keys]\n{'a.' * 3_000}b = 1", "there is too much in one another in it."),
        ("#" * (MOST_BYTES + 1), "it is larger than 64 KiB."),
        (r'"\u001b]0;pwned\u0007" = 1', "there is no setting ␛]0;pwned␇;"),
        (r'keys."\u001b]0;pwned\u0007" = "x"', "keys.␛]0;pwned␇: there is no such action;"),
        (r'keys.run = "\u001b[2J"', '"␛[2J" is no key'),
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


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("~nosuchuser/config.toml", "nobody has that home"),
        ("/" + "x" * 5_000, "File name too long"),
        ("/\x1b]0;pwned\x07", "names /␛]0;pwned␇, and there is no such file"),
        ("/dev/zero", "it is no file"),
    ],
)
def test_a_place_that_cannot_be_read_is_told_in_a_sentence(named: str, told: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(told)):
        read(named)


def test_nobody_waits_for_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SettingsError, match="it is no file"):
        read(tmp_path / "pipe")


def test_a_folder_that_may_not_be_entered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(path: Path) -> os.stat_result:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(SettingsError, match=r"config\.toml cannot be read: Permission denied\."):
        load({"XDG_CONFIG_HOME": str(tmp_path)})


@pytest.mark.parametrize("content", ["theme = ", 'theme = "pink"', '[keys]\nrun = "c"', f"theme = {'[' * 5_000}"])
def test_the_doctor_tells_what_the_refusal_tells(file: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    monkeypatch.setenv("NINELABS_CONFIG", str(file))
    file.write_text(content)
    refused = CliRunner().invoke(cli, ["keys"]).stderr.strip()
    assert refused and finding() == Finding("settings", "problem", refused)


def test_the_doctor_names_the_file_in_use(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NINELABS_CONFIG", str(file))
    assert finding().status == "problem" and str(file) in finding().found
    file.touch()
    assert finding() == Finding("settings", "ok", str(file))
    monkeypatch.delenv("NINELABS_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(file.parent / "none"))
    assert finding().status == "ok" and finding().found.startswith("No file ")


def test_the_doctor_of_the_program_looks_at_the_settings(file: Path) -> None:
    file.write_text('theme = "pink"')
    environment = {**os.environ, "NINELABS_CONFIG": str(file), "NINELABS_URL": "postgresql://nobody@127.0.0.1:1/none"}
    done = subprocess.run(
        [sys.executable, "-m", "tui", "doctor", "--json"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    found = {one["name"]: one for one in json.loads(done.stdout)["findings"]}
    assert done.returncode == 3
    assert found["settings"]["status"] == "problem" and "theme must be auto" in found["settings"]["found"]


def test_wrong_settings_are_refused_before_the_screen_opens(file: Path) -> None:
    file.write_text('theme = "pink"')
    with Terminal(program(), environment={"NINELABS_CONFIG": str(file)}) as terminal:
        assert terminal.wait() == 2
        assert terminal.untouched and "theme must be auto" in " ".join(terminal.text.split())


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
