"""Strategies on real servers: each loads what was generated, and one that does not is found out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from labs.scale.customers import Customers
from labs.scale.models import Base
from labs.scale.server import Sizes
from labs.scale.strategies import catalogue, copy_text, executemany, orm_row_by_row
from labs.scale.strategies.catalogue import MODULES, STREAMED, Strategy, strategy
from labs.scale.strategies.experiments import RATE, again, judge, tell
from labs.scale.strategies.trial import Trial, attempt
from labs.stream.events import Noted
from labs.workbench import redo
from labs.workbench.bench import Bench
from labs.workbench.dataset.checksum import Digest
from labs.workbench.errors import LabError
from labs.workbench.runner import Runner
from tests.conftest import Heard
from tests.labs.scale import broken
from tests.labs.scale.told import fallen, measured, verdicts

LOADED = "Every strategy has loaded what was generated, row for row"
TWICE = "measured twice, does not differ from itself"


async def test_every_strategy_loads_what_was_generated_and_tells_what_it_cost(scale: Runner, heard: Heard) -> None:
    await scale.run("strategies", {"rows": 1000, "repeats": 4})
    assert [claim for claim in fallen(heard) if TWICE not in claim] == []
    engine = scale._place.server.name if scale._place else ""
    able = [one for one in map(strategy, MODULES.values()) if engine not in one.lacking]
    for one in able:
        for metric, most in (
            (RATE, 3e6),
            ("Program, most memory", 200.0),
            ("Server, most memory", 1000.0),
            (redo.NAME[engine], 3000.0),
            ("Program, CPU", 10_000.0),
            ("Table", 1000.0),
            ("Indexes", 1000.0),
        ):
            assert 0 < measured(heard)[metric, one.title].value < most, (metric, one.title)
    told = " ".join(event.text for event in heard.of(Noted))
    for one in map(strategy, MODULES.values()):
        assert (one.lacking[engine] in told) if engine in one.lacking else (f"{one.title} does not" not in told)


@pytest.mark.parametrize("load", [broken.drops, broken.doubles, broken.mangles, broken.takes_null_for_empty])
async def test_a_strategy_that_is_wrong_in_one_row_is_found_out(
    bench: Bench, load: Callable[..., Awaitable[None]]
) -> None:
    async with bench.empty_tables() as connection:
        assert not (await attempt(bench, connection, Strategy("Wrong", load), Customers(9, 2_000))).right
        right = strategy(executemany)
        assert (await attempt(bench, connection, right, Customers(9, 2_000))).right, "it began with an empty table"


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_one_wrong_load_makes_the_verdict_fall_and_is_named(
    scale: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "MODULES", {"wrong": SimpleNamespace(TITLE="Wrong", load=broken.drops)})
    assert await scale.run("strategies", {"rows": 1000, "repeats": 4, "strategies": "wrong"}) == "failed"
    assert LOADED in fallen(heard)
    assert verdicts(heard)[LOADED].evidence["wrong"] == "Wrong"


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_a_strategy_that_raises_ends_the_run_with_its_own_words(
    scale: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "MODULES", {"wrong": SimpleNamespace(TITLE="Wrong", load=broken.raises)})
    with pytest.raises(LabError, match="Wrong broke off: no more today"):
        await scale.run("strategies", {"rows": 1000, "repeats": 4, "strategies": "wrong"})
    assert await scale.roll_back()


@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_an_unknown_strategy_is_refused(scale: Runner) -> None:
    with pytest.raises(LabError, match="no strategy 'copy'"):
        await scale.run("strategies", {"strategies": "copy"})


def trial(rate: float, **other: Any) -> Trial:
    figures: dict[str, Any] = {
        "cpu_s": 0.1,
        "program_bytes": 1,
        "server_cpu_s": 0.1,
        "server_bytes": 1,
        "log_bytes": 1,
        "sizes": Sizes(1, 1),
        "stored": Digest(1000, 7),
        "expected": Digest(1000, 7),
    }
    return Trial(rows=1000, seconds=1000 / rate, **figures | other)


@pytest.mark.parametrize(
    ("fast", "slow", "twice", "fall"),
    [
        ([100.0, 101, 99, 100], [10.0, 11, 10, 10], [101.0, 100, 99, 101], []),
        ([10.0, 10, 10, 11], [10.0, 11, 10, 10], [10.0, 10, 11, 10], ["is faster"]),
        ([100.0, 20, 110, 10], [10.0, 60, 100, 9], [100.0, 20, 110, 10], ["is faster"]),
        ([100.0, 101, 99, 100], [10.0, 11, 10, 10], [140.0, 141, 139, 140], [TWICE]),
    ],
)
@pytest.mark.parametrize("either", ["postgres"], indirect=True)
async def test_claims_of_speed_hold_only_where_the_spread_allows_it(
    bench: Bench, heard: Heard, fast: list[float], slow: list[float], twice: list[float], fall: list[str]
) -> None:
    titles = copy_text.TITLE, orm_row_by_row.TITLE, again("postgres")
    trials = {title: [*map(trial, rates)] for title, rates in zip(titles, (fast, slow, twice), strict=True)}
    judge(bench, trials, tell(bench, trials))
    assert len(fallen(heard)) == len(fall)
    assert all(words in claim for words, claim in zip(fall, fallen(heard), strict=True))


async def test_all_forms_of_the_customers_are_the_same_customers(bench: Bench) -> None:
    customers = Customers(seed=3, rows=5_000, first=101, size=9_000)
    one, other = customers.halves()
    assert one.digest() + other.digest() == customers.digest()
    assert one.last + 1 == other.first and other.last == customers.last
    async with bench.empty_tables() as connection:
        engine = bench.server.create(application="test", schema=bench.schema, connections=2)
        try:
            for module in (STREAMED[bench.server.name], executemany):
                await module.load(engine, customers)
                assert await Customers.stored(bench.server, connection) == customers.digest()
                assert await Customers.stored(bench.server, connection, one.where) == one.digest()
                await connection.rollback()
                await bench.server.empty(connection, Base.metadata.sorted_tables)
                await connection.commit()
        finally:
            await engine.dispose()
