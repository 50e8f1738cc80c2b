"""The steps of the tour, with the keys in effect."""

from __future__ import annotations

from collections.abc import Sequence

from labs.stream.events import RolledBack
from tui.actions import keys_of
from tui.tour.tour import Step

LAB = "races"
FLAW = "double_spend"
"""The experiment that the tour begins with."""


def steps() -> Sequence[Step]:
    """All of them, in order."""
    step = keys_of("step")
    return (
        Step(
            f"Nine labs, each on a real server of its own. {keys_of('jump.5')}, then {keys_of('open')}, opens Races, "
            "where two sessions want the same money.",
            lambda scene, run: scene.lab == LAB,
            in_lab=False,
        ),
        Step(
            f"A and B will each pay 80 out of the same 100. {step} starts them, and again lets A read the balance.",
            lambda scene, run: run is not None and bool(run.statements),
        ),
        Step(
            f"{step} once more: B reads the same balance, before A has written it.",
            lambda scene, run: run is not None and len({one.session for one in run.statements}) > 1,
        ),
        Step(
            f"Go on with {step} to the verdict, and watch Table: rows that have just changed are marked *.",
            lambda scene, run: run is not None and run.complete,
        ),
        Step(
            f"The same money was spent twice, and no error told anybody. {keys_of('show.why')} explains it.",
            lambda scene, run: scene.pane == "why",
        ),
        Step(
            f"{keys_of('past.back')} goes back in time by a step, and every pane with it. Try it a few times.",
            lambda scene, run: scene.view.past,
        ),
        Step(f"{keys_of('live')} returns to the present.", lambda scene, run: not scene.view.past),
        Step(
            f"{keys_of('experiment.next')} goes to the next experiment: a way out of it.",
            lambda scene, run: scene.view.experiment not in ("", FLAW),
        ),
        Step(
            f"Guess who will have to wait. Then {step} until somebody does: Locks says for whom, and for what.",
            lambda scene, run: run is not None and run.experiment != FLAW and scene.state.waiting,
        ),
        Step(
            f"{step} again, to the verdict: it is measured on the server, and can come out either way.",
            lambda scene, run: run is not None and run.experiment != FLAW and run.complete,
        ),
        Step(
            f"{keys_of('roll_back')}, then y: undone as production would undo it, and proved by a fingerprint.",
            lambda scene, run: isinstance(scene.state.upkeep, RolledBack),
        ),
        Step(
            f"That is all it takes. {keys_of('help')} lists every key, {keys_of('setup')} the other experiments.",
            lambda scene, run: False,
        ),
    )
