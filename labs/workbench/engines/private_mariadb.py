"""MariaDB of our own: the machine's `mariadbd`, the user's data folder, a socket that only this user can open."""

from __future__ import annotations

import re
import secrets
import shlex
import signal
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil
from sqlalchemy import URL

from labs.stream.places import data_home
from labs.workbench.engines import accounts, folders
from labs.workbench.engines.keeper import PATIENCE, POLL, SERVING, ServerMark
from labs.workbench.engines.mariadb import installation
from labs.workbench.engines.mariadb.installation import Installation, create_user
from labs.workbench.engines.own_server import OwnServer
from labs.workbench.engines.server_log import ServerLog
from labs.workbench.errors import EngineError

USER = "ninelabs"
SOCKET = "mariadb.sock"

NEEDED_BYTES = 500 * 2**20
"""Free disk that a new server is given: the 270 MiB that it is born with, and room for the labs' first tables."""

STOP_ORDERS = (signal.SIGTERM, signal.SIGKILL)
"""An orderly shutdown, then a crash, after which the next start recovers."""

GREETING_S = 0.2
"""How long a server that has accepted a connection may take to greet before it counts as not ready."""

PROTOCOL = 10
"""The fifth byte of the greeting; in an error it is another."""

LAUNCH = 'echo $$ > "$0" && exec "$@"'
"""For a shell: become the server, the process id written down first. By itself mariadbd writes it after recovery."""

BOOTSTRAP = 'exec "$@" 3<&0 <"$0"'
"""For a shell: run SQL from a file ($0), holding on to what standard input was before."""


class _Mark(ServerMark):
    """Finds the server also in the instant before the shell that writes its process id has become it."""

    __slots__ = ()

    def find(self) -> psutil.Process | None:
        """See `ServerMark.find`; the shell is looked for first, since it turns into the server, and never back."""
        return ServerMark(self.pid_file, "sh", self.argument, self.signals, self.serving_file).find() or super().find()


class _Log(ServerLog):
    """MariaDB complains first of the cause, then of all that follows from it."""

    def failure(self, title: str) -> EngineError:
        """See `ServerLog.failure`."""
        told = super().failure(title)
        first = re.search(r"\[ERROR\] (.+)", self.read())
        return EngineError(told.title, first[1], told.remedy) if first and told.title == title else told


