"""Two payments from one account, in every way that this lab knows to make them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Literal

import msgspec
from sqlalchemy import select

from labs.races import ledger
from labs.races.accounts import ALICE, BOB, CAROL
from labs.races.models import Account
from labs.races.parameters import Amount, Isolation, OrderName, turns
from labs.races.transfers import advisory_lock, double_spend, guarded_update, row_lock
from labs.workbench.bench import Bench, Outcomes
from labs.workbench.errors import USAGE, LabError
from labs.workbench.lab import experiment
from labs.workbench.schedule import Captions
from labs.workbench.sessions import SessionMaker

BOTH_READ_FIRST: OrderName = "AB"

BOTH_ASK_FIRST: OrderName = "ABAAAAAAB"
"""Both ask for the lock; A's last turn is its COMMIT, or whatever else lets go of it; then it is B's."""

TransferFunction = Callable[[SessionMaker, int, int, int], Awaitable[object]]


class TwoTransfers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Both transfers take from the same account, which has the money for one."""

    isolation: Isolation = "read committed"
    amount: Amount = 80
    order: OrderName = BOTH_READ_FIRST


class LockedTransfers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As `TwoTransfers`, and when to let go."""

    isolation: Isolation = "read committed"
    amount: Amount = 80
    release: Annotated[
        Literal["after commit", "before commit"],
        msgspec.Meta(description="when the lock is let go; PostgreSQL's lock of a transaction leaves no choice"),
    ] = "after commit"
    order: OrderName = BOTH_ASK_FIRST


class Transfers:
    """Two payments from an account that has the money for one."""

    @experiment(
        "Double spend",
        question="Two payments from an account that has the money for one: do both go through?",
        watched=ledger.BOOKS,
        why="""
        Both transfers read the balance, check it in the application, and write back what they computed.

        At read committed nothing tells the second one that what it has read is no longer true: it overwrites the
        balance with a figure computed from a stale one. Both pay out, the account is debited once, and money has
        come from nowhere. This is a lost update.

        At repeatable read and above PostgreSQL sees that the row has changed since the snapshot, and refuses the
        second write with 40001: no money is lost, but the transaction must be run again. MariaDB does the same, with
        1020, where innodb_snapshot_isolation is on; where it is off, repeatable read loses the money as well, and only
        serializable helps: there reading locks the row, the two wait for each other, and one is refused with 1213.

        Try the order "serial", or another isolation level: the verdict comes out the other way.
        """,
        expected="failed",
    )
    async def double_spend(self, bench: Bench, parameters: TwoTransfers) -> None:
        """Two transfers that read, check, write."""
        captions = {
            ("A", 1): "A reads Alice's balance, and finds enough.",
            ("B", 1): "B reads the same balance, and finds enough for itself too.",
            ("A", 6): "A commits: the row has changed. B still believes what it read before.",
            ("B", 2): "B writes what it computed from the balance that it read, not from the one that is there.",
        }
        await two_transfers(bench, parameters, double_spend.transfer, captions)

    @experiment(
        "Lock the row",
        question="What does SELECT … FOR UPDATE change?",
        watched=ledger.BOOKS,
        why="""
        The first statement now reads the balance and locks the row. The second session's SELECT … FOR UPDATE waits
        there until the first commits, and then reads the balance that is true by now: it declines.

        The price is the wait, for as long as the other transaction is open. Whoever thinks, or talks to another
        service, while holding the lock makes everybody wait.

        At repeatable read PostgreSQL refuses the waiting session with 40001 instead: its snapshot is older than the
        change. In MariaDB a locking read sees the newest row at any level.
        """,
    )
    async def row_lock(self, bench: Bench, parameters: TwoTransfers) -> None:
        """The same transfers, with the row locked as it is read."""
        captions = {
            ("A", 1): "A reads Alice's balance and locks the row with the same statement.",
            ("B", 1): "B asks for the same lock, and waits until A ends: see the Locks pane.",
            ("A", 6): "A commits and lets go of the row: now B reads it, as A has left it.",
        }
        await two_transfers(bench, parameters, row_lock.transfer, captions)

    @experiment(
        "Check in the statement",
        question="Can one UPDATE check and change at once?",
        watched=ledger.BOOKS,
        why="""
        UPDATE … SET balance = balance - 80 WHERE … AND balance >= 80 checks and changes in one statement, and the
        number of rows tells whether it did.

        The second session's UPDATE still waits for the first to end, since both change the same row. Then the server
        reads the row's newest version and evaluates the condition again: it no longer holds, no row is touched, and
        the transfer declines. The lock is held only from the UPDATE on, with no read before it to go stale.
        """,
    )
    async def guarded_update(self, bench: Bench, parameters: TwoTransfers) -> None:
        """The same transfers, with the check inside the UPDATE."""
        captions = {
            ("A", 1): "A checks and changes Alice's row in one statement.",
            ("B", 1): "B does the same, and waits: A has changed the row and not committed.",
            ("A", 5): "A commits: B's UPDATE looks at the row again, and at its own condition.",
        }
        await two_transfers(bench, parameters, guarded_update.transfer, captions)

    @experiment(
        "Advisory lock",
        question="Can a lock be on something that is no row?",
        watched=ledger.BOOKS,
        why="""
        Both transfers first ask for a lock on a number that they agreed to mean Alice's account. The second one waits
        before it has read anything, and then reads what is true by now. No row needs to exist for such a lock, and
        nobody who does not ask for it is kept out: one forgotten place in the code, and it protects nothing.

        PostgreSQL's pg_advisory_xact_lock belongs to the transaction, and ends with it. MariaDB's GET_LOCK belongs to
        the connection, and knows nothing of transactions: let go before the COMMIT, as `release` has it done, it lets
        the next one in while what it protects is not yet there to be read. The money is lost in the gap.

        At repeatable read and above PostgreSQL's second transfer is refused with 40001 after its wait: asking for the
        lock was its first statement, so its snapshot is from before the wait.
        """,
    )
    async def advisory_lock(self, bench: Bench, parameters: LockedTransfers) -> None:
        """The same transfers, each behind a lock on the account's number."""
        transfer: TransferFunction = advisory_lock.transfer
        if parameters.release == "before commit":
            if bench.server.name == "postgres":
                raise LabError(
                    "A lock of the transaction is not let go before its end",
                    "pg_advisory_xact_lock has no counterpart that would release it: COMMIT and ROLLBACK do.",
                    "See it with --engine mariadb, where the lock belongs to the connection.",
                    exit_status=USAGE,
                )
            too_early = partial(advisory_lock.of_the_connection, before_commit=True)
            transfer = partial(advisory_lock.transfer, holding=too_early)
        captions = {
            ("A", 1): "A asks for the lock on Alice's account, and has it.",
            ("B", 1): "B asks for the same lock, and waits: it has read nothing yet.",
            ("A", 7): f"A lets go of the lock, {parameters.release}: B reads the balance that it finds now.",
        }
        await two_transfers(bench, parameters, transfer, captions, BOTH_ASK_FIRST)


