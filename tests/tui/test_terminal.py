"""The program on a real pty: what it refuses, how it leaves, and that it always restores the terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from labs.stream.recording import Recorder
from tests.terminal import Terminal
from tests.tui.program import ROOT, program
from tests.tui.streams import whole_run
from tui.backend import CLOSE_GRACE_S, TERMINATE_GRACE_S
from tui.line.terminal import GRACE_S

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('{"type":"EngineChanged","engine":"postgres","state":"ready","server_version":"18.6"}', flush=True)
time.sleep(600)
"""


SLOW_TO_CLOSE = """
import sys, time
print('{{"type":"EngineChanged","engine":"postgres","state":"ready","server_version":"18.6"}}', flush=True)
for line in sys.stdin:
    if "Close" in line:
        break
time.sleep(2.5)
open({path!r}, "w").close()
"""


def ready(terminal: Terminal) -> None:
    terminal.shows("5  Races", "PostgreSQL 18.6 ready", "? keys")


@pytest.mark.parametrize(("stdin", "stdout"), [(False, True), (True, False), (False, False)])
def test_what_is_no_terminal_is_refused_with_a_hint(stdin: bool, stdout: bool) -> None:
    master, slave = os.openpty()
    try:
        done = subprocess.run(
            program(),
            stdin=slave if stdin else subprocess.DEVNULL,
            stdout=slave if stdout else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            timeout=20,
            check=False,
        )
    finally:
        os.close(master)
        os.close(slave)
    assert done.returncode == 2
    assert b"not a terminal" in done.stderr and b"ninelabs run races/double_spend" in done.stderr
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("term", ["dumb", "", "unknown"])
def test_a_terminal_that_cannot_show_it_is_refused(term: str) -> None:
    with Terminal(program(), environment={"TERM": term}) as terminal:
        assert terminal.wait() == 2
        assert terminal.untouched and "cannot show a full screen" in terminal.text
    told = "from labs import doctor; print(doctor._terminal().status)"
    with Terminal([sys.executable, "-c", told], environment={"TERM": term}) as terminal:
        terminal.until("note")


@pytest.mark.parametrize("size", [(50, 10), (59, 24), (80, 15)])
def test_a_terminal_that_is_too_small_is_refused(size: tuple[int, int]) -> None:
    with Terminal(program(), size=size) as terminal:
        assert terminal.wait() == 2
        assert terminal.untouched and "60×16" in terminal.text.replace("\n", "")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["list", "--json"], ["nothing"]])
