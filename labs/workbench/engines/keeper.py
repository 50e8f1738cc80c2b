"""Stops a server when its last user is gone, however that user went.

Users of a server hold a shared lock on its lease. This file, run as a program, waits for an exclusive one: the
kernel grants it once no user is left, be it after ``kill -9``. It is run by its path and needs only psutil.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

PATIENCE = 120.0
"""Seconds a server has to obey a signal before it gets the next one."""

POLL = 0.02
"""Seconds between two looks at a process or a lock."""

SERVING = "serving"
"""The file with the process id of the server that has let somebody in."""


def alive(process: psutil.Process) -> bool:
    """Whether it runs; one that is dead but not yet reaped does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@dataclass(frozen=True, slots=True)
class ServerMark:
    """How to tell a server from any other process, and how to stop it.

    Args:
        pid_file: where the server writes its process id on the first line.
        program: file name of its binary.
        argument: one of its command-line arguments, which names its data folder.
        signals: what to send to stop it, the most orderly first.
        serving_file: where its process id stands once it has let somebody in.
    """

    pid_file: Path
    program: str
    argument: str
    signals: tuple[int, ...]
    serving_file: Path

    def find(self) -> psutil.Process | None:
        """The running server. A stale pid file, whose number now belongs to another process, finds none."""
        try:
            with self.pid_file.open() as lines:
                process = psutil.Process(int(lines.readline()))
                owner = os.fstat(lines.fileno()).st_uid
            command = process.cmdline()
            ours = process.uids().real == owner and self.argument in command
            return process if ours and Path(command[0]).name == self.program else None
        except (OSError, ValueError, OverflowError, psutil.Error):
            return None

    def serves(self, process: psutil.Process) -> None:
        """Take down that it has let somebody in."""
        if not self._is_serving(process):
            self.serving_file.write_text(str(process.pid))

    def _is_serving(self, process: psutil.Process) -> bool:
        return self.serving_file.exists() and self.serving_file.read_text() == str(process.pid)

    def stop(self, process: psutil.Process) -> None:
        """Stop it and wait until it is gone, at most `PATIENCE` for each signal.

        Whoever has let nobody in yet has nothing to lose, and gets the last signal at once: a MariaDB that is asked to
        end in order while it starts may wait for ever, for a thread of its own that has ended already.
        """
        signals = self.signals if self._is_serving(process) else self.signals[-1:]
        for number in signals:
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                return
            until = time.monotonic() + PATIENCE
            while alive(process):
                if time.monotonic() > until:
                    break
                time.sleep(POLL)
            else:
                return

    def keeper_command(self, lease_fd: int, keeper_fd: int) -> list[str]:
        """The command line of a keeper for this server, which inherits both descriptors.

        Args:
            lease_fd: the lease, opened for the keeper alone and not locked.
            keeper_fd: a lock already held, which says for as long as the keeper lives that there is one.
        """
        numbers = ",".join(str(int(number)) for number in self.signals)
        mark = [str(self.pid_file), self.program, self.argument, numbers, str(self.serving_file)]
        return [sys.executable, "-P", str(Path(__file__).resolve()), str(lease_fd), str(keeper_fd), *mark]


def main() -> None:
    """Wait for the lease, stop the server, exit."""
    lease_fd, keeper_fd = int(sys.argv[1]), int(sys.argv[2])
    pid_file, program, argument, numbers, serving_file = sys.argv[3:]
    mark = ServerMark(Path(pid_file), program, argument, tuple(map(int, numbers.split(","))), Path(serving_file))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    fcntl.flock(lease_fd, fcntl.LOCK_EX)
    if server := mark.find():
        mark.stop(server)
    # This lock first: a user who gets the lease must not take this keeper for one that stays.
    os.close(keeper_fd)


if __name__ == "__main__":
    main()
