"""Every way to transfer, with many clients at once: what safety costs, and what going without it costs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median
from typing import Annotated

import msgspec
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.races.evidence import key
from labs.races.parameters import Isolation
from labs.races.transfers import double_spend, guarded_update
from labs.races.transfers.experiments import TransferFunction
from labs.races.transfers.variants import VARIANTS
from labs.races.under_load import books
from labs.races.under_load.books import Accounts
from labs.races.under_load.figures import Figure, figures, throughput
from labs.races.under_load.load import AMOUNT, Load, Round
from labs.stream.events import LatencySampled
from labs.workbench.bench import Bench
from labs.workbench.lab import Watched, experiment
from labs.workbench.latency import LatencyMeter
from labs.workbench.sessions import SessionMaker

NAIVE = next(title for title, module in VARIANTS.items() if module is double_spend)
GUARDED = next(title for title, module in VARIANTS.items() if module is guarded_update)
SERIALIZABLE = "serializable"
NAIVE_BUT_SERIALIZABLE = f"{NAIVE}, {SERIALIZABLE}"

LETS_OVERWRITE = ("read uncommitted", "read committed", "repeatable read, snapshot off")
"""The levels at which every server that has them lets a stale balance be written. Others refuse, or, as plain
repeatable read does, it depends on the server."""

PLENTY = 1000 * AMOUNT
"""A balance that does not run out before two clients have met."""

ROUNDS = 5
"""For each variant. They take turns, so that a moment in which the machine is busy does not strike one alone."""

WARM_UP_S = 0.05
"""Of each variant before the first round: connections prepare their statements."""


class Clients(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The fewer accounts, the more often two clients meet."""

    clients: Annotated[int, msgspec.Meta(ge=1, le=32, description="how many pay at the same time")] = 8
    accounts: Annotated[int, msgspec.Meta(ge=1, le=1000, description="how many accounts are paid from")] = 4
    seconds: Annotated[float, msgspec.Meta(ge=0.2, le=30, description="of load, for each way to transfer")] = 1.0
    isolation: Isolation = "read committed"
    balance: Annotated[
        int, msgspec.Meta(ge=0, le=100_000_000, description="what each account opens with; little of it runs out")
    ] = 1_000_000
    seed: Annotated[int, msgspec.Meta(ge=0, le=1_000_000, description="of who pays whom, and of the order")] = 1

    @property
    def must_lose(self) -> bool:
        """Whether the double spend cannot but lose payments: nobody minds, and two clients are sure to meet."""
        meet = 2 <= self.clients >= self.accounts and self.balance >= PLENTY
        return meet and self.isolation in LETS_OVERWRITE


