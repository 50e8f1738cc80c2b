"""Rounds in figures: each over all rounds of a variant, with how far single rounds lay apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean

from labs.races.under_load.load import Round

PER = 10_000


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one variant."""

    metric: str
    value: float
    unit: str
    samples: int
    low: float
    high: float


def figures(rounds: Sequence[Round]) -> Iterator[Figure]:
    """What safety costs, and what going without it costs; of what did not happen only the losses are told."""
    paid = [one for one in rounds if one.books.entered]
    if not paid:
        return
    yield _per_payments("Payments lost", paid, lambda one: one.books.lost)
    yield throughput(paid)
    for name, share in (("Latency p50", 0.50), ("Latency p99", 0.99)):
        confirmed = [one for one in paid if one.milliseconds]
        if confirmed:
            yield _figure(name, "ms", confirmed, partial(_quantile, share))
    yield _per_payments("Retries", paid, lambda one: one.retries)
    for code in sorted({code for one in paid for code in one.refusals}):
        yield _per_payments(f"Refused {code}", paid, partial(_refused, code))
    rare: dict[str, Callable[[Round], int]] = {
        "Given up": lambda one: one.given_up,
        "Declined": lambda one: one.declined,
        "Overspent": lambda one: one.books.overspent,
    }
    for name, count in rare.items():
        if any(map(count, paid)):
            yield _per_payments(name, paid, count)


def throughput(rounds: Sequence[Round]) -> Figure:
    """Payments a second."""
    return _figure("Throughput", "payments/s", rounds, lambda some: fmean(one.rate for one in some))


def _per_payments(metric: str, rounds: Sequence[Round], count: Callable[[Round], int]) -> Figure:
    return _figure(metric, f"per {PER:,}", rounds, lambda some: sum(map(count, some)) * PER / _entered(some))


def _figure(metric: str, unit: str, rounds: Sequence[Round], over: Callable[[Sequence[Round]], float]) -> Figure:
    single = [over([one]) for one in rounds]
    return Figure(metric, over(rounds), unit, _entered(rounds), min(single), max(single))


def _entered(rounds: Sequence[Round]) -> int:
    return sum(one.books.entered for one in rounds)


def _refused(code: str, one: Round) -> int:
    return one.refusals[code]


def _quantile(share: float, rounds: Sequence[Round]) -> float:
    """The nearest rank."""
    ordered = sorted(time for one in rounds for time in one.milliseconds)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
