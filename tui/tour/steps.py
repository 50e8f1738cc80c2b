"""The steps of the tour, with the keys in effect."""

from __future__ import annotations

from collections.abc import Sequence

from labs.stream.events import RolledBack
from tui.actions import keys_of
from tui.text import clean
from tui.tour.tour import Scene, Step

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
            _catalogue,
        ),
        Step(
            f"A and B will each pay 80 out of the same 100. {step} starts them, and again lets A read the balance.",
            lambda scene, run: run is not None and run.experiment == FLAW and bool(run.statements),
            _flaw,
        ),
        Step(
            f"{step} once more: B reads the same balance, before A has written it.",
            lambda scene, run: (
                run is not None and run.experiment == FLAW and len({one.session for one in run.statements}) > 1
            ),
            _flaw,
        ),
        Step(
            f"Go on with {step} to the verdict, and watch Table: rows that have just changed are marked *.",
            lambda scene, run: run is not None and run.experiment == FLAW and run.complete,
            _flaw,
        ),
        Step(
            f"The same money was spent twice, and no error told anybody. {keys_of('show.why')} explains it.",
            lambda scene, run: scene.pane == "why" and scene.view.experiment == FLAW,
            _flaw,
        ),
        Step(
            f"{keys_of('past.back')} goes back in time by a step, and every pane with it. Try it a few times.",
            lambda scene, run: scene.view.past,
            _lab,
        ),
        Step(f"{keys_of('live')} returns to the present.", lambda scene, run: not scene.view.past, _lab),
        Step(
            f"{keys_of('experiment.next')} goes to the next experiment: a way out of it.",
            lambda scene, run: not scene.view.past and scene.view.experiment not in ("", FLAW),
            _lab,
        ),
        Step(
            f"Guess who will have to wait. Then {step} until somebody does: Locks says for whom, and for what.",
            lambda scene, run: run is not None and run.experiment != FLAW and scene.state.waiting,
            _lab,
        ),
        Step(
            f"{step} again, to the verdict: it is measured on the server, and can come out either way.",
            lambda scene, run: run is not None and run.experiment != FLAW and run.complete,
            _lab,
        ),
        Step(
            f"{keys_of('roll_back')}, then y: undone as production would undo it, and proved by a fingerprint.",
            # What is rolled back while a run is asked for is the beginning of that run, and nobody's answer to this.
            lambda scene, run: (
                isinstance(scene.state.upkeep, RolledBack) and not scene.view.asked and not scene.view.past
            ),
            _lab,
        ),
        Step(
            f"That is all it takes. {keys_of('help')} lists every key; in a lab, {keys_of('setup')} lists the other "
            "experiments.",
            lambda scene, run: False,
            lambda scene: "",
        ),
    )


def _catalogue(scene: Scene | None) -> str:
    return "" if scene is None else f"The tour goes on in the catalogue: {_leave(scene)}."


def _lab(scene: Scene | None) -> str:
    if scene is not None and not scene.recorded and scene.lab in ("", LAB):
        return ""
    keys = [*([_leave(scene)] if scene is not None else []), keys_of("jump.5"), keys_of("open")]
    return f"The tour goes on in the lab Races: {', then '.join(keys)}."


def _flaw(scene: Scene | None) -> str:
    if (there := _lab(scene)) or scene is None or scene.view.past or scene.view.experiment in ("", FLAW):
        return there
    title = clean(scene.state.title(FLAW))
    return f"The tour goes on with the experiment {title}: {keys_of('experiment.next')} until it is selected."


def _leave(scene: Scene) -> str:
    return keys_of("stop" if scene.recorded else "back")
