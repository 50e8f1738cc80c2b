"""Every order in which two payments can run: not one example, all of them."""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Annotated, Final, Literal

import msgspec

from labs.races import ledger
from labs.races.accounts import ALICE, BOB, CAROL
from labs.races.parameters import Amount
from labs.races.transfers import advisory_lock, double_spend
from labs.races.transfers.experiments import TransferFunction
from labs.races.transfers.variants import VARIANTS
from labs.workbench.bench import Bench
from labs.workbench.lab import experiment
from labs.workbench.sessions import SessionMaker

ON_ROWS: Final = "on rows"

Variant = Annotated[
    Literal[
        "on rows", "all", "Double spend", "Lock the row", "Check in the statement", "Version column", "Advisory lock"
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
        question="Is there any order at all in which money gets lost?",
        watched=ledger.BOOKS,
        why="""
        One bad order shows that a transfer is wrong; one good order shows nothing. Here each way to transfer is run in
        every order that its statements can come in, at each level, and the money is counted after each. Nothing is
        tried again: a refusal is counted, and so is a wait.

        An order that needs a session which waits for a lock cannot happen, and is not tried. Of two orders that differ
        only in which of two plain reads came first, one is run.

        The double spend fails in most orders at read committed. PostgreSQL loses nothing above it: its repeatable
        read refuses to overwrite what has changed since the snapshot. MariaDB's loses as much as read committed does,
        unless innodb_snapshot_isolation is on, as it is by default from 11.6 on.

        The price is in the other columns: how often somebody waited, and how many statements were refused and would
        have to be run again.
        """,
    )
    async def every_order(self, bench: Bench, parameters: Exploration) -> None:
        """Every way to transfer, all levels, all orders."""
        for title, module in _chosen(parameters.variant).items():
            cells = {
                isolation: await bench.explore(
                    title,
                    {
                        "A": partial(_pay, module.transfer, ALICE, BOB, parameters.amount),
                        "B": partial(_pay, module.transfer, ALICE, CAROL, parameters.amount),
                    },
                    isolation=isolation,
                    invariants=ledger.INVARIANTS,
                    expected=(ledger.InsufficientFundsError,),
                    bound=parameters.bound,
                    seed=parameters.seed,
                    experiment=module.__name__.rpartition(".")[2],
                    parameters={"amount": parameters.amount},
                )
                for isolation in bench.server.levels
            }
            violations = {_word(isolation): cell.violations for isolation, cell in cells.items()}
            if module is double_spend:
                claim = "Reading, checking, writing loses money at read committed, and not when serializable"
                holds = cells["read committed"].violations > 0 == cells["serializable"].violations
            else:
                claim = f"{title}: no order loses money, at any level"
                holds = not any(violations.values())
            bench.verdict(claim, holds, orders=sum(cell.orders for cell in cells.values()), **violations)


def _chosen(variant: Variant) -> dict[str, ModuleType]:
    if variant == "all":
        return VARIANTS
    if variant == ON_ROWS:
        return {title: module for title, module in VARIANTS.items() if module is not advisory_lock}
    return {variant: VARIANTS[variant]}


def _word(level: str) -> str:
    return level.replace(",", "").replace(" ", "_")


async def _pay(transfer: TransferFunction, source_id: int, target_id: int, amount: int, sessions: SessionMaker) -> None:
    await transfer(sessions, source_id, target_id, amount)
