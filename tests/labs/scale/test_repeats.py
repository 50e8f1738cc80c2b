"""Figures of repeated measurements: chance is not told as a difference, and a difference is told."""

from __future__ import annotations

from random import Random

import pytest

from labs.scale.limits.law import Law
from labs.scale.repeats import FEWEST, FINEST, MOST, figure
from labs.stream.figures import alike


@pytest.mark.parametrize("rounds", [FEWEST, 5, MOST])
@pytest.mark.parametrize("noise", [0.01, 0.3])
def test_a_thing_compared_with_itself_hardly_ever_differs(rounds: int, noise: float) -> None:
    draw = Random(1)

    def measured() -> list[float]:
        return [100 * draw.lognormvariate(0, noise) for _ in range(rounds)]

    differ = sum(not alike(figure("m", "a", measured(), "u"), figure("m", "b", measured(), "u")) for _ in range(2000))
    assert differ < 20, "fewer than one in a hundred"


def test_twice_as_fast_is_told_as_a_difference() -> None:
    draw = Random(1)
    told = 0
    for _ in range(200):
        slow, fast = ([rate * draw.lognormvariate(0, 0.05) for _ in range(5)] for rate in (100, 200))
        told += not alike(figure("m", "a", slow, "u"), figure("m", "b", fast, "u"))
    assert told > 190


def test_figures_closer_than_a_clock_can_tell_are_alike() -> None:
    one, near, far = (figure("m", "v", [rate] * 5, "u") for rate in (100.0, 100 * (1 + FINEST / 2), 110.0))
    assert alike(one, near) and not alike(one, far)


def test_a_law_is_found_again_and_projected() -> None:
    rows = [10_000, 30_000, 100_000, 300_000, 1_000_000]
    exact = Law.fitted(rows, [0.5 * one**0.8 for one in rows])
    assert exact.exponent == pytest.approx(0.8) and exact.spread == pytest.approx(0, abs=1e-6)
    assert exact.at(10**9)[0] == pytest.approx(0.5 * 10**7.2)
    assert exact.reaches(0.5 * 10**4.8) == pytest.approx(10**6)


def test_the_spread_of_a_law_has_the_true_exponent_in_it() -> None:
    draw, rows, within, projected = Random(2), [10**4, 3 * 10**4, 10**5, 3 * 10**5, 10**6, 3 * 10**6, 10**7], 0, 0
    for _ in range(300):
        law = Law.fitted(rows, [one * draw.lognormvariate(0, 0.2) for one in rows])
        within += abs(law.exponent - 1) <= law.spread
        _, low, high = law.at(10**9)
        projected += low <= 10**9 <= high
    assert within >= 297 and projected >= 297
    assert Law.fitted(rows, [draw.lognormvariate(0, 0.2) for _ in rows]).reaches(100) is None
