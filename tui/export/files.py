"""Where exports are written: beside what is there, never over it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from labs.stream.places import data_home, make_home
from tui.state import LabState

FOLDER = "exports"
"""In the data folder, where the current one cannot be written to."""


def name(state: LabState) -> str:
    """What the run on the screen is called in names of files: lab, experiment, isolation level."""
    run, lab = state.run, state.lab
    parts = ["ninelabs", lab.lab if lab is not None else "", run.experiment if run is not None else ""]
    if run is not None and "isolation" in run.parameters:
        parts.append(str(run.parameters["isolation"]))
    plain = (re.sub(r"[^a-z0-9]+", "_", part.lower()).strip("_")[:40] for part in parts)
    return "-".join(part for part in plain if part)


def write(stem: str, ending: str, content: str | Mapping[str, str], folder: Path | None = None) -> Path:
    """Write a file, or a folder of files by name, under the first name that is free; returns where.

    Args:
        ending: what the name ends with, its dot included; none for a folder.
        folder: by default the current one, or that of `FOLDER` where it cannot be written to.

    Raises:
        OSError: it cannot be written anywhere.
    """
    if folder is not None:
        return _write(folder, stem, ending, content)
    try:
        return _write(Path.cwd(), stem, ending, content)
    except OSError:
        exports = make_home(data_home()) / FOLDER
        exports.mkdir(mode=0o700, exist_ok=True)
        return _write(exports, stem, ending, content)


def _write(folder: Path, stem: str, ending: str, content: str | Mapping[str, str]) -> Path:
    for path in _candidates(folder, stem, ending):
        try:
            write_new(path, content)
        except FileExistsError:
            continue
        return path
    raise AssertionError("there is always another name")


def write_new(path: Path, content: str | Mapping[str, str]) -> None:
    """Write what is not there yet, all of it or nothing; raises `FileExistsError` where it is, or another `OSError`.

    It is written beside its place: a full disk, or the program's end, must not leave what looks like an export.
    """
    with TemporaryDirectory(prefix=".ninelabs-", dir=path.parent) as begun:
        made = Path(begun, path.name)
        if isinstance(content, str):
            made.write_text(content, encoding="utf-8")
            path.touch(exist_ok=False)  # What is replaced now is certainly ours, and empty.
        else:
            made.mkdir()
            for file_name, text in content.items():
                (made / file_name).write_text(text, encoding="utf-8")
            path.mkdir()
        made.replace(path)


def _candidates(folder: Path, stem: str, ending: str) -> Iterator[Path]:
    yield folder / f"{stem}{ending}"
    for number in count(2):
        yield folder / f"{stem}-{number}{ending}"
