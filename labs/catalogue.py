"""The nine labs in order, and after them those of other packages. None is imported before it is opened."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from labs.stream.visible import clean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from labs.workbench.errors import LabError
    from labs.workbench.lab import Lab

GROUP = "ninelabs.labs"
"""The entry points by which other packages name their labs."""
SLUG = re.compile(r"[a-z][a-z0-9_]{0,22}")
"""What the name of a lab may be: the schema's name has it at its end, and PostgreSQL cuts names at 63 bytes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the catalogue."""

    number: int
    slug: str
    """Also the name of the schema and the argument on the command line; of the nine, the name of the folder."""
    title: str
    question: str
    """What the lab answers."""
    named: str = ""
    """The lab's class as another package names it, ``module:class``; empty for the nine."""
    problem: str = ""
    """Why what another package names cannot be a lab."""

    @property
    def reference(self) -> str:
        """The lab's class, as ``module:class``."""
        return self.named or f"labs.{self.slug}.lab:LAB"

    @property
    def built(self) -> bool:
        """Whether there is such code."""
        return not self.problem and _is_there(self.reference.partition(":")[0])


CATALOGUE: tuple[Entry, ...] = (
    Entry(1, "migrations", "Migrations", "Who queues behind my ALTER TABLE?"),
    Entry(2, "boundaries", "Boundaries", "What leaks when models leave the service?"),
    Entry(3, "upserts", "Upserts", "Which insert-or-update loses data?"),
    Entry(4, "versioning", "Versioning", "What did this row say last Tuesday?"),
    Entry(5, "races", "Races", "Who waits for whom, and who loses money?"),
    Entry(6, "blobs", "Blobs", "Row, file or large object?"),
    Entry(7, "schema_first", "Schema first", "Can the DBA's schema write the models?"),
    Entry(8, "lifecycle", "Lifecycle", "What still sees a deleted row?"),
    Entry(9, "scale", "Scale", "COPY, batches, or one by one?"),
)


@cache
def all_labs() -> tuple[Entry, ...]:
    """The nine, and from number ten those of other packages. To look for these takes some milliseconds."""
    from importlib.metadata import entry_points

    try:
        points = sorted(entry_points(group=GROUP))
    except Exception as error:  # One malformed file of whatever package spoils the reading of all.
        problem = f"The entry points of the installed packages cannot be read: {error}"
        return (*CATALOGUE, Entry(len(CATALOGUE) + 1, "others", "Others", "", GROUP, problem))
    others: list[Entry] = []
    for number, point in enumerate(points, len(CATALOGUE) + 1):
        others.append(_other(number, point, [*CATALOGUE, *others]))
    return (*CATALOGUE, *others)


def _other(number: int, point: EntryPoint, before: Sequence[Entry]) -> Entry:
    """A lab of another package. Its question is what the package says of itself in a line."""
    module, _, name = point.value.partition(":")
    problem = ""
    if not SLUG.fullmatch(point.name):
        problem = "Its name is not one of up to 23 small letters, digits and _"
    elif any(point.name == entry.slug for entry in before):
        problem = "Another lab has this name"
    elif not module or not name:
        problem = f"{point.value!r} is not of the form module:class"
    elif not _is_there(module):
        problem = f"There is no module {module}"
    metadata = point.dist.metadata if point.dist is not None else None
    question = metadata["Summary"] if metadata is not None and "Summary" in metadata else ""
    title = point.name.replace("_", " ").capitalize()
    return Entry(number, point.name, clean(title), clean(question), point.value, clean(problem))


def _is_there(module: str) -> bool:
    """Whether there is that module, without importing what it is in."""
    from importlib.machinery import PathFinder

    top, *inner = module.split(".")
    try:
        spec, name = find_spec(top), top
        for part in inner:
            name = f"{name}.{part}"
            spec = PathFinder.find_spec(name, (spec and spec.submodule_search_locations) or [])
    except (ImportError, ValueError):
        return False
    return spec is not None


def entry(slug: str) -> Entry | None:
    """The lab of that name, or of that number."""
    return next((lab for lab in _one_by_one() if slug in {lab.slug, str(lab.number)}), None)


def _one_by_one() -> Iterator[Entry]:
    """All labs; who looks for one of the nine does not wait for the others."""
    yield from CATALOGUE
    yield from all_labs()[len(CATALOGUE) :]


def find_lab(slug: str) -> Lab:
    """Import and make the lab of that name.

    Raises:
        LabError: there is none, it is not built, or it is another package's and broken.
    """
    from difflib import get_close_matches
    from pkgutil import resolve_name

    from labs.workbench.errors import USAGE, LabError

    found = entry(slug)
    if found is None:
        names = [lab.slug for lab in all_labs()]
        meant = get_close_matches(slug, names, 1)
        nine, others = names[: len(CATALOGUE)], names[len(CATALOGUE) :]
        raise LabError(
            f"There is no lab {slug!r}",
            f"The nine are {', '.join(nine)}." + (f" Other packages have {', '.join(others)}." if others else ""),
            f"Did you mean {meant[0]}?" if meant else "`ninelabs list` shows them.",
            exit_status=USAGE,
        )
    if found.problem:
        raise _broken(found, f"{found.problem}.")
    if not found.built:
        raise LabError(
            f"The lab {slug} is not built yet",
            "This version has its place in the catalogue, and no more.",
            "`ninelabs list` shows which labs are built.",
            exit_status=USAGE,
        )
    if not found.named:
        own: Lab = resolve_name(found.reference)()
        return own
    try:
        lab = resolve_name(found.named)()
    except Exception as error:
        import logging

        from labs.workbench import logs

        logs.to_file()
        logging.getLogger(__name__).error("The lab %s cannot be loaded", slug, exc_info=error)
        raise _broken(found, f"{type(error).__name__}: {error}. {logs.path()} has the details.") from error
    from labs.workbench.lab import Lab

    if not isinstance(lab, Lab) or lab.slug != found.slug:
        raise _broken(found, f"{found.named} is no Lab whose slug is {found.slug}.")
    return lab


def _broken(found: Entry, cause: str) -> LabError:
    from labs.workbench.errors import LabError

    return LabError(f"The lab {found.slug} cannot be used", cause, f"It comes from another package, as {found.named}.")
