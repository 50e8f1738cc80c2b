"""All strategies, from the slowest to the fastest as is commonly said: whether it is so is what is measured."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import ModuleType

from sqlalchemy.ext.asyncio import AsyncEngine

from labs.scale.customers import Customers
from labs.scale.strategies import (
    copy_binary,
    copy_indexes_after,
    copy_parallel,
    copy_text,
    copy_unlogged,
    executemany,
    insertmanyvalues,
    load_data,
    load_data_indexes_after,
    load_data_unchecked,
    multi_row_values,
    orm_add_all,
    orm_commit_each,
    orm_row_by_row,
    unnest,
)
from labs.workbench.errors import USAGE, LabError

MODULES = {
    module.__name__.rpartition(".")[2]: module
    for module in (
        orm_commit_each,
        orm_row_by_row,
        orm_add_all,
        insertmanyvalues,
        multi_row_values,
        executemany,
        unnest,
        copy_binary,
        copy_text,
        copy_indexes_after,
        copy_unlogged,
        copy_parallel,
        load_data,
        load_data_indexes_after,
        load_data_unchecked,
    )
}
STREAMED = {"postgres": copy_text, "mariadb": load_data}
"""What each engine's plain streaming load is."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """A way to insert rows. A file of this folder has it; the same one may take part under two titles."""

    title: str
    load: Callable[[AsyncEngine, Customers], Awaitable[None]]
    at_most: int | None = None
    """How many rows it is given at most, for it is slow; a rate can be told from them as well."""
    lacking: dict[str, str] = field(default_factory=dict)


def strategy(module: ModuleType, title: str = "") -> Strategy:
    """What a file of this folder has."""
    return Strategy(
        title or module.TITLE, module.load, getattr(module, "AT_MOST", None), getattr(module, "LACKING", {})
    )


def chosen(names: str) -> list[Strategy]:
    """The strategies of those names, which are those of their files, or all; raises `LabError` for an unknown one."""
    wanted = names.replace(",", " ").split()
    if wanted == ["all"]:
        wanted = [*MODULES]
    for name in wanted:
        if name not in MODULES:
            raise LabError(
                f"There is no strategy {name!r}",
                f"There are {', '.join(MODULES)}.",
                "Name some, or all.",
                exit_status=USAGE,
            )
    return [strategy(MODULES[name]) for name in dict.fromkeys(wanted)]
