"""A PostgreSQL server of the person's own: on TCP, with passwords, apart from the one that ninelabs starts."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL

from labs.workbench.engines import accounts, binaries

OWNER_PASSWORD = "the owner's: @/%"
SETTINGS = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"]


def url(port: int, role: str, password: str, database: str = "shop") -> URL:
    return URL.create("postgresql", role, password, "127.0.0.1", port, database)


@contextmanager
def private_server() -> Iterator[int]:
    """Run the server; yields its port. Its superuser is `owner`."""
    account = accounts.server_account()
    folder = Path(tempfile.mkdtemp(prefix="ninelabs-private-", dir="/tmp"))
    folder.chmod(0o711)
    data, password = folder / "data", folder / "password"
    data.mkdir(0o700)
    password.write_text(OWNER_PASSWORD)
    for path in (data, password):
        shutil.chown(path, account.uid, account.gid)
    programs = binaries.usable_by(account, folder)

    def run(*command: str | Path) -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, **account.identity())

    initdb = ["--username=owner", f"--pwfile={password}", "--auth=scram-sha-256", "--no-sync", "--no-instructions"]
    run(programs / "initdb", "-D", data, *initdb)
    port = _free_port()
    options = " ".join(f"-c {setting}" for setting in [*SETTINGS, f"port={port}"])
    run(programs / "pg_ctl", "start", "-w", "-D", data, "-l", data / "log", "-o", options)
    try:
        yield port
    finally:
        run(programs / "pg_ctl", "stop", "-w", "-m", "immediate", "-D", data)
        shutil.rmtree(folder)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