async def two_transfers(
    bench: Bench,
    parameters: TwoTransfers | LockedTransfers,
    transfer: TransferFunction,
    captions: Captions,
    told_order: OrderName = BOTH_READ_FIRST,
) -> Outcomes:
    """Play two transfers from Alice's account in the order asked for, and judge the books.

    Args:
        told_order: the order that the captions are about.
    """
    async with bench.reading() as connection:
        before = await ledger.latest_transfer(connection)
        balance = await connection.scalar(select(Account.balance).where(Account.id == ALICE)) or 0
    affordable = min(balance // parameters.amount, 2)
    async with bench.sessions("A", "B", isolation=parameters.isolation) as (a, b):
        outcomes = await bench.play(
            turns(parameters.order),
            {
                a: partial(transfer, a, ALICE, BOB, parameters.amount),
                b: partial(transfer, b, ALICE, CAROL, parameters.amount),
            },
            expected=(ledger.InsufficientFundsError,),
            captions=captions if parameters.order == told_order else {},
        )
    for name, outcome in outcomes.items():
        bench.note(f"{name}: {_became(outcome)}")
    await bench.judge(
        ledger.payments_made("As many payments went through as the money allows", before, affordable),
        *ledger.INVARIANTS,
    )
    return outcomes


def _became(outcome: object) -> str:
    """What came of a transfer, in words."""
    if isinstance(outcome, ledger.InsufficientFundsError):
        return "declined, because the account no longer has the money."
    if isinstance(outcome, BaseException):
        return "refused; the whole transfer would have to be run again."
    return "paid."
