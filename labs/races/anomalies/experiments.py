"""The catalogue of anomalies: one in the lanes, or all of them at every level."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import msgspec

from labs.races.anomalies import needless
from labs.races.anomalies.adya import History, dependencies, flaw
from labs.races.anomalies.anomaly import Anomaly, ChangedItsMindError, Run, Transaction
from labs.races.anomalies.catalogue import ALL, BY_NAME, PERMITTED, promised
from labs.races.anomalies.items import put_back
from labs.races.anomalies.models import Item
from labs.races.parameters import Isolation
from labs.stream.cycles import drawn
from labs.stream.events import AnomalyMeasured
from labs.workbench.bench import Bench, Outcomes
from labs.workbench.lab import Watched, experiment
from labs.workbench.schedule import Captions
from labs.workbench.sessions import SessionMaker
from labs.workbench.turns import InOrder, Order, Rest

SESSIONS = "A", "B", "C"

AnomalyName = Annotated[
    Literal[
        "dirty write",
        "aborted read",
        "intermediate read",
        "circular information flow",
        "observed transaction vanishes",
        "predicate many preceders",
        "predicate many preceders, writing",
        "read skew",
        "read skew by condition",
        "read skew, writing by condition",
        "lost update",
        "write skew",
        "predicate write skew",
        "read only anomaly",
    ],
    msgspec.Meta(description="what is to go wrong"),
]


class OneAnomaly(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which anomaly, and where."""

    anomaly: AnomalyName = "lost update"
    isolation: Isolation = "read committed"


