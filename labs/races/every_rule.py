"""Every order of the rules about more than one row, and, of what is too much for that, a sample that a seed draws."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import msgspec
from tenacity import wait_none

from labs.races import ledger
from labs.races.booking import hotel
from labs.races.booking.book import RoomTakenError
from labs.races.booking.experiments import FROM_NINE, FROM_TEN, PROTECTIONS
from labs.races.deadlocks import deadlock
from labs.races.deadlocks.experiments import PAID, ROUND
from labs.races.evidence import key
from labs.races.oncall import rota
from labs.races.oncall.rota import NobodyElseError
from labs.races.retry import retried
from labs.stream.events import OrdersExplored
from labs.stream.specs import Cell
from labs.workbench.bench import Bench
from labs.workbench.lab import Invariant, experiment
from labs.workbench.sessions import SessionMaker

AMOUNT = 10
ATTEMPTS = 5
"""How often each may be tried, without a back-off: who goes next is for the order to say."""
ALL = 5000
"""More orders than any two of these transactions have."""

COMMITTED, SERIALIZABLE = "read committed", "serializable"

Cells = Mapping[str, OrdersExplored]
"""By isolation level."""

Transaction = Callable[[SessionMaker], Awaitable[object]]


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many of the orders of three to look at."""

    sample: Annotated[
        int, msgspec.Meta(ge=5, le=2000, description="orders of three to run, and as many again by lot, at each level")
    ] = 6
    seed: Annotated[int, msgspec.Meta(ge=0, le=1_000_000, description="of what is drawn by lot")] = 21


@dataclass(frozen=True, slots=True)
class Case:
    """Transactions, by session, and what must hold after any order of them."""

    title: str
    transactions: Mapping[str, Transaction]
    invariants: Sequence[Invariant]
    experiment: str
    """What shows an order of it in the lanes."""
    parameters: Mapping[str, Cell]
    bound: int = ALL


class EveryRule:
    """Write skew, phantoms in every order that they can come in; circles of locks, in a sample."""

    @experiment(
        "Every order of the rules",
        stepped=False,
        question="Is there an order that leaves nobody on call, books a room twice, or ends in a circle?",
        why="""
        What "Every order" does to a payment is done here to rules about more than one row. Whatever the server refuses
        is begun again, so that the matrix shows the whole price of each protection: waits, refusals and retries.

        On call and booking break below serializable, in any order in which both look before one has committed. A lock
        on the rows that the check reads mends the first at every level. A lock on the room mends the second at read
        committed; PostgreSQL's repeatable read still books twice, because its snapshot is from before the wait. The
        constraint needs no level.

        Three transfers in a circle have thousands of orders, so they are sampled: some are run in turn, and as many
        are drawn by PCT, which gives each session a random priority, and lowers it at a few random steps. The same
        seed draws the same orders. Few of them deadlock, for all three have to lock before one wants its second row;
        in key order none can. A sample in which nothing fails is no proof: raise `sample`, or change the seed. The
        default one was chosen because it comes upon a deadlock within a few orders.
        """,
    )
    async def every_rule(self, bench: Bench, parameters: Rules) -> None:
        """Two doctors and two guests in all orders, three transfers in a sample of theirs; at all levels."""

        async def explored(case: Case) -> Cells:
            return {
                isolation: await bench.explore(
                    case.title,
                    {name: partial(_until_answered, bench, once) for name, once in case.transactions.items()},
                    isolation=isolation,
                    invariants=case.invariants,
                    expected=(NobodyElseError, RoomTakenError, ledger.InsufficientFundsError),
                    bound=case.bound,
                    seed=parameters.seed,
                    experiment=case.experiment,
                    parameters={"attempts": ATTEMPTS, **case.parameters},
                )
                for isolation in bench.server.levels
            }

        skew = await explored(_on_call("none"))
        _breaks_below_serializable(bench, "On call: some order leaves nobody on call", skew)
        skew = await explored(_on_call("lock rows"))
        _never_breaks(bench, "On call, lock rows: no order leaves nobody on call, at any level", skew)

        phantom = await explored(_booking("none"))
        _breaks_below_serializable(bench, "Booking: some order books the room twice", phantom)
        phantom = await explored(_booking("lock the room"))
        safe = {level: phantom[level] for level in (COMMITTED, SERIALIZABLE)}
        _never_breaks(bench, f"Booking, lock the room: no order books it twice at {' or '.join(safe)}", safe)
        phantom = await explored(_booking("constraint"))
        _never_breaks(bench, "Booking, constraint: no order books the room twice, at any level", phantom)

        circle = await explored(_circle("as called", deadlock.as_called, parameters.sample))
        _never_breaks(bench, "Deadlock of three, as called: all are paid after every order in the sample", circle)
        bench.note(f"Deadlocks in {_orders(circle)} orders of locks as called: {_deadlocks(bench, circle)}.")
        circle = await explored(_circle("in key order", deadlock.key_order, parameters.sample))
        _never_breaks(bench, "Deadlock of three, in key order: all are paid after every order in the sample", circle)
        deadlocks = _deadlocks(bench, circle)
        bench.verdict(
            "Deadlock of three, in key order: no order in the sample deadlocks, at any level",
            not deadlocks,
            orders=_orders(circle),
            deadlocks=deadlocks,
            seed=parameters.seed,
        )


