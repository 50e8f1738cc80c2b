"""The real program, in processes of its own, as a person or a script runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, TypeVar

import psutil

from labs.stream.events import AnyEvent, Event
from labs.stream.lines import decode_event

NINELABS = (sys.executable, "-m", "tui")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
DEADLINE_S = 120.0

Kind = TypeVar("Kind", bound=Event)


@dataclass(frozen=True)
class Ended:
    """A process that has come to its end."""

    status: int
    stdout: str
    stderr: str

    @property
    def events(self) -> list[AnyEvent]:
        """Standard output as a stream; fails when anything else is on it."""
        return [decode_event(line) for line in self.stdout.splitlines()]

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [event for event in self.events if isinstance(event, kind)]


class Running:
    """A process under way."""

    def __init__(self, process: subprocess.Popen[bytes], stderr: BinaryIO) -> None:
        assert process.stdout
        self.process = process
        self.stdout = process.stdout
        self._stderr = stderr
        self._seen = b""

    def until(self, wanted: Callable[[AnyEvent], bool]) -> AnyEvent:
        """Read the stream as far as the first such event."""
        for line in self.stdout:
            self._seen += line
            event = decode_event(line)
            if wanted(event):
                return event
        raise AssertionError(f"the stream ended before that: {self.end()}")

    def end(self) -> Ended:
        """Read on to the end, and wait for it."""
        if not self.stdout.closed:
            self._seen += self.stdout.read()
        status = self.process.wait()
        self._stderr.seek(0)
        return Ended(status, self._seen.decode(), self._stderr.read().decode())


@contextmanager
def running(
    *arguments: str, command: Sequence[str] = NINELABS, stdin: int = subprocess.DEVNULL, **environment: str
) -> Iterator[Running]:
    """Start the program; it is killed at the end of the block, or at the deadline, if it still runs then."""
    with (
        TemporaryFile() as stderr,
        subprocess.Popen(
            [*command, *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=surroundings(**environment),
            cwd="/",
            preexec_fn=_hear_all_signals,
        ) as process,
    ):
        deadline = threading.Timer(DEADLINE_S, process.kill)
        deadline.start()
        try:
            yield Running(process, stderr)
        finally:
            deadline.cancel()
            process.kill()


def ninelabs(*arguments: str, command: Sequence[str] = NINELABS, **environment: str) -> Ended:
    """Run the program to its end."""
    with running(*arguments, command=command, stdin=subprocess.DEVNULL, **environment) as process:
        return process.end()


def broken(python: str) -> tuple[str, ...]:
    """The program after some Python has spoilt a part of it."""
    return (sys.executable, "-c", f"{python}\nfrom tui.__main__ import main\nmain()")


def surroundings(**environment: str) -> dict[str, str]:
    """An environment in which nothing of who runs the tests shows; it has a lab's schema of its own."""
    data = environment.get("NINELABS_DATA") or os.environ["NINELABS_DATA"]
    own = {"COLUMNS": "80", "LOGNAME": "program", "XDG_STATE_HOME": f"{data}/state"}
    return {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"} | own | environment


def one_sentence(stderr: str) -> str:
    """The last of the narration's lines, which must be all that tells of an end; never a traceback."""
    assert "Traceback" not in stderr, stderr
    assert stderr.count("\n") <= 3, stderr
    return stderr.splitlines()[-1]


def wait_until(condition: Callable[[], object], seconds: float = DEADLINE_S) -> None:
    """Look again and again until the condition holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.02)


def hears(process: subprocess.Popen[bytes], number: signal.Signals) -> bool:
    """Whether the process has taken that signal into its own hands."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def servers_of(data: Path) -> list[psutil.Process]:
    """Keepers, servers and their backends that live in that data folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd", "status"]):
        places = [process.info["cwd"] or "", *(process.info["cmdline"] or ())]
        if process.info["status"] != psutil.STATUS_ZOMBIE and any(place.startswith(f"{data}/") for place in places):
            found.append(process)
    return found


def _hear_all_signals() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
