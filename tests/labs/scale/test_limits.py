"""Limits are found where they are."""

from __future__ import annotations

from collections.abc import Callable, Container

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.scale.limits import probe
from labs.scale.limits.search import largest
from labs.stream.events import Noted
from labs.workbench.engines.engine import Engine
from labs.workbench.runner import Runner
from tests.conftest import Heard
from tests.labs.scale.told import measured, verdicts


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 7, 8, 1000, 4095, 4096])
async def test_the_last_that_works_is_found_in_few_tries(limit: int) -> None:
    tried = []

    async def works(number: int) -> bool:
        tried.append(number)
        return number <= limit

    found = await largest(works, start=1, end=4096)
    assert found == (None if limit == 4096 else limit)
    assert len(tried) <= 26 and len(set(tried)) == len(tried)


STREAMED = "A stream gets to the end within the memory in which a list does not"


async def test_a_list_ends_the_program_and_a_stream_does_not(scale: Runner, heard: Heard) -> None:
    assert await scale.run("fetching", {"rows": 32_000, "cap_mib": 16}) == "passed"
    claim = verdicts(heard)[STREAMED]
    fitted, broke = claim.evidence["list_fitted"], claim.evidence["list_broke"]
    assert isinstance(fitted, int) and broke == max(1_000, fitted * 2) <= 32_000
    assert measured(heard)["Program, most memory", "A stream of 32,000"].value < 150


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_where_the_list_fits_nothing_is_claimed_of_it(scale: Runner, heard: Heard) -> None:
    assert await scale.run("fetching", {"rows": 1_000, "cap_mib": 256}) == "passed"
    assert verdicts(heard)[STREAMED].evidence["list_broke"] is None
    assert any("fitted into 256 MiB" in event.text for event in heard.of(Noted))


async def test_the_limits_of_a_statement_are_those_of_driver_and_server(scale: Runner, heard: Heard) -> None:
    assert await scale.run("statement", {}) == "passed"
    found = {metric: figure.value for (metric, _), figure in measured(heard).items()}
    assert found in (
        {"Binds of a statement, sent by asyncpg": 32_767, "Binds of a statement, sent by psycopg": 65_535},
        {"Binds of a statement that the server prepares": 65_535, "Bytes of a statement": 2**24 - 2},
    )


async def test_the_smallest_table_with_another_plan_is_found(scale: Runner, heard: Heard) -> None:
    assert await scale.run("plan_flip", {"rows": 4_000}) == "passed"
    one = measured(heard)["Not scanned from", "One e-mail address"].value
    many = measured(heard)["Not scanned from", "One country of sixteen"].value
    assert 1 <= one <= many < 4_000
    if scale._place and scale._place.server.name == "postgres":
        assert 20 < one < many, "the more rows are wanted, the later an index pays"


async def test_growth_is_measured_and_projected(scale: Runner, heard: Heard) -> None:
    assert await scale.run("growth", {}) in {
        "passed",
        "failed",
    }  # Beside other tests the spread may be too wide to tell.
    figures = measured(heard)
    assert len([variant for metric, variant in figures if metric == "Scan"]) == 7
    assert figures["Projected for 10^9 rows", "Scan"].value > 1 > figures["Projected for 10^9 rows", "Lookup"].value


BUDGET = "Measured again, half of that table keeps to the budget, and twice of it does not"


async def test_the_smallest_table_beyond_the_budget_is_found(scale: Runner, heard: Heard) -> None:
    assert await scale.run("budget", {"rows": 32_000, "budget_ms": 4}) in {"passed", "failed"}
    evidence = verdicts(heard)[BUDGET].evidence
    within, over = evidence["still_within"] or 0, evidence["over_from"]
    assert isinstance(within, int) and isinstance(over, int) and within < over <= max(1_000, within * 1.1 + 1)
    assert measured(heard)["p99", f"{over:,} rows"].value > 4


class Pretended:
    """A report that takes what it is said to, by the rows of the table."""

    def __init__(self, milliseconds: Callable[[int], float]) -> None:
        self._milliseconds, self._rows = milliseconds, 0

    async def fill(self, server: Engine, connection: AsyncConnection, rows: int) -> None:
        self._rows = rows

    async def report(self, connection: AsyncConnection) -> probe.Timed:
        takes = self._milliseconds(self._rows)
        return probe.Timed(takes / 2, takes, 100)


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
@pytest.mark.parametrize(
    ("takes", "outcome", "over"),
    [
        (lambda rows: rows / 1000, "passed", range(10_001, 11_002)),
        (lambda rows: 1.0, "passed", [None]),
        (lambda rows: 11.0 if 7_000 < rows < 9_000 else rows / 10_000, "failed", range(7_001, 9_000)),
        (lambda rows: 99.0, "failed", [1_000]),
    ],
    ids=["grows", "never over", "falls again", "over at once"],
)
async def test_the_budgets_verdict_can_fall(
    scale: Runner,
    heard: Heard,
    monkeypatch: pytest.MonkeyPatch,
    takes: Callable[[int], float],
    outcome: str,
    over: Container[object],
) -> None:
    pretended = Pretended(takes)
    monkeypatch.setattr(probe, "fill", pretended.fill)
    monkeypatch.setattr(probe, "report", pretended.report)
    assert await scale.run("budget", {"rows": 32_000, "budget_ms": 10}) == outcome
    assert verdicts(heard)[BUDGET].evidence["over_from"] in over
