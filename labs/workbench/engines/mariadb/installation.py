"""Where MariaDB is installed on this machine, and what it is born with."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROGRAM = "mariadbd"

PLACES = (
    "/usr/sbin",
    "/usr/libexec",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/local/mysql/bin",
    "/opt/homebrew/bin",
)
"""Where packages put the server besides PATH, which for plain users has no sbin on Debian."""

INSTALL = "apt-get install --no-install-recommends mariadb-server-core"
"""How to get it on Debian: the server alone, without a service that starts with the machine."""

SHARES = ("share/mysql", "share/mariadb", "share")
"""Below an installation, where its SQL scripts and messages may be."""

PREFIXES = ("mariadb", "mysql")
"""What the scripts' names begin with, from MariaDB 11 on and before."""

SCRIPTS = ("{}_system_tables", "{}_performance_tables", "{}_system_tables_data", "maria_add_gis_sp_bootstrap")
"""What makes a server's own tables; `mariadb-install-db` runs the same, but needs packages that are often missing."""

SYS_SCHEMA = "{}_sys_schema"
"""Views for people; some packages leave them out."""

UNUSED_PERFORMANCE_SCHEMA = (
    "accounts-size",
    "digests-size",
    "events-stages-history-long-size",
    "events-statements-history-long-size",
    "events-transactions-history-long-size",
    "events-waits-history-long-size",
    "hosts-size",
    "max-digest-length",
    "max-memory-classes",
    "max-sql-text-length",
    "max-stage-classes",
    "max-statement-classes",
    "max-table-instances",
    "users-size",
)
"""What is not needed to see metadata locks. Measured on 10.11: 15 MB with all of it at nothing, else 95 MB."""

LOG_SIZE = "--innodb-log-file-size=256M"
"""Ten million rows in the order of no index write each of its pages as often as this fills: with MariaDB's own 96 MiB
that takes twice as long."""

SERVER_FLAGS = (
    "--skip-networking",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--log-warnings=1",
    "--character-set-server=utf8mb4",
    "--default-time-zone=+00:00",
    "--local-infile=ON",
    "--innodb-print-all-deadlocks=ON",
    "--innodb-status-output-locks=ON",
    "--innodb-flush-method=fsync",
    LOG_SIZE,
    "--performance-schema=ON",
    "--performance-schema-instrument=%=OFF",
    "--performance-schema-instrument=wait/lock/metadata/sql/mdl=ON",
    *(f"--performance-schema-{name}=0" for name in UNUSED_PERFORMANCE_SCHEMA),
)
"""All else is as MariaDB has it, durability included. InnoDB's status names locks held, as no other source does.

With ``fsync`` its files go through the system's cache, as PostgreSQL's do: by itself it reads past that, and an index
that is larger than its own memory then costs a read of the disk for every row.
"""

BOOTSTRAP_FLAGS = (
    "--bootstrap",
    "--skip-name-resolve",
    "--log-warnings=0",
    "--enforce-storage-engine=",
    "--max-allowed-packet=8M",
    "--innodb-flush-log-at-trx-commit=2",
    LOG_SIZE,
)
"""For the one start that makes the system tables. Nobody's data is at stake yet."""


MIB = 2**20
LEAST_POOL_BYTES, MOST_POOL_BYTES = 128 * MIB, 512 * MIB
POOL_SHARE = 16
"""Of the machine's memory, the part that a server's own cache may grow to."""


def pool_size(memory_bytes: int) -> str:
    """The flag for the server's cache on a machine with so much memory; it takes what it comes to need of that."""
    return f"--innodb-buffer-pool-size={min(max(memory_bytes // POOL_SHARE, LEAST_POOL_BYTES), MOST_POOL_BYTES)}"


@dataclass(frozen=True, slots=True)
class Installation:
    """A MariaDB server's program and what belongs to it."""

    program: Path
    version: str
    """As it says it, such as 10.11.19."""
    share: Path
    """Scripts, messages and character sets."""

    @property
    def series(self) -> str:
        """Major and minor version. A data folder serves one series only."""
        return ".".join(self.version.split(".")[:2])

    @property
    def base(self) -> Path:
        """The folder that all of it is in."""
        return self.program.parents[1]

    def flags(self, data: Path) -> list[str]:
        """What every start on that data folder begins with; without ``--no-defaults`` first, /etc/mysql is read.

        Temporary tables lie in the data folder too. A server that starts deletes whatever it finds of them in its
        folder for temporary files: were that /tmp, another server would lose its own in mid-query, and could crash on
        it.
        """
        return [
            "--no-defaults",
            f"--datadir={data}",
            f"--tmpdir={data}",
            f"--basedir={self.base}",
            f"--lc-messages-dir={self.share}",
            f"--character-sets-dir={self.share / 'charsets'}",
        ]

    def bootstrap_sql(self) -> str:
        """What makes the system tables in an empty data folder, without any account that could log in.

        Raises:
            OSError: a script cannot be read.
        """
        prefix = _prefix(self.share)
        names = [name.format(prefix) for name in (*SCRIPTS, SYS_SCHEMA)]
        scripts = [self.share / f"{name}.sql" for name in names]
        if not scripts[-1].exists():
            scripts.pop()
        return "\n".join(
            [
                "CREATE DATABASE mysql;",
                "USE mysql;",
                "SET @auth_root_socket = NULL;",
                *(script.read_text("utf-8") for script in scripts),
                "DELETE FROM mysql.global_priv WHERE user <> 'mariadb.sys';",  # locked; views are defined as it
                "DELETE FROM mysql.proxies_priv;",
                "FLUSH PRIVILEGES;",  # from here on, statements about accounts are understood
                "",
            ]
        )


def create_user(name: str, password: str) -> str:
    """SQL for an account with every right, which comes in by the local socket; it tells the password's hash only."""
    hashed = hashlib.sha1(hashlib.sha1(password.encode(), usedforsecurity=False).digest(), usedforsecurity=False)
    identified = f"IDENTIFIED VIA mysql_native_password USING '*{hashed.hexdigest().upper()}'"
    return (
        f"CREATE USER {name}@localhost {identified};\n"
        f"GRANT ALL PRIVILEGES ON *.* TO {name}@localhost WITH GRANT OPTION;\n"
    )


def find() -> Installation | None:
    """The server on PATH or where packages put it; none when there is none that is MariaDB and complete."""
    found = shutil.which(PROGRAM, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *PLACES]))
    if found is None:
        return None
    program = Path(found).resolve()
    said = re.search(r"Ver (\d+\.\d+\.\d+)-MariaDB", _version(program))
    shares = [program.parents[1] / share for share in SHARES]
    share = next((share for share in shares if _prefix(share)), None)
    return Installation(program, said[1], share) if said and share else None


def _version(program: Path) -> str:
    try:
        return subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


def _prefix(share: Path) -> str:
    return next((prefix for prefix in PREFIXES if (share / f"{prefix}_system_tables.sql").exists()), "")
