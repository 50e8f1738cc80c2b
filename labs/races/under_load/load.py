"""One round of a load: every client pays, again and again, until the time is up."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random

from labs.races.ledger import InsufficientFundsError
from labs.races.retry import retried
from labs.races.transfers.experiments import TransferFunction
from labs.races.under_load.books import EMPTY, Accounts, Books
from labs.workbench.latency import LatencyMeter
from labs.workbench.sessions import SessionMaker

AMOUNT = 10
"""What each payment moves."""

ATTEMPTS = 10
"""How often a payment is tried before its client gives up."""


@dataclass(slots=True)
class Round:
    """What the clients saw of it, and then what the books say."""

    milliseconds: list[float] = field(default_factory=list)
    """Of each payment that was confirmed, from its first attempt to the end of its last."""
    rate: float = 0.0
    """Payments confirmed a second: the sum of what each client came to in its own time. Who is still in a back-off
    when the others have stopped so neither lowers their rate nor loses what it does."""
    retries: int = 0
    declined: int = 0
    given_up: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    """Attempts that ended in a transient error, by its code."""
    books: Books = EMPTY


@dataclass(frozen=True, slots=True)
class Load:
    """How a round is run."""

    transfer: TransferFunction
    seconds: float
    transient: Callable[[BaseException], str | None]
    """The code of an error that a fresh attempt may get past; none for any other."""
    moved: Callable[[float], None]
    """Told, after each payment, which share of the time is over."""
    meter: LatencyMeter
    """Of the payments, each from its first attempt to the end of its last."""

    async def run(self, clients: Sequence[SessionMaker], accounts: Accounts, seed: str) -> Round:
        """Let all clients pay, each at least once, drawing who pays whom from the seed."""
        done = Round()
        try:
            async with self.meter.telling(), asyncio.TaskGroup() as group:
                for number, sessions in enumerate(clients):
                    draw = Random(f"{seed}, client {number}")
                    group.create_task(self._client(sessions, accounts, draw, done))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return done

    async def _client(self, sessions: SessionMaker, accounts: Accounts, draw: Random, done: Round) -> None:
        began = time.perf_counter()
        seconds, confirmed = 0.0, 0
        while seconds < self.seconds:
            with self.meter.timed():
                confirmed += await self._pay(sessions, draw.choice(accounts.payers), draw.choice(accounts.payees), done)
            seconds = time.perf_counter() - began
            self.moved(min(seconds / self.seconds, 1))
        done.rate += confirmed / seconds

    async def _pay(self, sessions: SessionMaker, payer: int, payee: int, done: Round) -> bool:
        refused = 0

        def transient(error: BaseException) -> bool:
            nonlocal refused
            code = self.transient(error)
            if code is not None:
                refused += 1
                done.refusals[code] += 1
            return code is not None

        pay = partial(self.transfer, sessions, payer, payee, AMOUNT)
        began = time.perf_counter()
        try:
            await retried(pay, attempts=ATTEMPTS, transient=transient)
        except InsufficientFundsError:
            done.declined += 1
            return False
        except Exception:
            if refused < ATTEMPTS:
                raise
            done.given_up += 1
            return False
        else:
            done.milliseconds.append((time.perf_counter() - began) * 1000)
            return True
        finally:
            done.retries += min(refused, ATTEMPTS - 1)
