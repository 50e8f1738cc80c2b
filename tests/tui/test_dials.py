"""What may be changed of a run while it runs: two keys, a command, and a word that comes back."""

from __future__ import annotations

from msgspec.structs import replace

from labs.stream.commands import OpenLab, TurnDial
from labs.stream.events import AnyEvent, DialTurned, ExperimentStarted, LabOpened
from labs.stream.specs import ParameterSpec
from tests.tui.screens import running, shows, until
from tests.tui.streams import DOUBLE_SPEND, Script, fold, opened, opening, started
from tui.narration import next_line
from tui.view import View

DIALS = (
    ParameterSpec(name="paused", type="bool", default=False),
    ParameterSpec(name="nice", type="float", default=0.0, minimum=0, maximum=10),
)


def with_dials() -> list[AnyEvent]:
    """A lab whose first experiment has dials."""
    spec = replace(DOUBLE_SPEND, dials=DIALS)
    return [replace(one, experiments=(spec,)) if isinstance(one, LabOpened) else one for one in opened()]


def test_a_dial_begins_at_the_parameter_of_its_name_and_goes_where_it_is_turned() -> None:
    begun = ExperimentStarted(t=2.0, experiment="double_spend", parameters={"nice": 1.5}, stepped=False)
    state = fold([*with_dials(), begun])
    assert state.run is not None and state.run.dials == {"paused": False, "nice": 1.5}
    view = View(experiment="double_spend")
    assert "running by itself" in next_line(state, view, 80).plain
    assert "p pause · +- nice 1.5" in next_line(state, view, 80).plain
    state.apply(DialTurned(t=3.0, dial="paused", value=True))
    state.apply(DialTurned(t=3.0, dial="nice", value=2.0))
    assert "‖ paused" in next_line(state, view, 80).plain
    assert "p go on · +- nice 2.0" in next_line(state, view, 80).plain


async def test_keys_turn_the_dials() -> None:
    def answer(command: object) -> list[AnyEvent]:
        return with_dials()[3:] if isinstance(command, OpenLab) else []

    script = Script(opening(), answer=answer)
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT Space start")
        await pilot.press("p")
        await shows(pilot, "Nothing is running that could be paused")
        script.say(*started(stepped=False))
        await shows(pilot, "p pause")
        await pilot.press("p")
        await until(pilot, lambda: script.sent[-1] == TurnDial(dial="paused", value=True))
        script.say(DialTurned(t=3.0, dial="paused", value=True))
        await shows(pilot, "‖ paused")
        await pilot.press("p", "plus")
        wanted = [TurnDial(dial="paused", value=False), TurnDial(dial="nice", value=0.5)]
        await until(pilot, lambda: script.sent[-2:] == wanted)


async def test_an_experiment_without_dials_says_so() -> None:
    def answer(command: object) -> list[AnyEvent]:
        return [*opened()[3:], *started(stepped=False)] if isinstance(command, OpenLab) else []

    async with running(Script(opening(), answer=answer)) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "c cancel")
        await pilot.press("p")
        await shows(pilot, "This experiment has nothing to change while it runs.")