def test_what_needs_no_screen_does_not_import_one(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom tui.__main__ import cli\n"
        f"try: cli({arguments!r})\nexcept SystemExit: pass\n"
        "loaded = {'textual', 'tui.app', 'tui.state'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr


def test_the_screen_imports_no_database_package_and_little_before_its_first_paint() -> None:
    code = (
        "import sys\nimport tui.app\n"
        "early = {'msgspec', 'labs.stream.events', 'tui.state', 'tui.screens.lab'} & set(sys.modules)\n"
        "import tui.backend, tui.feed, tui.palette, tui.screens.lab, tui.screens.setup, tui.screens.help\n"
        "loaded = {'sqlalchemy', 'asyncpg', 'aiomysql', 'alembic', 'labs.workbench'} & set(sys.modules)\n"
        "assert not early and not loaded, (early, loaded)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr


def test_quitting_restores_the_terminal_and_leaves_no_process() -> None:
    with Terminal(program()) as terminal:
        ready(terminal)
        children = terminal.children()
        assert children
        terminal.press("q")
        assert terminal.wait() == 0
        assert terminal.restored
        assert not any(child.is_running() for child in children)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_closes_the_screen_with_a_sentence(number: signal.Signals, status: int) -> None:
    with Terminal(program()) as terminal:
        ready(terminal)
        children = terminal.children()
        os.kill(terminal.process.pid, number)
        assert terminal.wait() == status
        assert terminal.restored
        said = terminal.output.decode().rpartition("\x1b[?1004l")[2].strip()
        assert said.endswith(".") and "\n" not in said
        assert not any(child.is_running() for child in children)


def test_ctrl_c_is_an_interrupt() -> None:
    with Terminal(program()) as terminal:
        ready(terminal)
        terminal.press("\x03")
        assert terminal.wait() == 130
        assert terminal.restored


@pytest.mark.parametrize("delay_s", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8])
def test_a_signal_during_the_start_leaves_the_terminal_whole(delay_s: float) -> None:
    with Terminal(program("print('begun', flush=True)")) as terminal:
        terminal.until(lambda: b"begun" in terminal.output)
        time.sleep(delay_s)
        os.kill(terminal.process.pid, signal.SIGTERM)
        # Before main is reached, the signal's own effect is as good: nothing is on the screen yet.
        assert terminal.wait() in (143, -signal.SIGTERM)
        assert terminal.restored or terminal.untouched


def test_a_second_signal_does_not_wait_for_a_stubborn_runner() -> None:
    with Terminal(program(runner=STUBBORN)) as terminal:
        ready(terminal)
        children = terminal.children()
        os.kill(terminal.process.pid, signal.SIGTERM)
        time.sleep(0.5)
        os.kill(terminal.process.pid, signal.SIGTERM)
        assert terminal.wait(3) == 143
        assert not any(child.is_running() for child in children)


@pytest.mark.parametrize("ignored", [False, True])
def test_a_vanished_terminal_ends_the_program(ignored: bool) -> None:
    with Terminal(program(), ignore_hang_up=ignored) as terminal:
        ready(terminal)
        children = terminal.children()
        terminal.let_go()
        terminal.hang_up()
        assert terminal.wait(9) == 129
        assert not any(child.is_running() for child in children)


def hang_up(terminal: Terminal) -> None:
    terminal.let_go()
    terminal.hang_up()


def terminate(terminal: Terminal) -> None:
    os.kill(terminal.process.pid, signal.SIGTERM)


def hang_up_twice(terminal: Terminal) -> None:
    os.kill(terminal.process.pid, signal.SIGHUP)
    hang_up(terminal)


@pytest.mark.parametrize(
    ("ends", "ignored", "status"),
    [(hang_up, False, 129), (hang_up, True, 129), (hang_up_twice, False, 129), (terminate, False, 143)],
)
def test_a_lab_has_the_time_to_roll_back(
    tmp_path: Path, ends: Callable[[Terminal], None], ignored: bool, status: int
) -> None:
    closed = tmp_path / "closed"
    with Terminal(program(runner=SLOW_TO_CLOSE.format(path=str(closed))), ignore_hang_up=ignored) as terminal:
        ready(terminal)
        ends(terminal)
        assert terminal.process.wait(9) == status
        assert closed.exists()


def test_a_program_without_a_terminal_lives_as_long_as_a_lab_may_take_to_end() -> None:
    assert GRACE_S > CLOSE_GRACE_S + TERMINATE_GRACE_S


@pytest.mark.parametrize(
    "defect",
    [
        "process_message = broken",
        "process_message = lambda self, message: self._loop.call_soon_threadsafe(panic, self)",
    ],
)
def test_a_defect_beside_the_event_loop_is_one_too(tmp_path: Path, defect: str) -> None:
    code = (
        "from tui.line.driver import Line\n"
        "def broken(self, message): raise KeyError('secret')\n"
        "def panic(line): line._app.panic('secret')\n"
        f"Line.{defect}"
    )
    with Terminal(program(code), environment={"XDG_STATE_HOME": str(tmp_path)}) as terminal:
        assert terminal.wait() == 1
        assert terminal.restored
        assert "has a defect" in terminal.text and "Traceback" not in terminal.text
    (log,) = tmp_path.rglob("runner.log")
    assert "secret" in log.read_text()


def test_a_defect_is_one_sentence_and_a_log(tmp_path: Path) -> None:
    defect = (
        "from tui.screens.catalogue import CatalogueScreen\n"
        "def broken(self, by): raise KeyError('secret')\n"
        "CatalogueScreen.action_move = broken"
    )
    with Terminal(program(defect), environment={"XDG_STATE_HOME": str(tmp_path)}) as terminal:
        ready(terminal)
        terminal.press("j")
        assert terminal.wait() == 1
        assert terminal.restored
        assert "has a defect" in terminal.text and "Traceback" not in terminal.text
    (log,) = tmp_path.rglob("runner.log")
    assert "KeyError: 'secret'" in log.read_text()


def test_a_recording_is_shown_without_a_runner(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    recorder = Recorder(path)
    for event in whole_run():
        recorder.write(event)
    recorder.close()
    with Terminal([*program(), "replay", str(path)]) as terminal:
        terminal.shows("REPLAY", "Double spend")
        assert not terminal.children()
        terminal.press("q")
        assert terminal.wait() == 0
        assert terminal.restored


@pytest.mark.parametrize("content", ["", "no recording\n", '{"type":"Noted","text":"x"}\n'])
def test_what_is_no_recording_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text(content)
    with Terminal([*program(), "replay", str(path)]) as terminal:
        assert terminal.wait() == 2
        assert terminal.untouched


@pytest.mark.parametrize(
    "environment", [{"TERM": "linux"}, {"TERM": "screen"}, {"TERM": "tmux-256color"}, {"NO_COLOR": "1"}]
)
def test_few_colours_are_the_terminals_own(environment: dict[str, str]) -> None:
    with Terminal(program(), environment=environment) as terminal:
        ready(terminal)
        if environment != {"TERM": "tmux-256color"}:
            assert b"38;2;" not in terminal.output and b"38;5;" not in terminal.output
        if "NO_COLOR" in environment:
            assert not any(b"\x1b[3%dm" % colour in terminal.output for colour in range(8))
        terminal.press("q")
        assert terminal.wait() == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--engine", "mariadb", "--url", "mariadb://x"], "exclude each other"),
        (["--engine", "oracle"], "oracle"),
        (["--url", "postgresql://u:hidden@h/d", "list"], "list uses no server"),
        (["replay"], "FILE"),
    ],
)
def test_wrong_usage_is_told(arguments: list[str], told: str) -> None:
    done = subprocess.run([*program(), *arguments], cwd=ROOT, capture_output=True, timeout=20, check=False)
    assert done.returncode == 2
    assert told in done.stderr.decode() and "hidden" not in done.stderr.decode()


