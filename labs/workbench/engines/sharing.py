"""How the programs of one user share one server, and how it ends with the last of them."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from math import inf
from pathlib import Path

from labs.workbench.engines.keeper import PATIENCE, POLL, ServerMark
from labs.workbench.engines.locks import FileLock

DETACH = '"$@" </dev/null >&2 &'
"""For a shell: run a command as nobody's child, so that its end leaves nothing behind for us to collect."""


class Cancelled(Exception):
    """Nobody waits for the server any more."""


def wait_for(condition: Callable[[], bool], cancelled: threading.Event, seconds: float = inf) -> bool:
    """Wait until the condition holds; returns whether it did within the time given.

    Raises:
        Cancelled: the event was set.
    """
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        if cancelled.wait(POLL):
            raise Cancelled
    return True


class Sharing:
    """One user's part in the sharing. The kernel frees all three locks when their holder dies.

    - the *lease*: every user holds it together with the others, for as long as it uses the server;
    - the *gate*: starting the server, or leaving it, is for one at a time;
    - the *keeper's lock*: held by the one keeper, which waits to have the lease alone and then stops the server.

    Whoever has the lease alone may stop the server. Whoever starts one is a user, and so never in the way.

    Args:
        folder: where the lock files are.
        mark: how to tell the server, and how to stop it.
    """

    def __init__(self, folder: Path, mark: ServerMark) -> None:
        self._folder = folder
        self._mark = mark
        self._lease: FileLock | None = None
        self._gate: FileLock | None = None

    @property
    def lease_fd(self) -> int:
        """The lease that a user holds, for a child to hold it too."""
        assert self._lease, "only a user has the lease"
        return self._lease.fd

    @property
    def gate_fd(self) -> int:
        """The gate, while it is held, for a child to hold it too."""
        assert self._gate, "only within a gate block"
        return self._gate.fd

    def join(self, cancelled: threading.Event, on_wait: Callable[[], None]) -> None:
        """Become a user; with `on_wait` first if the server of earlier users is still stopping."""
        if self._lease:
            return
        lease = FileLock(self._folder / "lease")
        try:
            if not lease.try_shared():
                on_wait()
                wait_for(lease.try_shared, cancelled)
        except BaseException:
            lease.close()
            raise
        self._lease = lease

    @contextmanager
    def gate(self, cancelled: threading.Event) -> Iterator[None]:
        """The gate, for as long as the block lasts, with a keeper at work."""
        with FileLock(self._folder / "gate") as self._gate:
            wait_for(self._gate.try_exclusive, cancelled)
            self._have_keeper()
            yield
        self._gate = None

    def leave(self) -> None:
        """Stop being a user; the last one stops the server first. Harmless for who is none."""
        lease, self._lease = self._lease, None
        if lease is None:
            return
        with lease:
            with suppress(OSError), FileLock(self._folder / "gate") as gate:
                if wait_for(gate.try_exclusive, threading.Event(), PATIENCE):
                    self._leave(lease)
            lease.unlock()

    def _leave(self, lease: FileLock) -> None:
        if lease.try_exclusive():
            if process := self._mark.find():
                self._mark.stop(process)
        else:
            # There are others, or the keeper was quicker. It is done when the lease can be had again.
            wait_for(lease.try_shared, threading.Event(), PATIENCE)

    def _have_keeper(self) -> None:
        with FileLock(self._folder / "keeper") as lock, FileLock(self._folder / "lease") as lease:
            if lock.try_exclusive():
                # The keeper inherits the lock as it is: at no moment can a second one be started.
                subprocess.run(
                    ["/bin/sh", "-c", DETACH, "sh", *self._mark.keeper_command(lease.fd, lock.fd)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=(lease.fd, lock.fd),
                    start_new_session=True,
                    cwd="/",
                    check=False,
                )
