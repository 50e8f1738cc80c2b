"""Who waits in a circle, who gives way, and how not to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import msgspec

from labs.races import ledger
from labs.races.accounts import ALICE, BOB, CAROL
from labs.races.deadlocks import deadlock
from labs.races.deadlocks.deadlock import LockOrder
from labs.races.parameters import Amount, Attempts, Isolation, OrderName, turns
from labs.races.retry import retried
from labs.workbench.bench import Bench, Outcomes
from labs.workbench.lab import experiment
from labs.workbench.schedule import Captions
from labs.workbench.sessions import SessionMaker

BOTH_LOCK_FIRST: OrderName = "AB"
ALL_LOCK_FIRST: OrderName = "ABC"

PAID = "Every transfer was paid in the end"

Circle = Mapping[str, tuple[int, int]]
"""By session the accounts that it moves money from and to."""

OPPOSITE: Circle = {"A": (ALICE, BOB), "B": (BOB, ALICE)}
ROUND: Circle = {"A": (ALICE, BOB), "B": (BOB, CAROL), "C": (CAROL, ALICE)}


class CrossingTransfers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Each transfer's second account is another one's first."""

    isolation: Isolation = "read committed"
    amount: Amount = 10
    attempts: Attempts = 5
    order: OrderName = BOTH_LOCK_FIRST


class RoundTransfers(CrossingTransfers, frozen=True, forbid_unknown_fields=True):
    """As `CrossingTransfers`, for three."""

    order: OrderName = ALL_LOCK_FIRST


class Deadlocks:
    """Circles of waits."""

    @experiment(
        "Deadlock",
        question="Two transfers in opposite directions: who gives way?",
        watched=ledger.BOOKS,
        why="""
        A locks Alice, then wants Bob; B locks Bob, then wants Alice. Each waits for the other, for ever, so
        the server refuses one of the statements: PostgreSQL looks for the circle after deadlock_timeout (1 s by
        default), and says 40P01; MariaDB looks at each wait, so that the victim knows at once, and says 1213.

        The victim's whole transaction is gone, not only the statement, so the whole transaction is run again: after a
        back-off with jitter, so that two victims do not meet again, and a bounded number of times.

        The second half of the run shows the fix: whoever needs several locks takes them in one agreed order, here
        that of the key. Then one waits for the other, and there is no circle.
        """,
    )
    async def deadlock(self, bench: Bench, parameters: CrossingTransfers) -> None:
        """Opposite transfers: locks as called, with retry; then locks in key order."""
        captions = {
            ("A", 1): "A locks Alice's row (id 1).",
            ("B", 1): "B locks Bob's row (id 2).",
            ("A", 2): "A wants Bob's row, which B has: it waits.",
            ("B", 2): "B wants Alice's row, which A has: nobody can go on, until the server sees the circle.",
        }
        as_called = await self._crossing(bench, parameters, OPPOSITE, deadlock.as_called, PAID, captions)
        deadlocks = as_called.refusals[bench.server.deadlock_code]
        bench.note(f"Deadlocks: {deadlocks}. Its victim was rolled back whole, and tried again after a back-off.")
        await self._in_key_order(bench, parameters, OPPOSITE)

    @experiment(
        "Deadlock of three",
        question="Three transfers wait in a circle: how many have to give way?",
        watched=ledger.BOOKS,
        why="""
        A has Alice's row and wants Bob's, B has Bob's and wants Carol's, C has Carol's and wants Alice's. No two of
        them are in each other's way: only the circle as a whole has no way out, and a look at pairs would not find it.

        The server follows who waits for whom, from waiter to blocker, until it comes back to where it began, and
        refuses one statement. One is enough: the victim's transaction is rolled back, its row is free, and the
        other two end one after the other. More victims would be work thrown away for nothing.

        One agreed order of locks leaves no circle of any length: whoever has the highest key waits for nobody.
        """,
    )
    async def deadlock_of_three(self, bench: Bench, parameters: RoundTransfers) -> None:
        """Three transfers in a circle: locks as called, with retry; then locks in key order."""
        captions = {
            ("A", 1): "A locks Alice's row (id 1).",
            ("B", 1): "B locks Bob's row (id 2).",
            ("C", 1): "C locks Carol's row (id 3).",
            ("A", 2): "A wants Bob's row: it waits for B.",
            ("B", 2): "B wants Carol's row: it waits for C.",
            ("C", 2): "C wants Alice's row, and so would wait for A: the circle is closed.",
        }
        as_called = await self._crossing(bench, parameters, ROUND, deadlock.as_called, PAID, captions)
        victims = as_called.refusals[bench.server.deadlock_code]
        bench.verdict("One victim is enough for a circle of three", victims == 1, sessions=3, victims=victims)
        await self._in_key_order(bench, parameters, ROUND)

    async def _in_key_order(self, bench: Bench, parameters: CrossingTransfers, circle: Circle) -> None:
        bench.note("Now the fix: the same transfers, each locking the smaller key first.")
        outcomes = await self._crossing(
            bench, parameters, circle, deadlock.key_order, "In key order every transfer was paid too"
        )
        deadlocks = outcomes.refusals[bench.server.deadlock_code]
        bench.verdict("In key order there is no deadlock", not deadlocks, deadlocks=deadlocks)
        await bench.judge(*ledger.INVARIANTS)

    async def _crossing(
        self,
        bench: Bench,
        parameters: CrossingTransfers,
        circle: Circle,
        lock_order: LockOrder,
        claim: str,
        captions: Captions | None = None,
    ) -> Outcomes:
        async def until_paid(sessions: SessionMaker, source_id: int, target_id: int) -> None:
            once = partial(deadlock.transfer, sessions, source_id, target_id, parameters.amount, lock_order)
            await retried(once, attempts=parameters.attempts, transient=bench.server.transient)

        async with bench.reading() as connection:
            before = await ledger.latest_transfer(connection)
        async with bench.sessions(*circle, isolation=parameters.isolation) as sessions:
            outcomes = await bench.play(
                turns(parameters.order),
                {own: partial(until_paid, own, *ends) for own, ends in zip(sessions, circle.values(), strict=True)},
                expected=(ledger.InsufficientFundsError,),
                captions=captions if parameters.order in (BOTH_LOCK_FIRST, ALL_LOCK_FIRST) else {},
            )
        await bench.judge(ledger.payments_made(claim, before, len(circle)))
        return outcomes
