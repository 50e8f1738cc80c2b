"""What the transactions of a run read and wrote, and whether they could have done so one after the other.

After Adya, *Weak Consistency: A Generalized Theory and Optimistic Implementations for Distributed Transactions*
(1999): a transaction depends on another when it overwrote (ww) or read (wr) what that one wrote, or wrote over what
that one had read (rw). Committed transactions that depend on each other in a circle fit into no serial order, and the
kinds of dependency in the circle say which anomaly it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from labs.stream.events import Dependency

Value = int | None
"""None where the row is not there: not yet inserted, or deleted."""

Cycle = tuple[Dependency, ...]
"""Dependencies that lead from a transaction back to itself; or the one by which a read saw what it never may."""

Class = Literal["G0", "G1c", "G-single", "G2-item", "G2"]

BEFORE = ""
"""Who wrote what was there before the run."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a statement asks of a row's value."""

    text: str
    """As SQL has it."""
    test: Callable[[Any], Any]
    """Of a number, whether it meets the condition; of a column, the same as SQL."""

    def met_by(self, value: Value) -> bool:
        """Whether a row with that value is found."""
        return value is not None and bool(self.test(value))


@dataclass(frozen=True, slots=True)
class Read:
    """A row was read by its key."""

    transaction: str
    key: str
    value: Value


@dataclass(frozen=True, slots=True)
class Search:
    """Rows were looked for by a condition."""

    transaction: str
    condition: Condition
    found: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Write:
    """A row was given a value, or deleted."""

    transaction: str
    key: str
    value: Value


class History:
    """What was read and written, in the order of the server's answers.

    A value is given to a row only once, so what a read returned says which version it saw. A row is changed by one
    statement at a time, committed or not, so the order of the answers is the order of its versions.

    Args:
        before: what was there before the run.
    """

    def __init__(self, before: Mapping[str, int]) -> None:
        self.before = before
        self.steps: list[Read | Search | Write] = []
        self.committed: frozenset[str] = frozenset()
        """The transactions whose writes count."""

    def read(self, transaction: str, key: str, value: Value) -> None:
        """That row was read, and had that value."""
        self.steps.append(Read(transaction, key, value))

    def found(self, transaction: str, condition: Condition, rows: Mapping[str, int]) -> None:
        """These were all the rows that met the condition."""
        self.steps.append(Search(transaction, condition, rows))

    def wrote(self, transaction: str, key: str, value: Value) -> None:
        """That row was given that value; raises `ValueError` when it has had it before."""
        if value in [self.before.get(key), *(write.value for write in self.writes if write.key == key)]:
            raise ValueError(f"{key} has been {value} before: who reads that could have read either version")
        self.steps.append(Write(transaction, key, value))

    @property
    def writes(self) -> list[Write]:
        """Only the writes, whether or not they were committed."""
        return [step for step in self.steps if isinstance(step, Write)]

    def versions(self) -> dict[str, list[Write]]:
        """By row that was written to: what was there before the run, then what each commit left, oldest first."""
        last = {(write.transaction, write.key): write for write in self.writes}
        orders: dict[str, list[Write]] = {}
        for write in self.writes:
            order = orders.setdefault(write.key, [Write(BEFORE, write.key, self.before.get(write.key))])
            if write.transaction in self.committed and last[write.transaction, write.key] is write:
                order.append(write)
        return orders


def dependencies(history: History) -> frozenset[Dependency]:
    """The direct dependencies between the committed transactions."""
    overwritten = {
        Dependency(source=earlier.transaction, target=later.transaction, kind="ww", item=key)
        for key, order in history.versions().items()
        for earlier, later in pairwise(order)
    }
    of_reads = {edge for _, edges in _reads(history) for edge in edges}
    return _between_two(overwritten | of_reads)


def cycles(edges: frozenset[Dependency]) -> list[Cycle]:
    """Every circle that comes to each of its transactions once, the shortest first."""
    following: dict[str, list[Dependency]] = {}
    for edge in edges:
        following.setdefault(edge.source, []).append(edge)

    def onward(path: Cycle) -> Iterator[Cycle]:
        begin = path[0].source
        if path[-1].target == begin:
            yield path
            return
        for edge in following.get(path[-1].target, ()):
            # A circle is found once: from its first transaction in the order of the alphabet.
            if edge.target == begin or (edge.target > begin and edge.target not in {one.source for one in path}):
                yield from onward((*path, edge))

    found = [cycle for edge in edges if edge.target > edge.source for cycle in onward((edge,))]
    return sorted(found, key=lambda cycle: (len(cycle), _anti(cycle), [(e.source, e.kind, e.item) for e in cycle]))


