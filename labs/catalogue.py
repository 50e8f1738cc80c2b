"""The nine labs in order. None is imported before it is opened."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labs.workbench.lab import Lab


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the catalogue."""

    number: int
    slug: str
    """Also the name of the folder, the schema and the argument on the command line."""
    title: str
    question: str
    """What the lab answers."""

    @property
    def module(self) -> str:
        """Where the lab's code is."""
        return f"labs.{self.slug}.lab"

    @property
    def built(self) -> bool:
        """Whether there is such code."""
        try:
            return find_spec(self.module) is not None
        except ModuleNotFoundError:
            return False


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


def entry(slug: str) -> Entry | None:
    """The lab of that name, or of that number."""
    return next((lab for lab in CATALOGUE if slug in {lab.slug, str(lab.number)}), None)


def find_lab(slug: str) -> Lab:
    """Import and make the lab of that name; raises `LabError` for an unknown one or one that is not built."""
    from difflib import get_close_matches

    from labs.workbench.errors import USAGE, LabError

    found = entry(slug)
    if found is None:
        names = [lab.slug for lab in CATALOGUE]
        meant = get_close_matches(slug, names, 1)
        raise LabError(
            f"There is no lab {slug!r}",
            f"The nine are {', '.join(names)}.",
            f"Did you mean {meant[0]}?" if meant else "`ninelabs list` shows them.",
            exit_status=USAGE,
        )
    if not found.built:
        raise LabError(
            f"The lab {slug} is not built yet",
            "This version has its place in the catalogue, and no more.",
            "`ninelabs list` shows which labs are built.",
            exit_status=USAGE,
        )
    lab: Lab = import_module(found.module).LAB()
    return lab
