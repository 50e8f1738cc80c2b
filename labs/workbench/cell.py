"""What came of an order, and what all orders of a variant at one isolation level amount to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from labs.stream.events import OrdersExplored
from labs.stream.specs import Cell
from labs.workbench.explore import Explored


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of one order."""

    broken: tuple[str, ...]
    """The claims that did not hold after it."""
    refusals: tuple[str, ...]
    """The server's code for each statement that it refused, sorted."""
    waits: int
    """Statements that waited for a lock."""
    retries: int
    """Transactions begun again after a refusal."""


def summed_up(
    explored: Explored[Judged],
    *,
    variant: str,
    isolation: str,
    engine: str,
    seed: int,
    milliseconds: float,
    experiment: str,
    parameters: Mapping[str, Cell],
) -> OrdersExplored:
    """The cell of the matrix."""
    judged = [ran.outcome for ran in explored.orders.values()]
    failing = explored.shortest(lambda one: bool(one.broken))
    return OrdersExplored(
        variant=variant,
        isolation=isolation,
        engine=engine,
        orders=len(judged),
        violations=sum(bool(one.broken) for one in judged),
        broken=dict(Counter(claim for one in judged for claim in one.broken)),
        refusals=dict(Counter(code for one in judged for code in one.refusals)),
        waits=sum(one.waits for one in judged),
        pruned=explored.pruned,
        blocked=explored.blocked,
        raced=explored.raced,
        milliseconds=round(milliseconds, 1),
        sampled=explored.sampled,
        seed=seed,
        failing=None if failing is None else "".join(failing),
        retries=sum(one.retries for one in judged),
        experiment=experiment,
        parameters={**parameters, "isolation": isolation},
    )
