"""Every order in which a set of transactions can run, or, where there are too many, a seeded sample of them.

A stateless search, as model checkers do it: an order is a list of turns; each run follows a prefix of turns, then
lets the first session go that can, and tells at each rest which others could have gone instead. Those are the
prefixes still to be run. A session that waits for a lock cannot be given a turn, so no run is spent on an order
that needs one.

Two orders that differ only in which of two plain reads came first leave everything the same, so one of them is
pruned (sleep sets; Godefroid, *Partial-Order Methods for the Verification of Concurrent Systems*, 1996). Above the
bound, orders are drawn by PCT (Burckhardt et al., *A Randomized Scheduler with Probabilistic Guarantees of Finding
Bugs*, ASPLOS 2010): random priorities, lowered at a few random steps.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from labs.workbench.schedule import Rest, Turns

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

    async def choose(self, rest: Rest, moved: asyncio.Event) -> str | None:
        """The prefix's turn, or the first awake session's; raises `OrderPrunedError` when none is awake."""
        if len(self.turns) < len(self.branch.prefix):
            chosen = self.branch.prefix[len(self.turns)]
            self.turns.append(Turn(rest, chosen))
            return chosen
        awake = next((name for name in rest.pending if name not in self._asleep), None)
        if awake is None:
            raise OrderPrunedError
        self.turns.append(Turn(rest, awake, self._asleep))
        self._asleep = _still_asleep(self._asleep, rest, awake)
        return awake

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

    def __init__(self, names: Sequence[str], steps: int, depth: int, draw: random.Random) -> None:
        super().__init__()
        self._ranked = draw.sample(list(names), len(names))
        self._falls = set(draw.sample(range(1, max(steps, depth)), depth - 1))

    async def choose(self, rest: Rest, moved: asyncio.Event) -> str | None:
        """The highest priority that can go."""
        chosen = next(name for name in self._ranked if name in rest.pending)
        if rest.step in self._falls:
            self._falls.discard(rest.step)
            self._ranked.remove(chosen)
            self._ranked.append(chosen)
            chosen = next(name for name in self._ranked if name in rest.pending)
        self.turns.append(Turn(rest, chosen))
        return chosen


@dataclass(frozen=True, slots=True)
class Ran:
    """An order that was run."""

    spelled: Path
    outcome: str


@dataclass(slots=True)
class Explored:
    """What an exploration went through."""

    orders: dict[Path, Ran] = field(default_factory=dict)
    """Each order that was run, once."""
    pruned: int = 0
    """Turns not given, with all the orders behind them, because an equivalent order was run."""
    waiting: int = 0
    """Turns of sessions that waited for a lock, and so could not be given."""
    sampled: bool = False
    """Whether there were more orders than the bound, so that the rest was drawn by lot."""

    def shortest(self, outcome: str) -> Path | None:
        """The simplest order that came to that outcome: fewest turns to spell out, then fewest changes of session."""
        found = [(path, ran.spelled) for path, ran in self.orders.items() if ran.outcome == outcome]
        return min(found, key=lambda order: (len(order[1]), _switches(order[0]), order), default=((), None))[1]


Run = Callable[[Turns], Awaitable[str]]
"""Runs the transactions from a fresh start, turn by turn, and says in a word what came of it."""


async def explore(run: Run, names: Sequence[str], *, bound: int, seed: int, depth: int = 3) -> Explored:
    """Run every order up to the bound; when there are more, draw as many again by PCT.

    The same transactions and the same seed go through the same orders.
    """
    explored = Explored()
    stack = [Branch(())]
    while stack and len(explored.orders) < bound:
        following = Following(stack.pop())
        try:
            _note(explored, following, await run(following))
        except OrderPrunedError:
            explored.pruned += 1
        new = following.turns[len(following.branch.prefix) :]
        explored.pruned += sum(len(turn.asleep) for turn in new)
        explored.waiting += sum(len(turn.rest.waiting) for turn in new)
        stack.extend(following.branches())
    if stack:
        explored.sampled = True
        steps = max(map(len, explored.orders))
        draw = random.Random(seed)
        for _ in range(bound):
            priorities = Priorities(names, steps, depth, draw)
            _note(explored, priorities, await run(priorities))
    return explored


def _note(explored: Explored, order: Recording, outcome: str) -> None:
    explored.orders[order.path] = Ran(order.spelled, outcome)


def _switches(path: Path) -> int:
    return sum(before != after for before, after in pairwise(path))
