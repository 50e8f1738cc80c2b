"""Who waits in a circle, who gives way, and how not to."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec

from labs.races import ledger
from labs.races.accounts import ALICE, BOB
from labs.races.deadlocks import deadlock
from labs.races.deadlocks.deadlock import LockOrder
from labs.races.parameters import Amount, Isolation, OrderName, turns
from labs.workbench.bench import Bench, Outcomes
from labs.workbench.lab import experiment
from labs.workbench.schedule import Captions

BOTH_LOCK_FIRST: OrderName = "AB"


class OppositeTransfers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The transfers go in opposite directions between the same two accounts."""

    isolation: Isolation = "read committed"
    amount: Amount = 10
    attempts: Annotated[int, msgspec.Meta(ge=1, le=10, description="how often a transfer may be tried")] = 5
    order: OrderName = BOTH_LOCK_FIRST


class Deadlocks:
    """Circles of waits."""

    @experiment(
        "Deadlock",
        question="Two transfers in opposite directions: who gives way?",
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
    async def deadlock(self, bench: Bench, parameters: OppositeTransfers) -> None:
        """Opposite transfers: locks as called, with retry; then locks in key order."""
        captions = {
            ("A", 1): "A locks Alice's row (id 1).",
            ("B", 1): "B locks Bob's row (id 2).",
            ("A", 2): "A wants Bob's row, which B has: it waits.",
            ("B", 2): "B wants Alice's row, which A has: nobody can go on, until the server sees the circle.",
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
        await bench.judge(*ledger.INVARIANTS)

    async def _opposite_transfers(
        self,
        bench: Bench,
        parameters: OppositeTransfers,
        lock_order: LockOrder,
        claim: str,
        captions: Captions | None = None,
    ) -> Outcomes:
        async with bench.reading() as connection:
            before = await ledger.latest_transfer(connection)
        transfer = partial(deadlock.transfer_with_retry, attempts=parameters.attempts, transient=bench.server.transient)
        async with bench.sessions("A", "B", isolation=parameters.isolation) as (a, b):
            outcomes = await bench.play(
                turns(parameters.order),
                {
                    a: partial(transfer, a, ALICE, BOB, parameters.amount, lock_order),
                    b: partial(transfer, b, BOB, ALICE, parameters.amount, lock_order),
                },
                expected=(ledger.InsufficientFundsError,),
                captions=captions if parameters.order == BOTH_LOCK_FIRST else {},
            )
        await bench.judge(ledger.payments_made(claim, before, 2))
        return outcomes
