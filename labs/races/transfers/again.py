"""Two payments that keep nobody out: one of them finds out that it came too late, and is begun again."""

from __future__ import annotations

from functools import partial

from labs.races import ledger
from labs.races.ledger import InsufficientFundsError
from labs.races.parameters import Attempts, Isolation
from labs.races.retry import retried
from labs.races.transfers import double_spend, version_column
from labs.races.transfers.experiments import TransferFunction, TwoTransfers, two_transfers
from labs.workbench.bench import Bench
from labs.workbench.lab import experiment
from labs.workbench.schedule import Captions
from labs.workbench.sessions import SessionMaker


class RetriedTransfers(TwoTransfers, frozen=True, forbid_unknown_fields=True):
    """As `TwoTransfers`, each tried several times if need be."""

    attempts: Attempts = 5


class SerializableTransfers(RetriedTransfers, frozen=True, forbid_unknown_fields=True):
    """As `RetriedTransfers`, at the level that makes the naive code right."""

    isolation: Isolation = "serializable"


class Again:
    """Optimism: go ahead, and begin again if that was wrong."""

    @experiment(
        "Version column",
        question="Can a stale write be noticed without a lock or a higher level?",
        watched=ledger.BOOKS,
        why="""
        Each account has a version, which every change counts up. The UPDATE names the version that was read: WHERE
        id = 1 AND version = 1. If somebody else has changed the row since, there is no such row, the row count is 0,
        and SQLAlchemy raises StaleDataError. Nothing else in the code says so: Account declares its version_id_col.

        Between reading and writing nobody is locked out, so this also works when a person thinks in between, and
        over two transactions or two requests. It works at every isolation level.

        The price is paid by whoever comes second: the whole transfer is begun again, on what is there by then. Where
        many write to the same row, most of the work is done in vain. And all must play by the rule: an UPDATE
        that does not count the version up is noticed by nobody.
        """,
    )
    async def version_column(self, bench: Bench, parameters: RetriedTransfers) -> None:
        """The same transfers, with accounts that have a version, and a second try."""
        captions = {
            ("A", 1): "A reads both accounts, and the version of each with it.",
            ("B", 1): "B reads the same version of Alice's.",
            ("A", 2): "A writes version 2 where it finds version 1.",
            ("B", 2): "B would do the same, but finds no version 1 any more: no row, StaleDataError, a second try.",
        }
        await self._until_answered(bench, parameters, version_column.transfer, captions)

    @experiment(
        "Serializable, and again",
        question="What does the transfer that everybody writes first need to be right?",
        watched=ledger.BOOKS,
        why="""
        The code is the double spend's, unchanged. At serializable the server lets through only what could also have
        happened one transfer after the other, and refuses the rest. PostgreSQL goes ahead, and refuses who comes
        second with 40001. MariaDB locks what is read: the two wait for each other, and one is refused with 1213.

        A refusal is no answer to the person who wants to pay: the whole transaction is begun again, from its first
        read, a bounded number of times, and with a random wait before it, so that two losers do not meet again. With
        `attempts` at 1 the money is safe, and the payment is lost.

        This needs no thought about which rows to lock. It needs that every transaction, in all of the code, can be
        run again; and where many meet, the same work is done several times.
        """,
    )
    async def serializable(self, bench: Bench, parameters: SerializableTransfers) -> None:
        """The naive transfers at the highest level, each refused one begun again."""
        captions = {
            ("A", 1): "A reads Alice's balance, and finds enough.",
            ("B", 1): "B reads the same balance. At this level the server takes note of who has read what.",
        }
        await self._until_answered(bench, parameters, double_spend.transfer, captions)

    async def _until_answered(
        self, bench: Bench, parameters: RetriedTransfers, transfer: TransferFunction, captions: Captions
    ) -> None:
        async def with_retry(sessions: SessionMaker, source_id: int, target_id: int, amount: int) -> None:
            once = partial(transfer, sessions, source_id, target_id, amount)
            await retried(once, attempts=parameters.attempts, transient=bench.server.transient)

        outcomes = await two_transfers(bench, parameters, with_retry, captions)
        given_up = [error for error in outcomes.errors.values() if not isinstance(error, InsufficientFundsError)]
        bench.verdict(
            "Both transfers came to an answer, paid or declined", not given_up, transfers=2, given_up=len(given_up)
        )
