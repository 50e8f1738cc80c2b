"""Transactions and their locks as InnoDB's status report tells them: the one source that is never out of date.

The views in ``information_schema`` are a copy that is renewed only after 100 ms without a reader. The report costs
0.3 ms, and tells who waits at once. With ``innodb_status_output_locks`` it also lists locks that are held, from which
follows who is waited for, by the rules that InnoDB itself applies (``lock_rec_has_to_wait`` in its ``lock0lock.cc``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_TRANSACTION = re.compile(r"^---TRANSACTION (?:\(0x)?(\w+)", re.MULTILINE)
_END = re.compile(r"^-{8}$\n^FILE I/O$", re.MULTILINE)
_THREAD = re.compile(r"^(?:MariaDB|MySQL) thread id (\d+)", re.MULTILINE)
_WAITED = re.compile(r"^-+ TRX HAS BEEN WAITING (\d+) (us|ns|SEC)", re.MULTILINE)
_LOCK = re.compile(
    r"^(?:TABLE LOCK table (?P<table>.+?)"
    r"|RECORD LOCKS space id (?P<space>\d+) page no (?P<page>\d+) n bits \d+ index (?P<index>.+?)"
    r" of table (?P<of>.+?)) trx id \w+ lock[_ ]mode (?P<mode>[A-Z-]+)(?P<flags>.*)$",
    re.MULTILINE,
)
_RECORD = re.compile(r"^Record lock, heap no (\d+) ", re.MULTILINE)

_MILLISECONDS = {"us": 1e-3, "ns": 1e-6, "SEC": 1e3}

_COMPATIBLE = {
    ("IS", "IS"), ("IS", "IX"), ("IS", "S"), ("IS", "AUTO-INC"),
    ("IX", "IS"), ("IX", "IX"), ("IX", "AUTO-INC"),
    ("S", "IS"), ("S", "S"),
    ("AUTO-INC", "IS"), ("AUTO-INC", "IX"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock, held or waited for: on a table, or on records of one page of an index."""

    table: str
    """Quoted, with its database."""
    index: str
    """Empty for a lock on the table itself."""
    page: tuple[int, int]
    """Tablespace and page number."""
    records: frozenset[int]
    """Heap numbers in that page."""
    mode: str
    """IS, IX, S, X or AUTO-INC."""
    gap: bool
    """Only on the gap before each record."""
    record_only: bool
    """Only on the records, not on the gaps before them."""
    insert_intention: bool

    @property
    def described(self) -> str:
        """Its mode as InnoDB's own views write it, such as ``X,GAP``."""
        flags = (
            ("GAP", self.gap),
            ("REC_NOT_GAP", self.record_only),
            ("INSERT_INTENTION", self.insert_intention),
        )
        return ",".join([self.mode, *(name for name, on in flags if on)])

    def waits_for(self, other: Lock) -> bool:
        """Whether this one, which some transaction waits for, is kept waiting by that of another."""
        if (self.table, self.index) != (other.table, other.index) or (self.mode, other.mode) in _COMPATIBLE:
            return False
        if not self.index:
            return True
        if self.page != other.page or not self.records & other.records or other.insert_intention:
            return False
        # To insert is to wait for gaps and nothing else; whoever else waits does so for a record.
        return not other.record_only if self.insert_intention else not other.gap


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction of a connection."""

    id: str
    connection: int
    waiting: Lock | None
    waited_ms: float
    """How long for that lock; 0 when for none."""
    held: tuple[Lock, ...]
    """Of a transaction that holds locks on many pages, the report names only some."""


def transactions(report: str) -> tuple[Transaction, ...]:
    """The transactions in the text of ``SHOW ENGINE INNODB STATUS``."""
    found_end = _END.search(report)
    end = found_end.start() if found_end else len(report)
    starts = [found.start() for found in _TRANSACTION.finditer(report, 0, end)]
    sections = (_transaction(report[start:stop]) for start, stop in pairwise([*starts, end]))
    return tuple(transaction for transaction in sections if transaction)


def blockers(found: Sequence[Transaction]) -> dict[int, tuple[int, ...]]:
    """Each connection that waits for a lock, with those that it waits for, as far as the report names them."""
    return {
        waiter.connection: tuple(
            other.connection for other in found if other is not waiter and _blocks(other, waiter, waiter.waiting)
        )
        for waiter in found
        if waiter.waiting
    }


def _blocks(other: Transaction, waiter: Transaction, wanted: Lock) -> bool:
    """Whether the other has the lock, or came first and waits for it too."""
    ahead = [other.waiting] if other.waiting and other.waited_ms > waiter.waited_ms else []
    return any(wanted.waits_for(lock) for lock in (*other.held, *ahead))


def _transaction(section: str) -> Transaction | None:
    thread = _THREAD.search(section)
    if thread is None:  # nobody's, or begun without having done anything yet
        return None
    waits = "\nLOCK WAIT " in section[: thread.start()]  # before the statement's text, which could say anything
    waited = _WAITED.search(section, thread.end())
    locks = list(_locks(section))
    return Transaction(
        id=section.split(",", 1)[0].split()[1],
        connection=int(thread[1]),
        waiting=next((lock for lock, waiting in locks if waiting), None) if waits else None,
        waited_ms=int(waited[1]) * _MILLISECONDS[waited[2]] if waits and waited else 0.0,
        held=tuple(lock for lock, waiting in locks if not waiting),
    )


def _locks(section: str) -> Iterator[tuple[Lock, bool]]:
    """The locks of a transaction's section, each with whether it is waited for."""
    found = list(_LOCK.finditer(section))
    for lock, (_, end) in zip(found, pairwise([*(lock.start() for lock in found), len(section)]), strict=True):
        flags = lock["flags"]
        yield (
            Lock(
                table=lock["table"] or lock["of"],
                index=lock["index"] or "",
                page=(int(lock["space"] or 0), int(lock["page"] or 0)),
                records=frozenset(int(number) for number in _RECORD.findall(section, lock.end(), end)),
                mode=lock["mode"],
                gap="locks gap before rec" in flags,
                record_only="locks rec but not gap" in flags,
                insert_intention="insert intention" in flags,
            ),
            flags.endswith(" waiting"),
        )
