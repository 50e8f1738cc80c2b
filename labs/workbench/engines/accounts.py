"""As whom a server of our own runs."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labs.workbench.errors import EngineError

SERVER_ACCOUNT = "_ninelabs"
"""The system account that runs servers for root, because they refuse to run as root."""

PASSABLE = 'for path; do test -x "$path" || { printf %s "$path"; exit; }; done'
"""For a shell: print the first of the paths given that cannot be passed through or run."""


@dataclass(frozen=True, slots=True)
class Account:
    """A Unix account."""

    name: str
    uid: int
    gid: int

    def identity(self) -> dict[str, Any]:
        """Makes `subprocess.run` run a program as this account, in a place that everybody may enter."""
        if self.uid == os.geteuid():
            return {"cwd": "/"}
        return {"cwd": "/", "user": self.uid, "group": self.gid, "extra_groups": []}

    def first_closed(self, paths: Sequence[Path]) -> Path | None:
        """The first of these folders and programs that this account may not enter or run; none if it may all."""
        shell: list[str | Path] = ["/bin/sh", "-c", PASSABLE, "sh", *paths]
        closed = subprocess.run(shell, stdout=subprocess.PIPE, check=True, **self.identity()).stdout
        return Path(os.fsdecode(closed)) if closed else None


def owner() -> Account:
    """Who runs this program.

    Raises:
        EngineError: the system has no name for the user id.
    """
    try:
        entry = pwd.getpwuid(os.geteuid())
    except KeyError:
        raise EngineError(
            "A server of your own cannot be started",
            f"user id {os.geteuid()} has no name on this system, and the server lets people in by name",
            "Add the user to /etc/passwd, run as another user, or name another server with --url.",
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def server_account() -> Account:
    """Who runs a server: who runs this program, or for root an account of its own, made when missing.

    Raises:
        EngineError: there is no such account and it cannot be made.
    """
    me = owner()
    if me.uid != 0:
        return me
    if account := _by_name(SERVER_ACCOUNT):
        return account
    useradd = ["useradd", "--system", "--no-create-home", "--shell", "/bin/sh", SERVER_ACCOUNT]
    try:
        said = subprocess.run(useradd, capture_output=True, text=True, check=False).stderr.strip()
    except OSError as error:
        said = str(error)
    if account := _by_name(SERVER_ACCOUNT):
        return account
    raise EngineError(
        f"The account {SERVER_ACCOUNT} cannot be made",
        f"a server refuses to run as root, and useradd said: {said}",
        f"Add a system account named {SERVER_ACCOUNT}, or run ninelabs as an ordinary user.",
    )


def _by_name(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
