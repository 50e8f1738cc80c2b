"""Two doctors go off call at the same moment."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec

from labs.races.oncall import rota
from labs.races.oncall.rota import ADAMS, BAKER, ONE_ON_CALL, ONE_WENT, Doctor, NobodyElseError, Protection
from labs.races.parameters import Attempts, Isolation, OrderName, turns
from labs.races.retry import retried
from labs.workbench.bench import Bench
from labs.workbench.lab import Watched, experiment
from labs.workbench.sessions import SessionMaker

BOTH_LOOK_FIRST: OrderName = "AB"


class TwoDoctors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Both are on call, and both want to go."""

    isolation: Isolation = "repeatable read"
    protection: Annotated[Protection, msgspec.Meta(description="what the code does beside its check")] = "none"
    attempts: Attempts = 5
    order: OrderName = BOTH_LOOK_FIRST


class OnCall:
    """A rule about several rows, and two who each change another one."""

    @experiment(
        "On call",
        question="Two doctors are on call, one must stay: can both go at once?",
        watched=Watched((Doctor,)),
        why="""
        Each sees that the other is on call, and goes. Neither has changed a row that the other one changed, so there
        is no lost update to be refused: both commit, and nobody is on call. This is write skew. Repeatable read, which
        is a snapshot on either engine, lets it happen, with or without innodb_snapshot_isolation.

        At serializable one of them is refused. PostgreSQL notices that each has read what the other changed, and
        says 40001; MariaDB locks the rows that are read, the two wait for each other, and one gets 1213. Begun again,
        that one sees that nobody else is on call, and stays.

        With "lock rows" the check itself is SELECT … FOR UPDATE: whoever comes second waits, and then sees the rota as
        it is by now. It works at any level, as long as there are rows to lock. A rule about rows that are not there
        yet needs something else: see the booking.
        """,
        expected="failed",
    )
    async def on_call(self, bench: Bench, parameters: TwoDoctors) -> None:
        """Both check that somebody else is on call, and go."""
        captions = {
            ("A", 1): "Dr. Adams sees two on call, one of them somebody else.",
            ("B", 1): "Dr. Baker sees the same two.",
            ("A", 2): "Dr. Adams goes off call, changing the one row.",
            ("B", 2): "Dr. Baker goes off call, changing the other: no two writes meet.",
        }

        async def go(sessions: SessionMaker, doctor_id: int) -> None:
            once = partial(rota.go_off_call, sessions, doctor_id, parameters.protection)
            await retried(once, attempts=parameters.attempts, transient=bench.server.transient)

        async with bench.sessions("A", "B", isolation=parameters.isolation) as (a, b):
            outcomes = await bench.play(
                turns(parameters.order),
                {a: partial(go, a, ADAMS), b: partial(go, b, BAKER)},
                expected=(NobodyElseError,),
                captions=captions if parameters.order == BOTH_LOOK_FIRST and parameters.protection == "none" else {},
            )
        for doctor, outcome in zip(rota.NAMES.values(), outcomes.values(), strict=True):
            bench.note(f"{doctor} {_became(outcome)}")
        await bench.judge(ONE_ON_CALL, ONE_WENT)


def _became(outcome: object) -> str:
    if isinstance(outcome, NobodyElseError):
        return "stays, because nobody else is on call."
    if isinstance(outcome, BaseException):
        return "was refused by the server, and would have to try again."
    return "went off call."
