"""What an anomaly is: transactions, the order that provokes it, and how it is recognised in what they did."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from labs.races.anomalies.adya import Class, Cycle, History, classified, cycles, dependencies
from labs.races.anomalies.items import AT_FIRST, Items
from labs.workbench.bench import Outcomes
from labs.workbench.schedule import Captions
from labs.workbench.sessions import SessionMaker
from labs.workbench.turns import Order

Transaction = Callable[[Items], Awaitable[None]]
"""What a transaction does with the items, from its begin to its commit."""


class ChangedItsMindError(Exception):
    """Takes back what the transaction has done."""


@dataclass(frozen=True, slots=True, eq=False)
class Anomaly:
    """What can go wrong between transactions, with the transactions that show it."""

    name: str
    code: str
    """Its name in the literature."""
    transactions: Mapping[str, Transaction]
    """By session."""
    order: Order
    """Whose turn it is, statement by statement."""
    shown: Callable[[History], Cycle]
    """The dependencies that make it, if it occurred."""
    text: str
    """What it is, where one meets it, and what prevents it."""
    captions: Captions = field(default_factory=dict)


class Run:
    """Transactions about to be run once, by session, and their history."""

    def __init__(self, transactions: Mapping[str, Transaction]) -> None:
        self.history = History(AT_FIRST)
        self._transactions = transactions

    def on(self, *makers: SessionMaker) -> dict[SessionMaker, Callable[[], Awaitable[None]]]:
        """One function a session, in the order of the transactions."""
        return {
            maker: partial(self._run, name, transaction, maker)
            for maker, (name, transaction) in zip(makers, self._transactions.items(), strict=False)
        }

    def ended(self, outcomes: Outcomes) -> None:
        """Enter into the history who committed: whose function came to its end."""
        self.history.committed = frozenset(outcomes) - frozenset(outcomes.errors)

    async def _run(self, name: str, transaction: Transaction, sessions: SessionMaker) -> None:
        async with sessions.begin() as session:
            await transaction(Items(session, name, self.history))


def circle(*kinds: Class) -> Callable[[History], Cycle]:
    """Recognises an anomaly by the shortest circle of one of these classes."""
    return partial(_shortest, lambda cycle: classified(cycle) in kinds)


def skew_by_condition(history: History) -> Cycle:
    """One anti-dependency, and a condition has part in the circle."""
    return _shortest(lambda cycle: classified(cycle) == "G-single" and any(edge.predicate for edge in cycle), history)


def lost_update(history: History) -> Cycle:
    """Two read the same row, and the second to write has overwritten the first without having seen it."""
    return _shortest(
        lambda cycle: sorted(edge.kind for edge in cycle) == ["rw", "ww"] and len({edge.item for edge in cycle}) == 1,
        history,
    )


def misled_reader(history: History) -> Cycle:
    """A circle of write skew's kind, closed only by a transaction that writes nothing."""
    writers = {write.transaction for write in history.writes}
    return _shortest(
        lambda cycle: classified(cycle) in {"G2-item", "G2"} and any(edge.source not in writers for edge in cycle),
        history,
    )


def _shortest(is_it: Callable[[Cycle], bool], history: History) -> Cycle:
    return next(filter(is_it, cycles(dependencies(history))), ())
