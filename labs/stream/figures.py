"""How measured figures are written and compared, wherever they are shown."""

from __future__ import annotations

from collections.abc import Iterable

from labs.stream.events import Measured


def number(value: float) -> str:
    """A figure with as many digits as can be compared at a glance."""
    return f"{value:.1f}" if 0 < abs(value) < 10 else f"{value:,.0f}"


def spread(figure: Measured) -> str:
    """From its lowest to its highest; empty where it was not measured, or did not spread."""
    if figure.low is None or figure.high is None or figure.low == figure.high:
        return ""
    return f"{number(figure.low)}–{number(figure.high)}"


def alike(one: Measured, other: Measured) -> bool:
    """Whether each lies within the other's spread, so that no difference can be told."""
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return False
    return one.low <= other.value <= one.high and other.low <= one.value <= other.high


def grouped(figures: Iterable[Measured]) -> dict[tuple[str, str], list[Measured]]:
    """Figures of the same metric and unit together, in the order in which these came."""
    groups: dict[tuple[str, str], list[Measured]] = {}
    for figure in figures:
        groups.setdefault((figure.metric, figure.unit), []).append(figure)
    return groups
