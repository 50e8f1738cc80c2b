"""Every order in which two payments can run: not one example, all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from tenacity import wait_none

from labs.races import ledger
from labs.races.accounts import ALICE, BOB, CAROL
from labs.races.evidence import key
from labs.races.parameters import Amount
from labs.races.retry import retried
from labs.races.transfers import advisory_lock, double_spend, version_column
from labs.races.transfers.variants import VARIANTS
from labs.workbench.bench import Bench
from labs.workbench.lab import experiment
from labs.workbench.sessions import SessionMaker

ON_ROWS: Final = "on rows"
ATTEMPTS = 5
"""How often a transfer that is begun again may be tried."""


class Way(NamedTuple):
    """A way to transfer."""

    module: ModuleType
    """With its `transfer`."""
    experiment: str
    """What shows it in the lanes."""
    begun_again: bool
    """Whether a transfer that was refused is begun again."""


WAYS: dict[str, Way] = {
    title: Way(module, module.__name__.rpartition(".")[2], begun_again=module is version_column)
    for title, module in VARIANTS.items()
} | {"Double spend, begun again": Way(double_spend, "serializable", begun_again=True)}

Variant = Annotated[
    Literal[
        "on rows",
        "all",
        "Double spend",
        "Lock the row",
        "Check in the statement",
        "Version column",
        "Advisory lock",
        "Double spend, begun again",
    ],
    msgspec.Meta(
        description="which transfers; on rows: all but the advisory lock, which in MariaDB has the most statements"
    ),
]


class Exploration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far to look."""

    variant: Variant = ON_ROWS
    amount: Amount = 80
    bound: Annotated[
        int, msgspec.Meta(ge=10, le=5000, description="orders a cell; above it the rest is drawn by lot")
    ] = 1000
    seed: Annotated[int, msgspec.Meta(ge=0, le=1_000_000, description="of what is drawn by lot")] = 1


class EveryOrder:
    """Every way to transfer, all levels, all orders."""

    @experiment(
        "Every order",
        stepped=False,
        question="Is there any order at all in which money gets lost?",
        watched=ledger.BOOKS,
        why="""
        One bad order shows that a transfer is wrong; one good order shows nothing. Here each way to transfer is run in
        every order that its statements can come in, at each level, and the money is counted after each.

        An order that needs a session which waits for a lock cannot happen, and is not tried. Of two orders that differ
        only in which of two plain reads came first, one is run.

        The double spend fails in most orders at read committed. PostgreSQL loses nothing above it: its repeatable
        read refuses to overwrite what has changed since the snapshot. MariaDB's loses as much as read committed does,
        unless innodb_snapshot_isolation is on, as it is by default from 11.6 on.

        The price is in the other columns: how often somebody waited, how many statements were refused, and how often
        a transfer was begun again. "Double spend, begun again" is the same code with a retry round it: at
        serializable it loses nothing and has its answer, and at read committed it loses as before, for nothing there
        is refused. The version column is begun again too, when it finds that it came too late. There is no back-off
        here: who goes next is for the order to say.
        """,
    )
    async def every_order(self, bench: Bench, parameters: Exploration) -> None:
        """Every way to transfer, all levels, all orders."""
        for title, way in _chosen(parameters.variant).items():
            again = {"attempts": ATTEMPTS} if way.begun_again else {}
            cells = {
                isolation: await bench.explore(
                    title,
                    {
                        name: partial(_pay, way, ALICE, target_id, parameters.amount, bench.server.transient)
                        for name, target_id in (("A", BOB), ("B", CAROL))
                    },
                    isolation=isolation,
                    invariants=ledger.INVARIANTS,
                    expected=(ledger.InsufficientFundsError,),
                    bound=parameters.bound,
                    seed=parameters.seed,
                    experiment=way.experiment,
                    parameters={"amount": parameters.amount} | again,
                )
                for isolation in bench.server.levels
            }
            if way.module is double_spend:
                claim = f"{title}: some order loses money at read committed, and none when serializable"
                holds = cells["read committed"].violations > 0 == cells["serializable"].violations
            else:
                claim = f"{title}: no order loses money, at any level"
                holds = not any(cell.violations for cell in cells.values())
            violations = {key(isolation): cell.violations for isolation, cell in cells.items()}
            bench.verdict(claim, holds, orders=sum(cell.orders for cell in cells.values()), **violations)


def _chosen(variant: Variant) -> dict[str, Way]:
    if variant == "all":
        return WAYS
    if variant == ON_ROWS:
        return {title: way for title, way in WAYS.items() if way.module is not advisory_lock}
    return {variant: WAYS[variant]}


async def _pay(
    way: Way,
    source_id: int,
    target_id: int,
    amount: int,
    transient: Callable[[BaseException], bool],
    sessions: SessionMaker,
) -> None:
    once = partial(way.module.transfer, sessions, source_id, target_id, amount)
    await retried(once, attempts=ATTEMPTS if way.begun_again else 1, transient=transient, wait=wait_none())