class AllAnomalies(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing is left to choose."""


class Strictness(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the same is tried again."""

    isolation: Isolation = "serializable"


class Anomalies:
    """What can go wrong between transactions, and where it does."""

    @experiment(
        "One anomaly",
        question="What exactly goes wrong, and who depends on whom?",
        watched=Watched((Item,)),
        why="""
        Each anomaly has its transactions, and the order of statements that provokes it. What they read and wrote
        says which of them depends on which (Adya 1999). An arrow A ─wr(x)→ B says that B read the x that A wrote;
        ww, that B wrote over it; rw, that A read an x that B then wrote over. In brackets is the row, or the
        condition of a search.

        If the arrows lead in a circle, each transaction in it would have to come before itself: no order of one
        after the other gives the same result. That is what an anomaly is, and which arrows the circle has says
        which one. Only two need no circle: to read what was rolled back, and to read what its writer went on to
        change.

        Where the level prevents it, see how: by a wait (the order of turns then cannot be kept), by a refusal, or
        by a snapshot, in which the reads are simply older. Nothing here knows beforehand what a level does.

        Try another anomaly, or another level, or step by hand in another order.
        """,
        expected="failed",
    )
    async def anomaly(self, bench: Bench, parameters: OneAnomaly) -> None:
        """One anomaly, in the lanes."""
        anomaly = BY_NAME[parameters.anomaly]
        for paragraph in anomaly.text.strip().split("\n\n"):
            bench.note(" ".join(paragraph.split()))
        history, outcomes = await self._in_the_lanes(
            bench, anomaly.transactions, anomaly.order, parameters.isolation, anomaly.captions
        )
        shown, wrong = anomaly.shown(history), flaw(history)
        bench.note(drawn(shown or wrong) or "No circle: the transactions that committed fit into a serial order.")
        bench.verdict(
            f"{anomaly.name.capitalize()} ({anomaly.code}) does not occur",
            not shown,
            circle=drawn(shown) or "none",
            dependencies=", ".join(sorted(drawn((one,)) for one in dependencies(history))) or "none",
            committed=", ".join(sorted(history.committed)),
            refused=", ".join(outcomes.refusals) or "none",
        )
        bench.verdict("What was committed fits into a serial order", not wrong, circle=drawn(wrong) or "none")

    @experiment(
        "All anomalies",
        stepped=False,
        question="What does each isolation level really prevent?",
        watched=Watched((Item,)),
        why="""
        The names of the isolation levels promise less than they seem to, and not the same on every server. So each
        anomaly is provoked at each level, and whether it occurred is computed from what the transactions read and
        wrote.

        Dirty writes (G0) are prevented everywhere: writers lock. Dirty reads (G1a, G1b, G1c, OTV) occur only at
        MariaDB's read uncommitted, which PostgreSQL does not have. Read committed sees a new state with each
        statement, so everything that needs two statements goes wrong: phantoms (PMP), read skew (G-single), lost
        updates (P4).

        PostgreSQL's repeatable read is snapshot isolation: reads see one snapshot, and who would overwrite what has
        changed since is refused with 40001. MariaDB's reads see a snapshot too, but its writes take the newest
        version: updates get lost, and a DELETE judges by rows that the reads do not see. With
        innodb_snapshot_isolation on, as it is by default from 11.6 on, it refuses with 1020 as PostgreSQL does.

        What snapshots cannot prevent is that two transactions each write what the other has read (G2-item, G2).
        Only serializable does: PostgreSQL lets both go on, looks for circles, and refuses with 40001, sometimes
        without need; MariaDB lets every read lock, so that transactions wait, and some meet in a deadlock, 1213.
        """,
    )
    async def anomalies(self, bench: Bench, parameters: AllAnomalies) -> None:
        """Every anomaly, at every level that the server has."""
        cells = []
        for level in bench.server.levels:
            async with (
                bench.reading() as connection,
                bench.sessions(*SESSIONS, isolation=level, told=False) as makers,
            ):
                for anomaly in ALL:
                    await put_back(connection)
                    await connection.commit()
                    cells.append(await self._measure(bench, anomaly, level, makers))
                    bench.show(cells[-1])
        promises = [cell for cell in cells if promised(cell.anomaly, cell.isolation)]
        broken = [f"{cell.anomaly} at {cell.isolation}" for cell in promises if cell.occurred]
        bench.verdict(
            "Each level prevents what the SQL standard wants it to prevent",
            not broken,
            promises=len(promises),
            broken=", ".join(broken) or "none",
        )
        if serializable := [cell for cell in cells if cell.isolation == "serializable"]:
            circles = sum(bool(cell.cycle) for cell in serializable)
            claim = "When serializable, whatever was committed fits into a serial order"
            bench.verdict(claim, not circles, anomalies=len(serializable), circles=circles)
        for cell in cells:
            if PERMITTED.get(cell.isolation) is BY_NAME[cell.anomaly]:
                claim = f"{cell.isolation.capitalize()} permits: {cell.anomaly}"
                bench.verdict(claim, cell.occurred, dependencies=drawn(cell.cycle) or "none")

    @experiment(
        "Refused without need",
        question="Is everything that serializable refuses really wrong?",
        watched=Watched((Item,)),
        why="""
        Both transactions look for values that three divides, and insert one that three does not divide. Neither has
        anything to do with the other: the new rows would not have been found. So at read committed both commit, and
        what they did fits into either order.

        Serializable refuses one of them all the same. No index leads to such values, so the search reads the whole
        table. PostgreSQL remembers just that, and takes every new row for one that might have been found: 40001.
        MariaDB has locked every row and every gap that the search went through, so that the two inserts wait for
        each other: 1213.

        That is part of the level's price, and a reason why whoever uses it has to be able to run a transaction
        again. At repeatable read nothing is refused here.
        """,
        expected="failed",
    )
    async def needless_refusal(self, bench: Bench, parameters: Strictness) -> None:
        """Two transactions that do not depend on each other: at read committed, then at the level given."""
        free, _ = await self._in_the_lanes(
            bench, needless.TRANSACTIONS, needless.ORDER, "read committed", needless.CAPTIONS
        )
        async with bench.reading() as connection:
            done = await put_back(connection)
            await connection.commit()
        for sentence in done:
            bench.note(sentence, put_back=(Item.__tablename__,))
        dependent = drawn(tuple(dependencies(free)))
        bench.note(f"At read committed: {dependent or 'both committed, and neither depends on the other.'}")
        _, outcomes = await self._in_the_lanes(
            bench, needless.TRANSACTIONS, needless.ORDER, parameters.isolation, needless.CAPTIONS
        )
        bench.verdict(
            f"At {parameters.isolation} nothing is refused that fits into a serial order",
            bool(flaw(free)) or not outcomes.refusals,
            refused=", ".join(outcomes.refusals) or "none",
            dependencies=len(dependencies(free)),
        )

    async def _in_the_lanes(
        self, bench: Bench, transactions: Mapping[str, Transaction], order: Order, level: str, captions: Captions
    ) -> tuple[History, Outcomes]:
        run = Run(transactions)
        async with bench.sessions(*transactions, isolation=level) as makers:
            outcomes = await bench.play(order, run.on(*makers), expected=(ChangedItsMindError,), captions=captions)
        run.ended(outcomes)
        return run.history, outcomes

    async def _measure(
        self, bench: Bench, anomaly: Anomaly, level: str, makers: Sequence[SessionMaker]
    ) -> AnomalyMeasured:
        run, turns = Run(anomaly.transactions), _Watched(anomaly.order)
        outcomes = await bench.run(turns, run.on(*makers), expected=(ChangedItsMindError,))
        run.ended(outcomes)
        shown = anomaly.shown(run.history)
        return AnomalyMeasured(
            anomaly=anomaly.name,
            code=anomaly.code,
            isolation=level,
            engine=bench.server.name,
            occurred=bool(shown),
            prevented_by="" if shown else _prevented_by(outcomes, turns),
            cycle=shown or flaw(run.history),
            experiment="anomaly",
            parameters={"anomaly": anomaly.name, "isolation": level},
        )


class _Watched(InOrder):
    """The order given, and whether it was kept: a session that waits for a lock cannot take its turn."""

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self.kept = True

    async def choose(self, rest: Rest, moved: asyncio.Event) -> str | None:
        """See `InOrder.choose`."""
        self.kept &= not set(self._left[:1]) & set(rest.waiting)
        return await super().choose(rest, moved)


def _prevented_by(outcomes: Outcomes, turns: _Watched) -> str:
    return ", ".join(outcomes.refusals) or ("" if turns.kept else "a wait")
