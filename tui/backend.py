"""The other end of the stream: a runner in its own process, or a recording."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from labs.stream.commands import AnyCommand, Close
from labs.stream.events import AnyEvent
from labs.stream.lines import LINE_LIMIT_BYTES, MalformedLineError, decode_event, encode
from labs.stream.recording import RecordingError, read_recording

CLOSE_GRACE_S = 6.0
"""How long a runner may take to roll back and end after `Close`."""
TERMINATE_GRACE_S = 3.0
"""How long it may take after SIGTERM; then it is killed."""
LOG_LIMIT_BYTES = 1_000_000
"""A log larger than this is begun afresh."""
RUNNER = (sys.executable, "-P", "-m", "labs")
"""The child process; ``-P`` keeps a folder named ``labs`` in the person's directory out of it."""


class Source(Protocol):
    """Where events come from and commands go to."""

    live: bool
    """Whether it takes commands."""
    ended: str
    """How it ended, as a sentence; empty while it has not, or when it ended as it should."""

    def events(self) -> AsyncIterator[AnyEvent]:
        """Everything it says, until it ends. To be read once."""
        ...

    async def send(self, command: AnyCommand) -> None:
        """Ask for something; says nothing when nobody is there any more."""
        ...

    async def close(self) -> None:
        """End it, by force if it has to be; returns when nothing of it is left."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...


class Runner:
    """A lab's process. Its stdout is the stream; what it says otherwise goes to the log."""

    live = True

    def __init__(self, environment: Mapping[str, str], log: Path | None, command: Sequence[str] = ()) -> None:
        self.ended = ""
        self._environment = environment
        self._log = log
        self._command = command or RUNNER
        self._process: asyncio.subprocess.Process | None = None
        self._spawned = asyncio.Event()
        self._closing = False

    @property
    def returncode(self) -> int | None:
        """The exit status of the process; none while there is one, or before there was."""
        return self._process.returncode if self._process else None

    async def events(self) -> AsyncIterator[AnyEvent]:
        """Start the process and yield what it says."""
        log = _open_log(self._log)
        try:
            process = self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log or asyncio.subprocess.DEVNULL,
                env=dict(self._environment),
                limit=LINE_LIMIT_BYTES,
                # Ctrl+C is the screen's to hear; it then asks the runner to close.
                start_new_session=True,
            )
        except OSError as error:
            self.ended = f"The lab's process cannot be started: {error.strerror}."
            return
        finally:
            self._spawned.set()
            if log is not None:
                log.close()
        if self._closing:
            process.kill()
        stdout = process.stdout
        if stdout is None:
            return
        try:
            while line := await stdout.readline():
                if not line.endswith(b"\n"):
                    break
                yield decode_event(line)
        except (MalformedLineError, ValueError) as error:
            self.ended = f"The lab's process said something that this program cannot read: {error}."
            process.kill()
        status = await process.wait()
        if not self._closing and not self.ended:
            self.ended = _ending(status, self._log)

    async def send(self, command: AnyCommand) -> None:
        """Write one command, once the process is there."""
        await self._spawned.wait()
        stdin = self._process.stdin if self._process else None
        if stdin is None or stdin.is_closing():
            return
        with contextlib.suppress(ConnectionError):
            stdin.write(encode(command))
            await stdin.drain()

    async def close(self) -> None:
        """Ask, then insist."""
        self._closing = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_GRACE_S):
                await self.send(Close())
                if process.stdin is not None:
                    process.stdin.close()
                await process.wait()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), TERMINATE_GRACE_S)
        self.kill()
        await process.wait()

    def kill(self) -> None:
        """End the process without a word; the server rolls back what it had open."""
        self._closing = True
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()


class Replay:
    """A recording. How fast it is gone through is for its reader to say."""

    live = False

    def __init__(self, path: Path) -> None:
        self.ended = ""
        self._path = path
        self._closed = False

    async def events(self) -> AsyncIterator[AnyEvent]:
        """The events of the recording."""
        try:
            for event in read_recording(self._path):
                if self._closed:
                    return
                yield event
        except RecordingError as error:
            self.ended = str(error)

    async def send(self, command: AnyCommand) -> None:
        """A recording is deaf."""

    async def close(self) -> None:
        """Stop replaying."""
        self.kill()

    def kill(self) -> None:
        """Stop replaying."""
        self._closed = True


def log_path() -> Path:
    """Where the runner's log is."""
    import platformdirs

    return platformdirs.user_log_path("ninelabs") / "runner.log"


def _open_log(path: Path | None) -> BinaryIO | None:
    if path is None:
        return None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        large = path.exists() and path.stat().st_size > LOG_LIMIT_BYTES
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if large else os.O_APPEND), 0o600)
    except OSError:
        return None
    return os.fdopen(descriptor, "wb")


def _ending(status: int, log: Path | None) -> str:
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        return f"The lab's process was ended from outside, by {name}."
    where = f" Its log is {log}." if log else ""
    return f"The lab's process ended by itself, with exit status {status}.{where}"
