"""What a run told, in the form in which the tests ask."""

from __future__ import annotations

from labs.stream.events import Measured, VerdictReached
from tests.conftest import Heard


def verdicts(heard: Heard) -> dict[str, VerdictReached]:
    return {event.claim: event for event in heard.of(VerdictReached)}


def fallen(heard: Heard) -> list[str]:
    return [claim for claim, verdict in verdicts(heard).items() if not verdict.holds]


def measured(heard: Heard) -> dict[tuple[str, str], Measured]:
    return {(event.metric, event.variant): event for event in heard.of(Measured)}