@pytest.mark.parametrize(
    ("arguments", "environment"), [(["--url", "notaurl"], {}), ([], {"NINELABS_URL": "oracle://u:hidden@h/d"})]
)
def test_a_url_that_no_lab_can_use_is_refused_before_the_screen_opens(
    arguments: list[str], environment: dict[str, str]
) -> None:
    with Terminal([sys.executable, "-m", "tui", *arguments], environment=environment) as terminal:
        assert terminal.wait() == 2
        assert terminal.untouched
        assert "postgresql://" in terminal.text and "hidden" not in terminal.text


def test_a_password_is_not_left_on_the_process_list() -> None:
    with Terminal([sys.executable, "-m", "tui", "--url", "postgresql://u:hidden@127.0.0.1:1/d"]) as terminal:
        terminal.until("5  Races")
        arguments = Path(f"/proc/{terminal.process.pid}/cmdline").read_bytes()
        assert b"hidden" not in arguments
        terminal.press("q")
        assert terminal.wait() == 0


def test_options_before_a_command_are_the_commands() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tui", "--url", "postgresql://u:hidden@127.0.0.1:1/d", "doctor"],
        cwd=ROOT,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 3
    assert b"hidden" not in done.stdout + done.stderr and b"127.0.0.1" in done.stdout + done.stderr


def test_a_size_that_somebody_exports_is_not_taken_for_the_terminals() -> None:
    with Terminal(program(), size=(60, 16), environment={"LINES": "24", "COLUMNS": "80"}) as terminal:
        ready(terminal)
        terminal.rest()
        assert terminal.text.split("\n")[-1].startswith(" ? keys")
