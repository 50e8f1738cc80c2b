"""Where servers of our own live on disk. Folders that are not ours are used as they are, never changed."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from labs.workbench.engines.accounts import Account
from labs.workbench.errors import EngineError

SOCKET_PATH_BYTES = 103
"""The longest path of a Unix socket that every supported system accepts."""

SET_DATA = "Set NINELABS_DATA to a folder that can be used, or name another server with --url."

FULL = (errno.ENOSPC, errno.EDQUOT)


def own_folder(path: Path, mode: int, account: Account) -> None:
    """Make a folder, or make sure that the one there is as it would have been made.

    Raises:
        EngineError: it is no folder, is somebody else's, or is open to more than `mode`.
        OSError: it cannot be made.
    """
    with suppress(FileExistsError):
        path.mkdir(mode)
        path.chmod(mode)
        if account.uid != os.geteuid():
            os.chown(path, account.uid, account.gid)
    found = path.lstat()
    wrong = ""
    if not stat.S_ISDIR(found.st_mode):
        wrong = "is not a folder"
    elif found.st_uid != account.uid:
        wrong = f"belongs to user id {found.st_uid}, not to {account.name}"
    elif stat.S_IMODE(found.st_mode) & ~mode:
        wrong = f"is open to others: its mode is {stat.S_IMODE(found.st_mode):04o}, not {mode:04o}"
    if wrong:
        raise EngineError(f"{path} cannot be trusted", f"it {wrong}", f"Move it out of the way. {SET_DATA}")


def socket_folder(folder: Path, socket_name: str, account: Account) -> Path:
    """Make a folder that only the account can enter: in `folder`, or a short one where that is too long.

    Raises:
        EngineError: it is there, but not as we would have made it; or both paths are too long for a socket.
    """
    short = f"ninelabs-{account.uid}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}"
    for path in (folder / "socket", Path(tempfile.gettempdir()).resolve() / short):
        # A comma would read as two hosts in a URL.
        if len(os.fsencode(path / socket_name)) <= SOCKET_PATH_BYTES and "," not in str(path):
            own_folder(path, 0o700, account)
            return path
    raise EngineError(
        "There is no place for the server's socket",
        f"{path} is too long, or has a comma in it",
        "Set TMPDIR to a folder with a shorter name, such as /tmp.",
    )


def free_bytes(path: Path) -> int:
    """How much of the disk is free where `path` is, or would be."""
    for place in (path, *path.parents):
        with suppress(OSError):
            return shutil.disk_usage(place).free
    return 0


def full_disk(folder: Path, cause: str) -> EngineError:
    """The error for a disk without room for what belongs in `folder`."""
    return EngineError(
        "The disk is full",
        cause,
        f"Free some space where {folder} is, or set NINELABS_DATA to a folder on another disk.",
    )


def unusable(folder: Path, error: OSError) -> EngineError:
    """The error for a folder that the system will not let us use."""
    cause = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    if error.errno in FULL:
        return full_disk(folder, cause)
    return EngineError(f"The server's folder {folder} cannot be used", cause, SET_DATA)
