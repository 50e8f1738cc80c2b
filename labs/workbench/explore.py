"""Every order in which a set of transactions can run, or, where there are too many, a seeded sample of them.

A stateless search, as model checkers do it: an order is a list of turns; each run follows a prefix of turns, then
lets the first session go that can, and tells at each rest which others could have gone instead. Those are the
prefixes still to be run. A session that waits for a lock cannot be given a turn, so no run is spent on an order
that needs one.

Two orders that differ only in which of two plain reads came first leave everything the same, so one of them is
pruned (sleep sets; Godefroid, *Partial-Order Methods for the Verification of Concurrent Systems*, 1996). Above the
bound, orders are drawn by PCT (Burckhardt et al., *A Randomized Scheduler with Probabilistic Guarantees of Finding
Bugs*, ASPLOS 2010): random priorities, lowered at a few random steps.

One thing is not ours to decide: of several sessions that a commit lets go together, which is first to the next lock.
What they queued for is theirs in the order in which they came. An order in which the server did otherwise is run
again; one in which it always does is left undecided, and counted.
"""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Generic, TypeVar

from labs.workbench import findings
from labs.workbench.footprint import only_reads
from labs.workbench.turns import Rest, Turns

ATTEMPTS = 50
"""How often an order is run in which the server lets sessions race, before it is left undecided."""

PAUSE_S = 0.001
"""How much longer than before each further attempt the machine is left to itself."""

Outcome = TypeVar("Outcome")

Path = tuple[str, ...]
"""Whose turn it was, step by step."""


class OrderPrunedError(Exception):
    """Every session that could go is asleep: an equivalent order has been run."""


class OvertakenError(Exception):
    """Sessions raced on the server, and not to the usual end: the same order is to be run again."""


class DivergedError(Exception):
    """The turns did not lead where they led before: the session whose turn came cannot take it."""

    def __init__(self, session: str) -> None:
        super().__init__(session)
        self.session = session


@dataclass(frozen=True, slots=True)
class Branch:
    """A prefix of turns still to be run, with the sessions that need not go first after it."""

    prefix: Path
    asleep: frozenset[str] = frozenset()
    pruned: int = 0
    """How many of those fall asleep where the branch begins."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A rest, and who was let go."""

    rest: Rest
    chosen: str
    asleep: frozenset[str] = frozenset()