class PrivateMariaDB(OwnServer):
    """A MariaDB server of the program's own, where there is a `mariadbd` to run.

    Args:
        folder: where ninelabs keeps its data; by default the user's data folder, or ``NINELABS_DATA``.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._installed = installation.find()
        name = f"mariadb-{self._installed.series}" if self._installed else "mariadb"
        folder = (folder.resolve() if folder else data_home()) / name
        self.data = folder / "data"
        pid_file, data = self.data / "ninelabs.pid", f"--datadir={self.data}"
        mark = _Mark(pid_file, installation.PROGRAM, data, STOP_ORDERS, folder / SERVING)
        super().__init__("mariadb", "MariaDB", folder, mark)
        self.log = _Log(folder)

    def binaries_version(self) -> str:
        """The version of the program found."""
        return self._installed.version if self._installed else ""

    def prepare(self, account: accounts.Account) -> Sequence[str | Path]:
        """Make the data folder if there is none, clear away what a crash left."""
        installed = self._usable_by(account)
        if not self.data.exists():
            self._create(account, installed)
        sockets = folders.socket_folder(self.folder, SOCKET, account)
        self._refuse_unseen(sockets / SOCKET)
        (sockets / SOCKET).unlink(missing_ok=True)
        flags = [
            *installed.flags(self.data),
            f"--socket={sockets / SOCKET}",
            f"--pid-file={self.data / 'mariadbd.pid'}",
            *installation.SERVER_FLAGS,
            installation.pool_size(psutil.virtual_memory().total),
        ]
        return ["/bin/sh", "-c", LAUNCH, self.mark.pid_file, installed.program, *flags]

    def ready(self) -> bool:
        """Whether the server greets who comes to its socket."""
        with socket.socket(socket.AF_UNIX) as visitor, suppress(OSError):
            visitor.settimeout(GREETING_S)
            visitor.connect(self._socket())
            return visitor.recv(5)[4:] == bytes([PROTOCOL])
        return False

    def recovering(self, log: str) -> bool:
        """Whether the log tells of a crash."""
        return "Starting crash recovery" in log

    def version(self, log: str) -> str:
        """The version in the log's first lines, such as 10.11.19."""
        found = re.search(r"Starting MariaDB (\d+\.\d+\.\d+)", log)
        return found[1] if found else ""

    def url(self) -> URL:
        """All databases, by the socket that the running server has."""
        # In the data folder, where the server has been since its bootstrap, never without it.
        password = (self.data / "password").read_text("ascii")
        where = {"unix_socket": self._socket(), "charset": "utf8mb4"}
        return URL.create("mariadb+aiomysql", username=USER, password=password, query=where)

    def client(self) -> str:
        """See `OwnServer.client`; the password stays where only its owner reads it."""
        password = f'"$(cat {shlex.quote(str(self.data / "password"))})"'
        return f"mariadb --socket={shlex.quote(self._socket())} --user={USER} --password={password}"

    def _socket(self) -> str:
        """The running server's own, which may be another than ours would be: it depends on TMPDIR."""
        words: list[str] = []
        if process := self.mark.find():
            with suppress(psutil.Error):
                words = process.cmdline()
        return next((word.partition("=")[2] for word in words if word.startswith("--socket=")), "")

    def _usable_by(self, account: accounts.Account) -> Installation:
        if (installed := self._installed) is None:
            raise EngineError(
                "MariaDB is not installed",
                "no mariadbd was found on PATH or where packages put it, or it is not complete",
                f"On Debian and Ubuntu: {installation.INSTALL}",
            )
        needed = [*reversed(installed.program.parents), installed.program, installed.share]
        if closed := account.first_closed(needed):
            raise EngineError(
                "MariaDB cannot be run",
                f"the server runs as {account.name}, which may not pass through or run {closed}",
                f"Install it for all users. On Debian and Ubuntu: {installation.INSTALL}",
            )
        return installed

    def _create(self, account: accounts.Account, installed: Installation) -> None:
        unfinished = self.unfinished_data(NEEDED_BYTES, account)
        password = secrets.token_urlsafe()
        secret = unfinished / "password"
        secret.touch(0o600)
        secret.write_text(password, "ascii")
        script = unfinished / "bootstrap.sql"
        script.write_text(installed.bootstrap_sql() + create_user(USER, password), "utf-8")
        script.chmod(0o644)  # the folder is closed, and the script knows the password's hash only
        bootstrap: list[str | Path] = [installed.program, *installed.flags(unfinished), *installation.BOOTSTRAP_FLAGS]
        title = "MariaDB cannot make its data folder"
        self.run_tool(["/bin/sh", "-c", BOOTSTRAP, script, *bootstrap], account, title)
        script.unlink()
        unfinished.rename(self.data)

    def _refuse_unseen(self, path: Path) -> None:
        """Of a server in another container only the socket is seen, and a second one would wait for its files."""
        until = time.monotonic() + PATIENCE
        while _answers(path):
            if not self._dying() or time.monotonic() > until:
                raise EngineError(
                    "The server runs where it cannot be shared",
                    f"a server that is no process of this system answers for {self.data}; it may be in a container",
                    "End the ninelabs over there, or set NINELABS_DATA to another folder here.",
                )
            time.sleep(POLL)

    def _dying(self) -> bool:
        """Whether the last server was killed just now: its threads end one by one, and hold the socket till then."""
        try:
            return not psutil.Process(int(self.mark.pid_file.read_text())).cmdline()
        except psutil.ZombieProcess:
            return True
        except (OSError, ValueError, OverflowError, psutil.Error):
            return False


def _answers(path: Path) -> bool:
    """Whether there is somebody at that socket."""
    with socket.socket(socket.AF_UNIX) as visitor, suppress(OSError):
        visitor.connect(str(path))
        return True
    return False
