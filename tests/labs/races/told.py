"""What a run told, in the form in which the tests ask."""

from __future__ import annotations

from labs.stream.events import SessionChanged, StatementEnded, VerdictReached
from tests.conftest import Heard

CONSERVED, NOT_NEGATIVE, LEDGER = "Money is conserved", "No balance is below zero", "The ledger equals the balances"
AFFORDED = "As many payments went through as the money allows"


def verdicts(heard: Heard) -> dict[str, bool]:
    return {event.claim: event.holds for event in heard.of(VerdictReached)}


def fallen(heard: Heard) -> list[str]:
    return [claim for claim, holds in verdicts(heard).items() if not holds]


def refusals(heard: Heard) -> list[str]:
    return [event.sqlstate for event in heard.of(StatementEnded) if event.sqlstate]


def waits(heard: Heard) -> set[tuple[str, str]]:
    return {
        (event.session, blocker)
        for event in heard.of(SessionChanged)
        if event.state == "waiting"
        for blocker in event.waiting_for
    }