class Recording(ABC):
    """Turns that remember every rest they came to."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []

    async def choose(self, rest: Rest, moved: asyncio.Event) -> str | None:
        """The next turn, remembered; raises `OvertakenError`, `DivergedError`, or `OrderPrunedError`."""
        if rest.overtaken:
            raise OvertakenError
        turn = self.next(rest)
        if turn.chosen not in rest.pending:
            raise DivergedError(turn.chosen)
        self.turns.append(turn)
        return turn.chosen

    @abstractmethod
    def next(self, rest: Rest) -> Turn:
        """Whose turn it is."""

    @property
    def path(self) -> Path:
        """The order that was run."""
        return tuple(turn.chosen for turn in self.turns)

    @property
    def spelled(self) -> Path:
        """The order without its end, where that only runs session after session, as any order ends by itself."""
        end = len(self.turns)
        while end and self.turns[end - 1].chosen == next(iter(self.turns[end - 1].rest.pending)):
            end -= 1
        return self.path[:end]


class Following(Recording):
    """Follows a prefix, then the first session that is awake."""

    def __init__(self, branch: Branch) -> None:
        super().__init__()
        self.branch = branch
        self._asleep = branch.asleep

    def next(self, rest: Rest) -> Turn:
        """The prefix's turn, or the first awake session's; raises `OrderPrunedError` when none is awake."""
        if len(self.turns) < len(self.branch.prefix):
            return Turn(rest, self.branch.prefix[len(self.turns)])
        awake = next((name for name in rest.pending if name not in self._asleep), None)
        if awake is None:
            raise OrderPrunedError
        turn = Turn(rest, awake, self._asleep)
        self._asleep = _still_asleep(self._asleep, rest, awake)
        return turn

    def branches(self) -> Iterator[Branch]:
        """What could have been chosen instead, after the prefix."""
        path = self.path
        for depth in range(len(self.branch.prefix), len(self.turns)):
            turn = self.turns[depth]
            covered = turn.asleep | {turn.chosen}
            for name in turn.rest.pending:
                if name not in covered:
                    asleep = _still_asleep(covered, turn.rest, name)
                    yield Branch((*path[:depth], name), asleep, len(asleep - turn.asleep))
                    covered |= {name}


def _still_asleep(asleep: frozenset[str], rest: Rest, chosen: str) -> frozenset[str]:
    """Who stays asleep when that session goes: those whose next statement commutes with its."""
    if not only_reads(rest.pending[chosen]):
        return frozenset()
    return frozenset(name for name in asleep if name != chosen and only_reads(rest.pending[name]))


class Priorities(Recording):
    """One order of PCT's: who has the highest priority goes; at a few steps it falls below all that have not fallen.

    Each of those steps has a low priority of its own, and they come in any order: who falls later may end above.

    Args:
        names: the sessions.
        steps: about how many steps there are.
        depth: one more than the number of falls; a bug that needs ``depth`` turns to come right is found with a
            probability of at least ``1 / (len(names) * steps ** (depth - 1))``.
    """

    def __init__(self, names: Sequence[str], steps: int, depth: int, seed: int) -> None:
        super().__init__()
        draw = random.Random(seed)
        ranked = draw.sample(list(names), len(names))
        self._priority = {name: depth + rank for rank, name in enumerate(ranked)}
        falls = draw.sample(range(1, max(steps, depth)), depth - 1)
        self._falls = {step: depth - number for number, step in enumerate(falls, 1)}

    def next(self, rest: Rest) -> Turn:
        """The highest priority that can go, once who was about to go at a step of those has fallen."""
        if rest.step in self._falls:
            self._priority[self._highest(rest)] = self._falls.pop(rest.step)
        return Turn(rest, self._highest(rest))

    def _highest(self, rest: Rest) -> str:
        return max(rest.pending, key=self._priority.__getitem__)


@dataclass(frozen=True, slots=True)
class Ran(Generic[Outcome]):
    """An order that was run."""

    spelled: Path
    outcome: Outcome


@dataclass(slots=True)
class Explored(Generic[Outcome]):
    """What an exploration went through."""

    orders: dict[Path, Ran[Outcome]] = field(default_factory=dict)
    """Each order that was run, once."""
    pruned: int = 0
    """How often a session that could have gone was passed over, because its plain read commutes with what went
    instead and an equivalent order is run: once from there on until its read no longer commutes."""
    blocked: int = 0
    """How often, at the rests of all orders, each rest counted once, a session could not go: it waited for a lock."""
    sampled: bool = False
    """Whether there were more orders than the bound, so that the rest was drawn by lot."""
    raced: int = 0
    """Orders left undecided: in each of many attempts, sessions raced on the server."""

    def shortest(self, wanted: Callable[[Outcome], bool]) -> Path | None:
        """The simplest order with such an outcome: fewest turns to spell out, then fewest changes of session."""
        found = [(path, ran.spelled) for path, ran in self.orders.items() if wanted(ran.outcome)]
        return min(found, key=lambda order: (len(order[1]), _switches(order[0]), order), default=((), None))[1]


Run = Callable[[Turns], Awaitable[Outcome]]
"""Runs the transactions from a fresh start, turn by turn, and says what came of it."""

Order = TypeVar("Order", bound=Recording)


async def explore(
    run: Run[Outcome], names: Sequence[str], *, bound: int, seed: int, depth: int = 3
) -> Explored[Outcome]:
    """Run every order up to the bound; when there are more, draw as many again by PCT.

    The same transactions and the same seed go through the same orders.

    Raises:
        LabError: the transactions do not do the same thing twice.
    """
    explored: Explored[Outcome] = Explored()
    stack = [Branch(())]
    while stack and len(explored.orders) < bound:
        branch = stack.pop()
        following = await _follow(run, partial(Following, branch), explored)
        new = following.turns[len(branch.prefix) :]
        explored.pruned += branch.pruned
        explored.blocked += sum(len(turn.rest.waiting) for turn in new)
        stack.extend(following.branches())
    if stack:
        explored.sampled = True
        steps = max(map(len, explored.orders))
        draw = random.Random(seed)
        for _ in range(bound):
            await _follow(run, partial(Priorities, names, steps, depth, draw.getrandbits(64)), explored)
    return explored


async def _follow(run: Run[Outcome], make: Callable[[], Order], explored: Explored[Outcome]) -> Order:
    """Run one order, again where sessions raced, and take down what came of it, or that they always raced."""
    overtaken = False
    diverged: DivergedError | None = None
    for attempt in range(ATTEMPTS):
        await asyncio.sleep(attempt * PAUSE_S)
        order = make()
        try:
            outcome = await run(order)
            explored.orders[order.path] = Ran(order.spelled, outcome)
        except OvertakenError:
            overtaken = True
        except DivergedError as error:
            diverged = error
        except OrderPrunedError:
            return order
        else:
            return order
    if diverged is not None and not overtaken:
        raise findings.another_order(diverged.session)
    explored.raced += 1
    return order


def _switches(path: Path) -> int:
    return sum(before != after for before, after in pairwise(path))
