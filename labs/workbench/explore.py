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
What they queued for is theirs in the order in which they came; an order in which the server did otherwise is run again.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Generic, TypeVar

from labs.workbench import findings
from labs.workbench.schedule import Rest, Turns

ATTEMPTS = 5
"""How often an order is run in which the server let sessions race, before what they come to is taken for its rule."""

Outcome = TypeVar("Outcome")

Path = tuple[str, ...]
"""Whose turn it was, step by step."""

_LOCKING = re.compile(
    r"\bFOR\s+(NO\s+KEY\s+)?(UPDATE|SHARE|KEY\s+SHARE)\b|LOCK\s+IN\s+SHARE|\w+_LOCK\w*\s*\(", re.IGNORECASE
)


def only_reads(sql: str) -> bool:
    """Whether a statement takes no lock and changes nothing, so that it commutes with another such."""
    return sql.lstrip().upper().startswith("SELECT") and not _LOCKING.search(sql)


class OrderPrunedError(Exception):
    """Every session that could go is asleep: an equivalent order has been run."""


class OvertakenError(Exception):
    """Sessions raced on the server, and not to the usual end: the same order is to be run again."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A prefix of turns still to be run, with the sessions that need not go first after it."""

    prefix: Path
    asleep: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Turn:
    """A rest, and who was let go."""

    rest: Rest
    chosen: str
    asleep: frozenset[str] = frozenset()


class Recording:
    """Turns that remember every rest they came to."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.last_attempt = False
        """Whether to take a race as it comes."""

    async def choose(self, rest: Rest, moved: asyncio.Event) -> str | None:
        """The next turn, remembered; raises `OvertakenError` when this order must be run again to be judged."""
        if rest.overtaken and not self.last_attempt:
            raise OvertakenError
        turn = self.next(rest)
        if turn.chosen not in rest.pending:  # It is not where this prefix led before.
            if self.last_attempt:
                raise findings.another_order(turn.chosen)
            raise OvertakenError
        self.turns.append(turn)
        return turn.chosen

    def next(self, rest: Rest) -> Turn:
        """Whose turn it is."""
        raise NotImplementedError

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
                    yield Branch((*path[:depth], name), _still_asleep(covered, turn.rest, name))
                    covered |= {name}


def _still_asleep(asleep: frozenset[str], rest: Rest, chosen: str) -> frozenset[str]:
    """Who stays asleep when that session goes: those whose next statement commutes with its."""
    if not only_reads(rest.pending[chosen]):
        return frozenset()
    return frozenset(name for name in asleep if name != chosen and only_reads(rest.pending[name]))


class Priorities(Recording):
    """One order of PCT's: who has the highest priority goes; at a few steps it falls to the lowest.

    Args:
        names: the sessions.
        steps: about how many steps there are.
        depth: one more than the number of falls; a bug that needs ``depth`` turns to come right is found with a
            probability of at least ``1 / (len(names) * steps ** (depth - 1))``.
    """

    def __init__(self, names: Sequence[str], steps: int, depth: int, seed: int) -> None:
        super().__init__()
        draw = random.Random(seed)
        self._ranked = draw.sample(list(names), len(names))
        self._falls = set(draw.sample(range(1, max(steps, depth)), depth - 1))

    def next(self, rest: Rest) -> Turn:
        """The highest priority that can go."""
        chosen = next(name for name in self._ranked if name in rest.pending)
        if rest.step in self._falls:
            self._falls.discard(rest.step)
            self._ranked.remove(chosen)
            self._ranked.append(chosen)
            chosen = next(name for name in self._ranked if name in rest.pending)
        return Turn(rest, chosen)


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
    """Turns not given, with all the orders behind them, because an equivalent order was run."""
    waiting: int = 0
    """Turns of sessions that waited for a lock, and so could not be given."""
    sampled: bool = False
    """Whether there were more orders than the bound, so that the rest was drawn by lot."""

    raced: int = 0
    """Runs given up because sessions raced in them, and run again; of this number alone chance decides."""

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
        explored.pruned += sum(len(turn.asleep) for turn in new)
        explored.waiting += sum(len(turn.rest.waiting) for turn in new)
        stack.extend(following.branches())
    if stack:
        explored.sampled = True
        steps = max(map(len, explored.orders))
        draw = random.Random(seed)
        for _ in range(bound):
            await _follow(run, partial(Priorities, names, steps, depth, draw.getrandbits(64)), explored)
    return explored


async def _follow(run: Run[Outcome], make: Callable[[], Order], explored: Explored[Outcome]) -> Order:
    """Run one order, again where sessions raced, and take down what came of it, or that it was pruned."""
    for left in reversed(range(ATTEMPTS)):
        order = make()
        order.last_attempt = not left
        try:
            outcome = await run(order)
            explored.orders[order.path] = Ran(order.spelled, outcome)
        except OrderPrunedError:
            explored.pruned += 1
        except OvertakenError:
            explored.raced += 1
            continue
        break
    return order


def _switches(path: Path) -> int:
    return sum(before != after for before, after in pairwise(path))
