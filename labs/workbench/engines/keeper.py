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
    """

    pid_file: Path
    program: str
    argument: str
    signals: tuple[int, ...]

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

    def stop(self, process: psutil.Process) -> None:
        """Stop it and wait until it is gone, at most `PATIENCE` for each signal."""
        for number in self.signals:
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
        mark = [str(self.pid_file), self.program, self.argument, numbers]
        return [sys.executable, "-P", str(Path(__file__).resolve()), str(lease_fd), str(keeper_fd), *mark]


def main() -> None:
    """Wait for the lease, stop the server, exit."""
    lease_fd, keeper_fd = int(sys.argv[1]), int(sys.argv[2])
    pid_file, program, argument, numbers = sys.argv[3:]
    mark = ServerMark(Path(pid_file), program, argument, tuple(map(int, numbers.split(","))))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    fcntl.flock(lease_fd, fcntl.LOCK_EX)
    if server := mark.find():
        mark.stop(server)
    # This lock first: a user who gets the lease must not take this keeper for one that stays.
    os.close(keeper_fd)


if __name__ == "__main__":
    main()
