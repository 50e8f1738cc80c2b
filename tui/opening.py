"""What opens a cell of a survey in the lanes: the experiment that shows it, and with what."""

from __future__ import annotations

from dataclasses import dataclass

from labs.stream.events import AnomalyMeasured, OrdersExplored
from labs.stream.specs import Cell
from tui.actions import keys_of
from tui.text import clean, engine_name
from tui.view import ISOLATION

SERIAL = "serial"
"""As an experiment's order: each session to its end before the next one begins."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A run that shows one cell."""

    experiment: str
    parameters: dict[str, Cell]
    engine: str
    told: str
    """What it shows, as a sentence."""


def opening(cell: OrdersExplored | AnomalyMeasured) -> Opening | str:
    """The run that shows a cell; or a sentence why there is none."""
    if not cell.experiment:
        return "No experiment was recorded that shows this cell in the lanes."
    goes_on = f"{keys_of('step')} goes on, {keys_of('play_on')} plays on."
    place = f"at {clean(cell.isolation)}, on {engine_name(cell.engine)}"
    match cell:
        case AnomalyMeasured():
            outcome = "occurs" if cell.occurred else "does not occur"
            told = f"{clean(cell.anomaly).capitalize()} {place}: it {outcome}. {goes_on}"
            return Opening(cell.experiment, dict(cell.parameters), cell.engine, told)
        case OrdersExplored(failing=None):
            told = f"{clean(cell.variant)} {place}: no order breaks a claim, so this is its usual order."
            parameters = cell.parameters | {ISOLATION: cell.isolation}
        case OrdersExplored():
            order = cell.failing or SERIAL
            told = f"{clean(cell.variant)} {place}: {clean(order)} is the shortest order that breaks a claim."
            parameters = cell.parameters | {ISOLATION: cell.isolation, "order": order}
    return Opening(cell.experiment, parameters, cell.engine, f"{told} {goes_on}")
