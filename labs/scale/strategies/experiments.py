"""All strategies side by side, in shuffled rounds."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from random import Random
from typing import Annotated

import msgspec

from labs.scale import repeats
from labs.scale.customers import Customers
from labs.scale.loading import disk
from labs.scale.parameters import Rows, Seed
from labs.scale.repeats import FEWEST, MOST
from labs.scale.strategies import orm_row_by_row
from labs.scale.strategies.catalogue import STREAMED, Strategy, chosen, strategy
from labs.scale.strategies.trial import Trial, attempt
from labs.stream.events import Measured
from labs.stream.figures import alike
from labs.workbench import redo
from labs.workbench.bench import Bench
from labs.workbench.lab import Watched, experiment

MIB = 2**20
RATE = "Rows loaded"

Trials = dict[str, list[Trial]]
"""By title."""


class Comparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is compared, and how long."""

    rows: Rows = 10_000
    repeats: Annotated[
        int, msgspec.Meta(ge=FEWEST, le=MOST, description="rounds; the more, the smaller a difference can be told")
    ] = 5
    strategies: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^[a-z_]+([ ,]+[a-z_]+)*$",
            description="names of files in labs/scale/strategies, such as copy_text, unnest; or all",
        ),
    ] = "all"
    seed: Seed = 9


class Strategies:
    """Which way to insert rows is how fast, and what it costs."""

    @experiment(
        "Insertion strategies",
        stepped=False,
        watched=Watched(),
        question="COPY, batches, or one by one: how fast is each, and what does it cost besides?",
        why="""
        Each strategy is a file of a few lines in labs/scale/strategies: the code that a program would have. All insert
        the same customers into the same table with the same indexes, generated on the way from the same seed. Each
        round runs all of them in an order drawn by lot, so that a moment in which the machine is busy strikes all
        alike, and each trial has a process of its own, so that what it takes is what it takes. Slow strategies are
        given fewer rows: the note says which. Their rates tell the order of magnitude, not what they would be in a
        large table; and the sizes of so small ones are mostly rounding.

        A row costs four things: a round trip, a statement to be parsed and planned, a commit that waits for the disk,
        and the work on the table and its indexes. Each strategy leaves one more of them out. What COPY leaves is the
        last; when you look at the CPU seconds of the server, that is nearly all of them.

        The one that is measured twice under two names is the measure of the measure: of the two, no difference may be
        told. The spread behind each figure is made so that a comparison of a thing with itself finds a difference in
        fewer than one of a hundred; where ≈ stands, these rounds cannot tell the two apart.

        Then look at what is not speed: the log that each leaves is what a replica has to receive and a backup to keep;
        the memory of the program is what more rows at once cost; and indexes that are built afterwards, sorted, may be
        smaller than those that grew row by row.
        """,
    )
    async def strategies(self, bench: Bench, parameters: Comparison) -> None:
        """The strategies chosen, the slow and the streaming one always among them, and the latter twice."""
        here = _taking_part(bench, parameters.strategies)
        draw = Random(parameters.seed)
        trials: Trials = {one.title: [] for one in here}
        began = time.monotonic()
        total = len(here) * parameters.repeats
        async with bench.empty_tables() as connection:
            await disk.must_do(
                bench.server, connection, 2 * parameters.rows
            )  # indexes built afterwards are sorted first
            for _ in range(parameters.repeats):
                for one in draw.sample(here, len(here)):
                    rows = min(parameters.rows, one.at_most or parameters.rows)
                    customers = Customers(seed=parameters.seed, rows=rows)
                    trials[one.title].append(await attempt(bench, connection, one, customers))
                    done = sum(map(len, trials.values()))
                    bench.progress("Strategies", done, total, "trials", since=began)
        rates = tell(bench, trials)
        judge(bench, trials, rates)


def again(engine: str) -> str:
    """The title under which the streaming strategy takes part a second time."""
    return f"{STREAMED[engine].TITLE}, once more"


def _taking_part(bench: Bench, names: str) -> list[Strategy]:
    engine = bench.server.name
    wanted = [orm_row_by_row, STREAMED[engine]]
    here = {one.title: one for one in [*chosen(names), *map(strategy, wanted)]}
    able = [one for one in here.values() if engine not in one.lacking]
    for one in here.values():
        if engine in one.lacking:
            bench.note(f"{one.title} does not take part: {one.lacking[engine]}")
    if fewer := [f"{one.title} {one.at_most:,}" for one in able if one.at_most is not None]:
        bench.note(f"The slow ones are given no more rows than these: {'; '.join(fewer)}.")
    return [*able, strategy(STREAMED[engine], again(engine))]


def tell(bench: Bench, trials: Mapping[str, Sequence[Trial]]) -> dict[str, Measured]:
    """All figures; returns the rates by title."""
    rates = {
        title: repeats.tell(bench, RATE, title, [one.rate for one in some], "rows/s") for title, some in trials.items()
    }
    log = redo.NAME[bench.server.name]
    for title, some in trials.items():
        for metric, unit, values in (
            ("Program, most memory", "MiB", [one.program_bytes / MIB for one in some]),
            ("Server, most memory", "MiB", [one.server_bytes / MIB for one in some]),
            (log, "bytes/row", [one.log_bytes / one.rows for one in some]),
            ("Program, CPU", "µs/row", [one.cpu_s * 1e6 / one.rows for one in some]),
            ("Server, CPU", "µs/row", [one.server_cpu_s * 1e6 / one.rows for one in some]),
            ("Table", "bytes/row", [one.sizes.table / one.rows for one in some]),
            ("Indexes", "bytes/row", [one.sizes.indexes / one.rows for one in some]),
        ):
            if any(values):
                repeats.tell(bench, metric, title, values, unit)
    return rates


def judge(bench: Bench, trials: Mapping[str, Sequence[Trial]], rates: Mapping[str, Measured]) -> None:
    """What must be true of every strategy, and of the measurement."""
    wrong = {title: sum(not one.right for one in some) for title, some in trials.items()}
    bench.verdict(
        "Every strategy has loaded what was generated, row for row",
        not any(wrong.values()),
        loads=sum(map(len, trials.values())),
        wrong=", ".join(title for title, number in wrong.items() if number) or "none",
    )
    streamed, slow = STREAMED[bench.server.name].TITLE, orm_row_by_row.TITLE
    fast, one_by_one = rates[streamed], rates[slow]
    bench.verdict(
        f"{streamed} is faster than {slow}",
        fast.value > one_by_one.value and not alike(fast, one_by_one),
        times=round(fast.value / one_by_one.value, 1),
        fast=_written(fast),
        one_by_one=_written(one_by_one),
    )
    twice = rates[again(bench.server.name)]
    bench.verdict(
        f"{streamed}, measured twice, does not differ from itself",
        alike(fast, twice),
        once=_written(fast),
        again=_written(twice),
    )


def _written(rate: Measured) -> str:
    return f"{rate.value:,.0f} ({rate.low:,.0f}–{rate.high:,.0f}) rows/s"
