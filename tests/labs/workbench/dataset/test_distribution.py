"""What is generated is spread as is declared; the same measures fall for data spread evenly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from labs.workbench.dataset import Shop, calendar, orders, people, products
from labs.workbench.dataset.awkward import AWKWARD
from labs.workbench.dataset.vocabulary import KINDS, locales, slug

MOST = 5
"""Standard deviations of chi-squared that chance does not reach: the seed is fixed, so nothing is ever flaky."""


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop(3, 100_000)


@pytest.fixture(scope="module")
def customers(shop: Shop) -> dict[str, Sequence[Any]]:
    """Every column."""
    return columns(shop.customers)


def columns(table: Any) -> dict[str, Sequence[Any]]:
    rows = [row for block in table for row in block.tuples()]
    return {column.name: values for column, values in zip(table.columns, zip(*rows, strict=True), strict=True)}


def misfit(found: Sequence[Hashable], weights: Mapping[Any, float]) -> float:
    """How far a sample is from a distribution: chi-squared, in standard deviations from what chance gives."""
    counts, whole, kinds = Counter(found), sum(weights.values()), len(weights) - 1
    assert set(counts) <= set(weights)
    expected = {kind: weight * len(found) / whole for kind, weight in weights.items()}
    assert min(expected.values()) > 5
    chi_squared = sum((counts[kind] - count) ** 2 / count for kind, count in expected.items())
    return (chi_squared - kinds) / float((2 * kinds) ** 0.5)


def fits(found: Sequence[Hashable], weights: Mapping[Any, float]) -> bool:
    """Whether a sample is of a distribution; fails where the measure could not tell that from an even one."""
    assert misfit(found, dict.fromkeys(weights, 1.0)) > 2 * MOST
    return misfit(found, weights) < MOST


def test_countries(customers: dict[str, Sequence[Any]]) -> None:
    assert fits(customers["country"], {kind.code[3:]: kind.share for kind in KINDS})


@pytest.mark.parametrize(
    "locale", [locale for locale in locales() if locale.kind.share > 10], ids=lambda locale: locale.country
)
def test_a_few_cities_have_most_customers(customers: dict[str, Sequence[Any]], locale: Any) -> None:
    bins = {city: min(rank, 9 + rank // 10) for rank, (city, _) in enumerate(locale.cities)}
    weights: Counter[int] = Counter()
    for rank, part in enumerate(bins.values(), start=1):
        weights[part] += 1_000_000 // (rank + 1)
    pairs = zip(customers["country"], customers["city"], strict=True)
    found = [bins[city] for country, city in pairs if country == locale.country]
    largest, last = max(weights), sorted(weights)[-2]
    weights[last] += weights.pop(largest)  # which may hold too few to be counted
    assert fits([min(part, last) for part in found], weights)


def test_given_names(customers: dict[str, Sequence[Any]]) -> None:
    swedish = next(locale for locale in locales() if locale.country == "SE")
    slugs: Counter[str] = Counter()
    for rank, given in enumerate(swedish.given[:40], start=1):
        slugs[slug(given)] += 1_000_000 // (rank + 10)
    pairs = zip(customers["country"], customers["email"], strict=True)
    found = [email.split(".")[0] for country, email in pairs if country == "SE"]
    common = [name for name in found if name in slugs]
    assert misfit(common, slugs) < MOST < misfit(common, dict.fromkeys(slugs, 1))


def test_awkward_texts(customers: dict[str, Sequence[Any]]) -> None:
    kinds = {None: "none", "": "empty"} | {text: "awkward" for text in AWKWARD if text}
    # One of the awkward texts is the empty one.
    shares = {"none": 900, "empty": 10 + 20 / len(AWKWARD), "awkward": 20 - 20 / len(AWKWARD), "phrase": 70}
    assert fits([kinds.get(note, "phrase") for note in customers["note"]], shares)
    assert set(AWKWARD) <= set(customers["note"])
    telling = [text for text in AWKWARD if len(text.strip()) > 5]
    share = len(telling) / len(AWKWARD) / people.AWKWARD_NAMES
    assert fits([any(text in name for text in telling) for name in customers["name"]], {True: share, False: 1 - share})
    assert all(any(text in name for name in customers["name"]) for text in AWKWARD)


def test_times(customers: dict[str, Sequence[Any]]) -> None:
    created = customers["created_at"]
    assert fits([moment.hour for moment in created], dict(enumerate(calendar.HOURS)))
    weights: Counter[tuple[int, int]] = Counter()
    for day in calendar.DAYS:
        weights[day.year, day.weekday()] += calendar.weight(day)
    assert fits([(moment.year, moment.weekday()) for moment in created], weights)
    seconds = [moment.minute * 60 + moment.second for moment in created]
    assert misfit(seconds, dict.fromkeys(range(3600), 1)) < MOST
    days = [moment.date() for moment in created]
    assert days == sorted(days)


def test_what_may_be_missing(customers: dict[str, Sequence[Any]]) -> None:
    assert fits([phone is None for phone in customers["phone"]], {True: 123, False: 901})
    assert fits(customers["opt_in"], {False: 115, True: 90, None: 51})


def test_balances(customers: dict[str, Sequence[Any]]) -> None:
    balances = [float(balance) for balance in customers["balance"]]
    below = [0.0, *(10_000 * (step / 10) ** 3 for step in range(1, 11))]
    parts = [next(part for part, bound in enumerate(below) if balance <= bound) for balance in balances]
    # The first tenth are balances under ten: of those, the ones under a cent are nothing as well.
    nothing = (0.01 / 10_000) ** (1 / 3)
    owing = {0: 102 + 154 * nothing, 1: 154 * (0.1 - nothing)} | dict.fromkeys(range(2, 11), 15.4)
    assert fits(parts, owing)


def test_orders(shop: Shop) -> None:
    found = columns(shop.orders)
    days = np.array([(moment.date() - calendar.FIRST).days for moment in found["ordered_at"]])
    registered, customer = calendar.done_before(days, shop.customers.size), np.array(found["customer_id"])
    lately = registered > 1_000  # Of fewer, a share is too coarse.
    evened = (20 * ((customer - 0.5) / registered) ** 0.5).astype(int)[lately].tolist()
    even = dict.fromkeys(range(20), 1)
    assert misfit(evened, even) < MOST
    assert misfit((20 * customer[lately] // (registered[lately] + 1)).tolist(), even) > 100
    # Those first 1 % were all there were at first, and draw a tenth in the end: 0.01 + 0.2 * (1 - 0.1) in all.
    tops = sum(count for _, count in Counter(found["customer_id"]).most_common(1_000))
    assert 0.18 < tops / len(found["id"]) < 0.20
    recent = [moment.date() > calendar.DAYS[-1 - orders.RECENT_DAYS] for moment in found["ordered_at"]]
    for statuses, when in ((orders.STATUSES, False), (orders.RECENT_STATUSES, True)):
        pairs = zip(found["status"], recent, strict=True)
        assert fits([status for status, lately in pairs if lately is when], statuses)


def test_order_items(shop: Shop) -> None:
    found = columns(shop.order_items)
    lines = Counter(found["order_id"])
    assert fits([*lines.values()], dict(enumerate(orders.LINES, start=1)))
    assert fits(found["quantity"], dict(enumerate(orders.QUANTITIES, start=1)))
    bounds = [round(shop.products.size * (step / 10) ** 3) for step in range(1, 11)]
    parts = [next(part for part, bound in enumerate(bounds) if number <= bound) for number in found["product_id"]]
    sizes = dict(
        enumerate(((b / 1_000) ** (1 / 3) - (a / 1_000) ** (1 / 3)) for a, b in zip([0, *bounds], bounds, strict=False))
    )
    assert misfit(parts, sizes) < MOST


def test_products(shop: Shop) -> None:
    found = columns(Shop(3, 2_000_000).products)
    assert fits(found["category"], dict(zip(products.CATEGORIES, products.CATEGORY_WEIGHTS, strict=True)))
    dear: dict[str, list[Any]] = {name: [] for name in products.CATEGORIES}
    for category, price in zip(found["category"], found["price"], strict=True):
        dear[category].append(price)
    means = [sum(prices) / len(prices) for prices in dear.values()]
    assert means == sorted(means)