class UnderLoad:
    """All variants, measured side by side."""

    @experiment(
        "Under load",
        stepped=False,
        watched=Watched(),
        question="What does it cost to lose no money, and what does it cost to lose some?",
        why="""
        Every client pays as fast as it can, from a few accounts that all of them share. After each round the books
        tell what was lost: the ledger has an entry for every payment, so a balance that differs from its entries
        lacks some. An account here either pays or is paid, so no two losses cancel out, and the count is exact.

        The double spend loses payments because nothing holds the row between its read and its write. It gains little
        by that: a row has one writer at a time, so every way to transfer waits at the write, and on an account that
        all want, this wait is most of the latency. That is what the sign ≈ says: no difference.

        A lock taken at the read is held for a few round trips more; a check in the statement needs no read at all.
        A version column, and the serializable level, refuse instead: the work is thrown away, and done again after a
        back-off. Most payments are then quick (p50), and some take many attempts (p99): compare the two.

        So contention decides. Raise the number of accounts: clients rarely meet, refusals get rare, and the double
        spend may well lose nothing for as long as you look, which does not make it right. Choose serializable: the
        server now refuses the double spend too, and the same code loses nothing, at the price of retries.

        The clients share the machine with the server: compare figures of one run with each other, not with those of
        another machine. All rounds take turns, so that a moment in which the machine is busy strikes all alike.
        """,
    )
    async def under_load(self, bench: Bench, parameters: Clients) -> None:
        """All variants in rounds, in shuffled order."""
        draw = Random(parameters.seed)
        async with (
            bench.empty_tables() as connection,
            bench.clients(parameters.clients, isolation=parameters.isolation) as clients,
            bench.clients(parameters.clients, isolation=SERIALIZABLE) as serializable,
        ):
            variants = [Variant(title, module.transfer, clients) for title, module in VARIANTS.items()]
            if parameters.isolation != SERIALIZABLE:
                variants.append(Variant(NAIVE_BUT_SERIALIZABLE, double_spend.transfer, serializable))
            measure = Measure(bench, parameters, connection, len(variants) * ROUNDS)
            for variant in variants:
                await measure.round(variant, WARM_UP_S, "warm-up")
            measure.begin()
            for turn in range(ROUNDS):
                for variant in draw.sample(variants, len(variants)):
                    variant.rounds.append(await measure.round(variant, parameters.seconds / ROUNDS, f"round {turn}"))
                tell(bench, variants)
        judge(bench, parameters, variants)


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """A way to transfer, at an isolation level."""

    title: str
    transfer: TransferFunction
    clients: Sequence[SessionMaker]
    rounds: list[Round] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Payments, over all rounds."""
        return sum(one.books.lost for one in self.rounds)


class Measure:
    """Runs rounds, each on accounts of its own, and tells how far it has come."""

    def __init__(self, bench: Bench, parameters: Clients, connection: AsyncConnection, total: int) -> None:
        self._bench = bench
        self._parameters = parameters
        self._connection = connection
        self._total = total
        self._opened = 0
        self._done = 0
        self._began: float | None = None

    def begin(self) -> None:
        """The rounds that count begin."""
        self._began, self._done = time.monotonic(), 0

    async def round(self, variant: Variant, seconds: float, seed: str) -> Round:
        """Open accounts, let all clients pay, read the books; with one seed all variants get the same payments."""
        accounts = Accounts(self._opened + 1, self._parameters.accounts)
        self._opened = accounts.payees.stop
        async with self._connection.begin():
            await accounts.open(self._connection, self._parameters.balance)
        meter = LatencyMeter("Payments", variant.title, self._took)
        load = Load(variant.transfer, seconds, self._transient, self._moved, meter)
        done = await load.run(variant.clients, accounts, f"{self._parameters.seed}, {seed}")
        async with self._connection.begin():
            done.books = await books.read(self._connection, accounts, AMOUNT)
        self._done += 1
        return done

    def _transient(self, error: BaseException) -> str | None:
        server = self._bench.server
        if not server.transient(error):
            return None
        return (server.sqlstate(error) if isinstance(error, DBAPIError) else None) or type(error).__name__

    def _took(self, column: LatencySampled) -> None:
        if self._began is not None:
            self._bench.show(column)

    def _moved(self, share: float) -> None:
        if self._began is not None:
            self._bench.progress("Under load", self._done + share, self._total, "rounds", since=self._began)


def tell(bench: Bench, variants: Sequence[Variant]) -> None:
    """The figures so far."""
    for variant in variants:
        for one in figures(variant.rounds):
            bench.measured(
                one.metric, variant.title, one.value, one.unit, samples=one.samples, low=one.low, high=one.high
            )


def judge(bench: Bench, parameters: Clients, variants: Sequence[Variant]) -> None:
    """What the books and the clients say."""
    by_title = {variant.title: variant for variant in variants}
    naive, guarded = by_title[NAIVE], by_title[GUARDED]
    others = {variant.title: variant.lost for variant in variants if variant is not naive}
    bench.verdict(
        "No way but the double spend loses payments",
        not any(others.values()),
        **{key(title): lost for title, lost in others.items()},
    )
    if parameters.must_lose:
        bench.verdict("The double spend loses payments", naive.lost > 0, lost=naive.lost)
    else:
        bench.note(
            f"Payments that the double spend lost: {naive.lost}. With this level, so many clients and accounts, and "
            "this balance it may lose some or none; at read committed, where clients meet, it has to."
        )
    typical, slowest = median(one.rate for one in guarded.rounds), min(one.rate for one in naive.rounds)
    bench.verdict(
        "Half of the rounds that check in the statement are as fast as the slowest of the double spend",
        typical >= slowest,
        median_of_checked=round(typical),
        lowest_of_double_spend=round(slowest),
        checked=_spread(throughput(guarded.rounds)),
        double_spend=_spread(throughput(naive.rounds)),
    )
    rounds = [one for variant in variants for one in variant.rounds]
    confirmed = sum(len(one.milliseconds) for one in rounds)
    entered = sum(one.books.entered for one in rounds)
    bench.verdict(
        "Every payment that was confirmed is in the ledger, once",
        confirmed == entered > 0,
        confirmed=confirmed,
        in_the_ledger=entered,
    )


def _spread(rate: Figure) -> str:
    return f"{rate.value:.0f} ({rate.low:.0f}–{rate.high:.0f}) payments/s"
