"""What a run told, in the form in which the tests ask."""

from __future__ import annotations

from labs.stream.events import VerdictReached
from tests.conftest import Heard

UNCHANGED = "Nobody is missing, and no old column has changed"
DATED = "Every user has a date, and the server vouches for it"
TRUE = "The date is the one on which the user registered"


def verdicts(heard: Heard) -> dict[str, VerdictReached]:
    return {event.claim: event for event in heard.of(VerdictReached)}


def fallen(heard: Heard) -> list[str]:
    return [claim for claim, verdict in verdicts(heard).items() if not verdict.holds]