def classified(cycle: Cycle) -> Class:
    """The class of a circle: by its anti-dependencies (rw), and whether one of them is a condition's."""
    match _anti(cycle):
        case 0:
            return "G0" if all(edge.kind == "ww" for edge in cycle) else "G1c"
        case 1:
            return "G-single"
        case _:
            return "G2" if any(edge.kind == "rw" and edge.predicate for edge in cycle) else "G2-item"


def aborted_read(history: History) -> Cycle:
    """A read, by a transaction that committed, of what one wrote that did not (G1a)."""
    return _forbidden_read(history, lambda write: write.transaction not in history.committed)


def intermediate_read(history: History) -> Cycle:
    """A read of a value that its writer went on to overwrite (G1b)."""
    last = {(write.transaction, write.key): write for write in history.writes}
    return _forbidden_read(history, lambda write: last[write.transaction, write.key] is not write)


def vanished(history: History) -> Cycle:
    """A transaction saw a write of another, and afterwards missed a write of the same (OTV)."""
    seen: dict[tuple[str, str], Dependency] = {}
    for transaction, edges in _reads(history):
        for edge in edges:
            if edge.kind == "rw" and (transaction, edge.target) in seen:
                return (seen[transaction, edge.target], edge)
        seen |= {(transaction, edge.source): edge for edge in edges if edge.kind == "wr"}
    return ()


def flaw(history: History) -> Cycle:
    """Why no serial order of the committed transactions comes to the same; empty when one does."""
    return aborted_read(history) or intermediate_read(history) or next(iter(cycles(dependencies(history))), ())


def _anti(cycle: Cycle) -> int:
    return sum(edge.kind == "rw" for edge in cycle)


def _between_two(edges: set[Dependency]) -> frozenset[Dependency]:
    """Without those of a transaction with itself or with what was there before."""
    return frozenset(edge for edge in edges if edge.source not in {BEFORE, edge.target})


def _reads(history: History) -> Iterator[tuple[str, frozenset[Dependency]]]:
    """Each read of a committed transaction in order: whose it was, and the dependencies that it brought about."""
    versions = history.versions()
    own: dict[tuple[str, str], Write] = {}
    for step in history.steps:
        if isinstance(step, Write):
            own[step.transaction, step.key] = step
        elif step.transaction in history.committed:
            edges: set[Dependency] = set()
            if isinstance(step, Read):
                edges |= _of_version(step.transaction, versions.get(step.key, []), step.value)
            else:
                for key, order in versions.items():
                    if key in step.found:
                        edges |= _of_version(step.transaction, order, step.found[key])
                    if (step.transaction, key) not in own:
                        edges |= _of_match(step, order, step.found.get(key))
            yield step.transaction, _between_two(edges)


def _of_version(reader: str, order: Sequence[Write], value: Value) -> set[Dependency]:
    """What follows from having read that version: who wrote it came before the reader, who overwrote it after."""
    index = next((index for index, write in enumerate(order) if write.value == value), None)
    if index is None or order[index].transaction == reader:
        return set()
    edges = {Dependency(source=order[index].transaction, target=reader, kind="wr", item=order[index].key)}
    if index + 1 < len(order):
        after = order[index + 1]
        edges.add(Dependency(source=reader, target=after.transaction, kind="rw", item=after.key))
    return edges


def _of_match(search: Search, order: Sequence[Write], value: Value) -> set[Dependency]:
    """What follows from having found a row with that value, or from not having found it (none).

    Who made the row meet the condition, or cease to, before what was seen, came before the search; who did so next
    came after it. Where a row was not found, any version that does not meet the condition may have been seen: only what
    follows from each of them is certain.
    """
    met = [search.condition.met_by(write.value) for write in order]
    possible = [
        index
        for index, write in enumerate(order)
        if write.transaction != search.transaction and (write.value == value if value is not None else not met[index])
    ]
    consequences = []
    for index in possible:
        changes = [place for place in range(1, len(order)) if met[place] != met[place - 1]]
        before = [order[place].transaction for place in changes if place <= index][-1:]
        after = [order[place].transaction for place in changes if place > index][:1]
        reader, item = search.transaction, search.condition.text
        consequences.append(
            {Dependency(source=one, target=reader, kind="wr", item=item, predicate=True) for one in before}
            | {Dependency(source=reader, target=one, kind="rw", item=item, predicate=True) for one in after}
        )
    return set.intersection(*consequences) if consequences else set()


def _forbidden_read(history: History, forbidden: Callable[[Write], bool]) -> Cycle:
    for step in history.steps:
        if isinstance(step, Write) or step.transaction not in history.committed:
            continue
        seen = [(step.key, step.value)] if isinstance(step, Read) else list(step.found.items())
        for write in history.writes:
            foreign = write.transaction not in {BEFORE, step.transaction}
            if foreign and (write.key, write.value) in seen and forbidden(write):
                return (Dependency(source=write.transaction, target=step.transaction, kind="wr", item=write.key),)
    return ()
