"""Races: double spend, locks, deadlocks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Annotated, Literal

import msgspec
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.races import deadlock, double_spend, guarded_update, ledger, row_lock
from labs.races.deadlock import LockOrder
from labs.races.models import Account, Base, LedgerEntry, Transfer
from labs.workbench.bench import Bench, Outcomes
from labs.workbench.lab import Lab, Rows, experiment
from labs.workbench.schedule import BOTH_READ_FIRST, SERIAL
from labs.workbench.sessions import SessionMaker

ALICE, BOB, CAROL = 1, 2, 3
OPENING = {ALICE: ("Alice", 100), BOB: ("Bob", 100), CAROL: ("Carol", 100)}

Isolation = Annotated[
    Literal["read committed", "repeatable read", "serializable"],
    msgspec.Meta(description="isolation level of both sessions"),
]
OrderName = Annotated[
    Literal["interleaved", "serial"],
    msgspec.Meta(description="interleaved: both do their first statement before either goes on; serial: A, then B"),
]
Amount = Annotated[int, msgspec.Meta(ge=1, le=100, description="what each transfer moves")]

ORDERS = {"interleaved": BOTH_READ_FIRST, "serial": SERIAL}


TransferFunction = Callable[[SessionMaker, int, int, int], Awaitable[None]]


class TwoTransfers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Both transfers take from the same account, which has the money for one."""

    isolation: Isolation = "read committed"
    amount: Amount = 80
    order: OrderName = "interleaved"


