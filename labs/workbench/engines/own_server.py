"""A server of our own: one a user, shared by all programs of that user, gone with the last of them."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from sqlalchemy import URL

from labs.stream.events import EngineChanged
from labs.stream.places import make_home
from labs.workbench.engines import accounts, folders
from labs.workbench.engines.accounts import Account
from labs.workbench.engines.keeper import POLL, ServerMark, alive
from labs.workbench.engines.server_log import ServerLog
from labs.workbench.engines.sharing import DETACH, Cancelled, Sharing
from labs.workbench.errors import EngineError

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
"""For servers and their tools: the person's own must not change what they do or which language they log in."""

START = f'{DETACH} while kill -0 $! && ! [ -s "$0" ]; do sleep {POLL}; done 2>/dev/null'
"""For a shell: run a command detached, and wait until it has written its pid file ($0) or has ended."""

Say = Callable[[EngineChanged], None]


@dataclass(frozen=True, slots=True)
class OwnServerState:
    """What there is, without starting anything."""

    version: str
    """Of the installed binaries; empty when there are none."""
    folder: Path
    running: bool
    pid: int | None
    free_bytes: int
    """Of the disk that holds the folder, or would."""


class OwnServer(ABC):
    """Starts, shares and stops one server; what kind it is, a subclass says.

    Args:
        engine: its name in the stream.
        title: its name in sentences.
        folder: all that it has on disk.
        mark: how to tell it from other processes, and how to stop it.
    """

    def __init__(self, engine: str, title: str, folder: Path, mark: ServerMark) -> None:
        self.engine = engine
        self.title = title
        self.folder = folder
        self.mark = mark
        self.log = ServerLog(folder)
        self._sharing = Sharing(folder, mark)
        self._turn = asyncio.Lock()

    @abstractmethod
    def binaries_version(self) -> str:
        """The version of the installed binaries; empty when there are none."""

    @abstractmethod
    def prepare(self, account: Account) -> Sequence[str | Path]:
        """Make all ready for a start as that account, and return the command. Only called when none runs."""

    def unfinished_data(self, needed_bytes: int, account: Account) -> Path:
        """An empty folder to make the data in, which gets its name when all is there; raises for want of room."""
        free = folders.free_bytes(self.folder)
        if free < needed_bytes:
            needs = f"a new server needs {needed_bytes >> 20} MiB, and {free >> 20} MiB are free"
            raise folders.full_disk(self.folder, needs)
        unfinished = self.folder / "data.new"
        if unfinished.exists():
            shutil.rmtree(unfinished)
        folders.own_folder(unfinished, 0o700, account)
        return unfinished

    @abstractmethod
    def ready(self) -> bool:
        """Whether the running server lets people in."""

    @abstractmethod
    def recovering(self, log: str) -> bool:
        """Whether the log of this start says that the server repairs what a crash left."""

    @abstractmethod
    def version(self, log: str) -> str:
        """The version of the running server, as the log of its start gives it."""

    @abstractmethod
    def url(self) -> URL:
        """Where the running server is reached."""

    @abstractmethod
    def client(self) -> str:
        """How the running server is reached by its own command-line client, for a shell."""

    async def acquire(self, report: Say) -> URL:
        """Start the server or join it; also starts it again if it died in the meantime.

        Args:
            report: called in the running event loop: starting, recovering (each second), ready.

        Raises:
            EngineError: it cannot be had; nothing is held then.
        """
        loop = asyncio.get_running_loop()
        cancelled = threading.Event()

        def say(event: EngineChanged) -> None:
            loop.call_soon_threadsafe(report, event)

        async with self._turn:
            work = asyncio.ensure_future(asyncio.to_thread(self._acquire, say, cancelled))
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:
                cancelled.set()
                await asyncio.gather(work, return_exceptions=True)
                await asyncio.to_thread(self._sharing.leave)
                raise

    async def release(self) -> None:
        """Leave the server; the last to leave has stopped it when this returns. Harmless when not joined."""
        async with self._turn:
            await asyncio.to_thread(self._sharing.leave)

    def describe(self) -> OwnServerState:
        """What there is; makes, starts and changes nothing."""
        process = self.mark.find()
        return OwnServerState(
            version=self.binaries_version(),
            folder=self.folder,
            running=process is not None,
            pid=process.pid if process else None,
            free_bytes=folders.free_bytes(self.folder),
        )

    def run_tool(self, command: Sequence[str | Path], account: Account, title: str) -> None:
        """Run a tool to its end, its words in the log; `title` is that of the error if it fails.

        The tool holds the gate too. Should we be killed, nobody gets in its way before it has ended.
        """
        with self.log.path.open("ab") as log:
            done = subprocess.run(
                command,
                stdin=self._sharing.gate_fd,
                stdout=log,
                stderr=log,
                env=ENVIRONMENT,
                check=False,
                **account.identity(),
            )
        if done.returncode:
            raise self.log.failure(title)

    def _acquire(self, say: Say, cancelled: threading.Event) -> URL:
        try:
            say(EngineChanged(engine=self.engine, state="starting"))
            self._make_folders()
            waiting = "the previous server is still stopping"
            stopping = EngineChanged(engine=self.engine, state="starting", detail=waiting)
            self._sharing.join(cancelled, lambda: say(stopping))
            while True:
                with self._sharing.gate(cancelled):
                    process, started = self.mark.find(), False
                    if process is None:
                        process, started = self._start(), True
                if process and self._wait_ready(process, say, cancelled, started=started):
                    self.mark.serves(process)
                    version = self.version(self.log.read())
                    say(EngineChanged(engine=self.engine, state="ready", server_version=version))
                    return self.url()
                if started:
                    raise self.log.failure(f"{self.title} does not start")
        except BaseException as error:
            self._sharing.leave()
            if isinstance(error, OSError):
                raise folders.unusable(self.folder, error) from error
            raise

    def _make_folders(self) -> None:
        me = accounts.owner()
        mode = 0o711 if me.uid == 0 else 0o700  # the account that runs root's servers must pass through
        make_home(self.folder.parent)
        folders.own_folder(self.folder, mode, me)

    def _start(self) -> psutil.Process | None:
        account = accounts.server_account()
        if closed := account.first_closed([*reversed(self.folder.parents), self.folder]):
            raise EngineError(
                f"{closed} is closed to the server",
                f"the server runs as {account.name}, which may not pass through that folder to {self.folder}",
                folders.SET_DATA,
            )
        self.log.begin()
        command = self.prepare(account)
        self.mark.pid_file.unlink(missing_ok=True)
        with self.log.path.open("ab") as log:
            subprocess.run(
                ["/bin/sh", "-c", START, self.mark.pid_file, *command],
                # The shell holds our locks too. Should we be killed now, the keeper, and whoever comes next,
                # wait until they can see the server.
                stdin=self._sharing.lease_fd,
                stdout=self._sharing.gate_fd,
                stderr=log,
                env=ENVIRONMENT,
                start_new_session=True,
                check=False,
                **account.identity(),
            )
        return self.mark.find()

    def _wait_ready(self, process: psutil.Process, say: Say, cancelled: threading.Event, *, started: bool) -> bool:
        """Wait for as long as it takes, if need be hours; false once the server has died."""
        began, said = time.monotonic(), -1
        while alive(process):
            ready = self.ready()
            seconds = int(time.monotonic() - began)
            if seconds > said and (started or not ready) and self.recovering(self.log.read()):
                said = seconds
                detail = f"repairing what a crash left for {seconds} s; it may take minutes, let it finish"
                say(EngineChanged(engine=self.engine, state="recovering", detail=detail))
            if ready:
                return True
            if cancelled.wait(POLL):
                raise Cancelled
        return False
