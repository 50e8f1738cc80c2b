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
from labs.workbench.schedule import BOTH_READ_FIRST, SERIAL, Captions
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

LEVELS = ("read committed", "repeatable read", "serializable")
VARIANTS = {"Double spend": double_spend, "Lock the row": row_lock, "Check in the statement": guarded_update}
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


class Exploration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far to look."""

    amount: Amount = 80
    bound: Annotated[
        int, msgspec.Meta(ge=10, le=5000, description="orders a cell; above it the rest is drawn by lot")
    ] = 1000
    seed: Annotated[int, msgspec.Meta(ge=0, le=1_000_000, description="of what is drawn by lot")] = 1


class Races(Lab):
    """Who waits for whom, and who loses money?"""

    slug = "races"
    title = "Races"
    metadata = Base.metadata
    invariants = ledger.INVARIANTS

    @experiment(
        "Double spend",
        question="Two payments from an account that has the money for one: do both go through?",
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
        captions = {
            ("A", 1): "A reads Alice's balance, and finds enough.",
            ("B", 1): "B reads the same balance, and finds enough for itself too.",
            ("A", 6): "A commits: the row has changed. B still believes what it read before.",
            ("B", 2): "B writes what it computed from the balance that it read, not from the one that is there.",
        }
        await self._two_transfers(bench, parameters, double_spend.transfer, captions)

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
        captions = {
            ("A", 1): "A reads Alice's balance and locks the row with the same statement.",
            ("B", 1): "B asks for the same lock, and waits until A ends: see the Locks pane.",
            ("A", 6): "A commits and lets go of the row: now B reads it, as A has left it.",
        }
        await self._two_transfers(bench, parameters, row_lock.transfer, captions)

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
        captions = {
            ("A", 1): "A checks and changes Alice's row in one statement.",
            ("B", 1): "B does the same, and waits: A has changed the row and not committed.",
            ("A", 5): "A commits: B's UPDATE looks at the row again, and at its own condition.",
        }
        await self._two_transfers(bench, parameters, guarded_update.transfer, captions)

    @experiment(
        "Deadlock",
        question="Two transfers in opposite directions: who gives way?",
        why="""
        A locks Alice, then wants Bob; B locks Bob, then wants Alice. Each waits for the other, for ever, so after
        deadlock_timeout (1 s by default) PostgreSQL looks for the circle, and refuses one of the statements with 40P01.

        The victim's whole transaction is gone, not only the statement, so the whole transaction is run again: after a
        back-off with jitter, so that two victims do not meet again, and a bounded number of times.

        The second half of the run shows the fix: whoever needs several locks takes them in one agreed order, here
        that of the key. Then one waits for the other, and there is no circle.
        """,
    )
    async def deadlock(self, bench: Bench, parameters: OppositeTransfers) -> None:
        """Opposite transfers: locks as called, with retry; then locks in key order."""
        captions = {
            ("A", 1): "A locks Alice's row (id 1).",
            ("B", 1): "B locks Bob's row (id 2).",
            ("A", 2): "A wants Bob's row, which B has: it waits.",
            ("B", 2): "B wants Alice's row, which A has: nobody can go on. The server looks after deadlock_timeout.",
        }
        as_called = await self._opposite_transfers(
            bench, parameters, deadlock.as_called, "Every transfer was paid in the end", captions
        )
        deadlocks = as_called.refusals[bench.server.deadlock_code]
        bench.note(f"Deadlocks: {deadlocks}. Its victim was rolled back whole, and tried again after a back-off.")
        bench.note("Now the fix: the same two transfers, each locking the smaller key first.")
        in_key_order = await self._opposite_transfers(
            bench, parameters, deadlock.key_order, "In key order every transfer was paid too"
        )
        deadlocks = in_key_order.refusals[bench.server.deadlock_code]
        bench.verdict("In key order there is no deadlock", not deadlocks, deadlocks=deadlocks)
        await bench.judge(*self.invariants)

    @experiment(
        "Every order",
        question="Is there any order at all in which money gets lost?",
        why="""
        One bad order shows that a transfer is wrong; one good order shows nothing. Here each of the three transfers
        is run in every order that its statements can come in, at each level, and the money is counted after each.

        An order that needs a session which waits for a lock cannot happen, and is not tried. Of two orders that differ
        only in which of two plain reads came first, one is run.

        The double spend fails in most orders at read committed, and in none above it. The price is in the other
        columns: how often somebody waited, and how many statements were refused and would have to be run again.
        """,
    )
    async def every_order(self, bench: Bench, parameters: Exploration) -> None:
        """Three ways to transfer, three levels, all orders."""
        for title, module in VARIANTS.items():
            cells = {
                isolation: await bench.explore(
                    title,
                    {
                        "A": partial(_pay, module.transfer, ALICE, BOB, parameters.amount),
                        "B": partial(_pay, module.transfer, ALICE, CAROL, parameters.amount),
                    },
                    isolation=isolation,
                    invariants=self.invariants,
                    expected=(ledger.InsufficientFundsError,),
                    bound=parameters.bound,
                    seed=parameters.seed,
                )
                for isolation in LEVELS
            }
            violations = {isolation.replace(" ", "_"): cell.violations for isolation, cell in cells.items()}
            if module is double_spend:
                claim = "Reading, checking, writing loses money at read committed, and at no level above"
                holds = cells["read committed"].violations > 0 == sum(cells[level].violations for level in LEVELS[1:])
            else:
                claim = f"{title}: no order loses money, at any level"
                holds = not any(violations.values())
            bench.verdict(claim, holds, orders=sum(cell.orders for cell in cells.values()), **violations)

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

    async def _two_transfers(
        self, bench: Bench, parameters: TwoTransfers, transfer: TransferFunction, captions: Captions
    ) -> None:
        async with bench.reading() as connection:
            before = await self.watermark(connection)
            balance = await connection.scalar(select(Account.balance).where(Account.id == ALICE)) or 0
        affordable = min(balance // parameters.amount, 2)
        async with bench.sessions("A", "B", isolation=parameters.isolation) as (a, b):
            outcomes = await bench.play(
                ORDERS[parameters.order],
                {
                    a: partial(transfer, a, ALICE, BOB, parameters.amount),
                    b: partial(transfer, b, ALICE, CAROL, parameters.amount),
                },
                expected=(ledger.InsufficientFundsError,),
                captions=captions if parameters.order == "interleaved" else {},
            )
        for name, outcome in outcomes.items():
            bench.note(f"{name}: {_became(outcome)}")
        await bench.judge(
            ledger.payments_made("As many payments went through as the money allows", before, affordable),
            *self.invariants,
        )

    async def _opposite_transfers(
        self,
        bench: Bench,
        parameters: OppositeTransfers,
        lock_order: LockOrder,
        claim: str,
        captions: Captions | None = None,
    ) -> Outcomes:
        async with bench.reading() as connection:
            before = await self.watermark(connection)
        transfer = partial(deadlock.transfer_with_retry, attempts=parameters.attempts, transient=bench.server.transient)
        async with bench.sessions("A", "B", isolation=parameters.isolation) as (a, b):
            outcomes = await bench.play(
                ORDERS[parameters.order],
                {
                    a: partial(transfer, a, ALICE, BOB, parameters.amount, lock_order),
                    b: partial(transfer, b, BOB, ALICE, parameters.amount, lock_order),
                },
                expected=(ledger.InsufficientFundsError,),
                captions=captions if parameters.order == "interleaved" else {},
            )
        await bench.judge(ledger.payments_made(claim, before, 2))
        return outcomes


def _became(outcome: object) -> str:
    """What came of a transfer, in words."""
    if isinstance(outcome, ledger.InsufficientFundsError):
        return "declined, because the account no longer has the money."
    if isinstance(outcome, BaseException):
        return "refused by the server; the whole transfer would have to be run again."
    return "paid."


async def _pay(transfer: TransferFunction, source_id: int, target_id: int, amount: int, sessions: SessionMaker) -> None:
    await transfer(sessions, source_id, target_id, amount)


LAB = Races