async def _until_answered(bench: Bench, once: Transaction, sessions: SessionMaker) -> None:
    await retried(partial(once, sessions), attempts=ATTEMPTS, transient=bench.server.transient, wait=wait_none())


def _on_call(protection: rota.Protection) -> Case:
    return Case(
        "On call" if protection == "none" else f"On call, {protection}",
        {
            "A": lambda sessions: rota.go_off_call(sessions, rota.ADAMS, protection),
            "B": lambda sessions: rota.go_off_call(sessions, rota.BAKER, protection),
        },
        (rota.ONE_ON_CALL, rota.ONE_WENT),
        "on_call",
        {"protection": protection},
    )


def _booking(protection: str) -> Case:
    book, table, _ = PROTECTIONS[protection]
    return Case(
        "Booking" if protection == "none" else f"Booking, {protection}",
        {
            "A": lambda sessions: book(sessions, hotel.GARDEN_ROOM, "Alice", *FROM_NINE),
            "B": lambda sessions: book(sessions, hotel.GARDEN_ROOM, "Bob", *FROM_TEN),
        },
        (hotel.none_overlap(table), hotel.somebody_has_it(table)),
        "booking",
        {"protection": protection},
    )


def _circle(locks: str, lock_order: deadlock.LockOrder, bound: int) -> Case:
    def pays(source_id: int, target_id: int) -> Transaction:
        return lambda sessions: deadlock.transfer(sessions, source_id, target_id, AMOUNT, lock_order)

    return Case(
        f"Deadlock of three, {locks}",
        {name: pays(*ends) for name, ends in ROUND.items()},
        (ledger.payments_made(PAID, 0, len(ROUND)), *ledger.INVARIANTS),
        "deadlock_of_three",
        {"amount": AMOUNT},
        bound,
    )


def _breaks_below_serializable(bench: Bench, claim: str, cells: Cells) -> None:
    holds = cells[COMMITTED].violations > 0 == cells[SERIALIZABLE].violations
    bench.verdict(f"{claim} at {COMMITTED}, and none when {SERIALIZABLE}", holds, **_violations(cells))


def _never_breaks(bench: Bench, claim: str, cells: Cells) -> None:
    bench.verdict(claim, not any(cell.violations for cell in cells.values()), **_violations(cells))


def _violations(cells: Cells) -> dict[str, int]:
    return {"orders": _orders(cells)} | {key(isolation): cell.violations for isolation, cell in cells.items()}


def _orders(cells: Cells) -> int:
    return sum(cell.orders for cell in cells.values())


def _deadlocks(bench: Bench, cells: Cells) -> int:
    return sum(cell.refusals.get(bench.server.deadlock_code, 0) for cell in cells.values())