class OppositeTransfers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The transfers go in opposite directions between the same two accounts."""

    isolation: Isolation = "read committed"
    amount: Amount = 10
    attempts: Annotated[int, msgspec.Meta(ge=1, le=10, description="how often a transfer may be tried")] = 5
    order: OrderName = "interleaved"


class Races(Lab):
    """Who waits for whom, and who loses money?"""

    slug = "races"
    title = "Races"
    metadata = Base.metadata
    invariants = ledger.INVARIANTS

    @experiment(
        "Double spend",
        question="Two payments of 80 from an account with 100: do both go through?",
        why="""
        Both transfers read the balance, check it in the application, and write back what they computed.

        At read committed nothing tells the second one that what it has read is no longer true: it overwrites the
        balance with a figure computed from a stale one. Both pay out, the account is debited once, and money has
        come from nowhere. This is a lost update.

        At repeatable read and above PostgreSQL sees that the row has changed since the snapshot, and refuses the
        second write with 40001: no money is lost, but the transaction must be run again.

        Try the order "serial", or another isolation level: the verdict comes out the other way.
        """,
        expected="failed",
    )
    async def double_spend(self, bench: Bench, parameters: TwoTransfers) -> None:
        """Two transfers that read, check, write."""
        bench.note("Both sessions read Alice's balance before either writes it. Watch what B believes at its UPDATE.")
        await self._two_transfers(bench, parameters, double_spend.transfer)

    @experiment(
        "Lock the row",
        question="What does SELECT … FOR UPDATE change?",
        why="""
        The first statement now reads the balance and locks the row. The second session's SELECT … FOR UPDATE waits
        there until the first commits, and then reads the balance that is true by now: it declines.

        The price is the wait, for as long as the other transaction is open. Whoever thinks, or talks to another
        service, while holding the lock makes everybody wait.

        At repeatable read the waiting session is refused with 40001 instead: its snapshot is older than the change.
        """,
    )
    async def row_lock(self, bench: Bench, parameters: TwoTransfers) -> None:
        """The same transfers, with the row locked as it is read."""
        bench.note("B's first statement waits for A: see the lane and the Locks pane, until A commits.")
        await self._two_transfers(bench, parameters, row_lock.transfer)

    @experiment(
        "Check in the statement",
        question="Can one UPDATE check and change at once?",
        why="""
        UPDATE … SET balance = balance - 80 WHERE … AND balance >= 80 checks and changes in one statement, and the
        number of rows tells whether it did.

        The second session's UPDATE still waits for the first to end, since both change the same row. Then PostgreSQL
        reads the row's newest version and evaluates the condition again: it no longer holds, no row is touched, and
        the transfer declines. The lock is held only from the UPDATE on, with no read before it to go stale.
        """,
    )
    async def guarded_update(self, bench: Bench, parameters: TwoTransfers) -> None:
        """The same transfers, with the check inside the UPDATE."""
        bench.note("B's UPDATE waits for A, then checks the balance again as A has left it.")
        await self._two_transfers(bench, parameters, guarded_update.transfer)

    @experiment(
        "Deadlock",
        question="Two transfers in opposite directions: who gives way?",
        why="""
        A locks Alice, then wants Bob; B locks Bob, then wants Alice. Each waits for the other, for ever, so after
        deadlock_timeout (1 s by default) PostgreSQL refuses the statement of the one that looked first, with 40P01.

        The victim's whole transaction is gone, not only the statement, so the whole transaction is run again: after a
        back-off with jitter, so that two victims do not meet again, and a bounded number of times.

        The second half of the run shows the fix: whoever needs several locks takes them in one agreed order, here
        that of the key. Then one waits for the other, and there is no circle.
        """,
    )
    async def deadlock(self, bench: Bench, parameters: OppositeTransfers) -> None:
        """Opposite transfers: locks as called, with retry; then locks in key order."""
        bench.note("A locks Alice and B locks Bob; then each wants the other's row.")
        as_called = await self._opposite_transfers(bench, parameters, deadlock.as_called)
        bench.verdict(
            "Every transfer was paid in the end",
            not as_called.errors,
            transfers=len(as_called),
            given_up=len(as_called.errors),
            deadlocks=as_called.refusals[bench.server.deadlock_code],
        )
        bench.note("Now the fix: the same two transfers, each locking the smaller key first.")
        in_key_order = await self._opposite_transfers(bench, parameters, deadlock.key_order)
        bench.verdict(
            "In key order there is no deadlock",
            not in_key_order.errors and not in_key_order.refusals[bench.server.deadlock_code],
            transfers=len(in_key_order),
            given_up=len(in_key_order.errors),
            deadlocks=in_key_order.refusals[bench.server.deadlock_code],
        )
        await bench.judge(*self.invariants)

    async def seed(self, connection: AsyncConnection, seed: int) -> None:
        """Three accounts, each with its opening balance in the ledger. There is nothing here to draw by lot."""
        await connection.execute(
            insert(Account),
            [{"id": key, "owner": owner, "balance": balance} for key, (owner, balance) in OPENING.items()],
        )
        await connection.execute(
            insert(LedgerEntry),
            [{"account_id": key, "amount": balance} for key, (_, balance) in OPENING.items()],
        )

    def state(self) -> dict[str, Rows]:
        """See `ledger.state`."""
        return ledger.state()

    async def watermark(self, connection: AsyncConnection) -> int:
        """The latest transfer."""
        return await connection.scalar(select(func.coalesce(func.max(Transfer.id), 0))) or 0

    async def compensate(self, connection: AsyncConnection, watermark: int) -> Sequence[str]:
        """See `ledger.reverse_since`."""
        return await ledger.reverse_since(connection, watermark)

    async def _two_transfers(self, bench: Bench, parameters: TwoTransfers, transfer: TransferFunction) -> None:
        async with bench.sessions("A", "B", isolation=parameters.isolation) as (a, b):
            await bench.play(
                ORDERS[parameters.order],
                {
                    a: partial(transfer, a, ALICE, BOB, parameters.amount),
                    b: partial(transfer, b, ALICE, CAROL, parameters.amount),
                },
                expected=(ledger.InsufficientFundsError,),
            )
        await bench.judge(*self.invariants)

    async def _opposite_transfers(self, bench: Bench, parameters: OppositeTransfers, lock_order: LockOrder) -> Outcomes:
        transfer = partial(deadlock.transfer_with_retry, attempts=parameters.attempts, transient=bench.server.transient)
        async with bench.sessions("A", "B", isolation=parameters.isolation) as (a, b):
            return await bench.play(
                ORDERS[parameters.order],
                {
                    a: partial(transfer, a, ALICE, BOB, parameters.amount, lock_order),
                    b: partial(transfer, b, BOB, ALICE, parameters.amount, lock_order),
                },
                expected=(ledger.InsufficientFundsError,),
            )


LAB = Races
