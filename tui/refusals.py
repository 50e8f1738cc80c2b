"""Why an action cannot act now, as a sentence for the person; empty when it can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.text import clean, engine_name

if TYPE_CHECKING:
    from tui.state import LabState
    from tui.view import View


def needs_server(state: LabState, view: View) -> str:
    """For what only a living, open lab can do, in the present."""
    if view.past:
        again = f", {_key('again')} runs it again up to here" if view.stepped(state) else ""
        return f"This is step {view.step} of {view.steps}, in the past. {_key('live')} goes back to live{again}."
    if view.over:
        return f"The lab's process has ended. {_key('back')} goes back to the catalogue; open the lab again there."
    if state.lab is None:
        return "The lab is not open yet: the server is still getting ready."
    return ""


def needs_answer(state: LabState, view: View) -> str:
    """For what cannot be asked while something else is."""
    return needs_server(state, view) or (f"The lab is {view.asked}; that comes first." if view.asked else "")


def cannot_run_to_here(state: LabState, view: View) -> str:
    """For a run up to the step of the past that is shown."""
    if not view.stepped(state):
        return "This experiment runs by itself: there is no step up to which it could be run again."
    if not view.past:
        return f"This is the present. {_key('past.back')} goes back; from there it can be run again up to that step."
    return "" if state.run is not None else "No experiment had begun here yet."


def lacking(state: LabState, view: View) -> str:
    """For running an experiment that the engine cannot run."""
    spec = view.spec(state)
    reason = spec.lacking.get(state.lab.engine) if spec is not None and state.lab is not None else None
    if spec is None or state.lab is None or not reason:
        return ""
    return f"{clean(spec.title)} does not run on {engine_name(state.lab.engine)}: {clean(reason)}"


def cannot_run(state: LabState, view: View) -> str:
    """For the start of a run."""
    return needs_peace(state, view) or lacking(state, view)


def cannot_go_on_to_next_level(state: LabState, view: View) -> str:
    """For a run at the next isolation level."""
    if reason := cannot_run(state, view):
        return reason
    return "" if len(view.levels(state)) > 1 else "This experiment has no isolation level to choose."


def needs_peace(state: LabState, view: View) -> str:
    """For what cannot be done while something runs."""
    if reason := needs_answer(state, view):
        return reason
    if state.running:
        on = f", {_key('play_on')} lets it play on by itself" if state.stepping else ""
        return f"An experiment is running. {_key('cancel')} ends it{on}."
    return ""


def cannot_step(state: LabState, view: View) -> str:
    """For the next step, or the start of a stepped run."""
    if not state.running:
        return cannot_run(state, view)
    return needs_server(state, view) or ("" if state.stepping else f"It runs by itself; {_key('cancel')} ends it.")


def cannot_step_lane(state: LabState, view: View) -> str:
    """For the next step of the chosen lane."""
    if reason := needs_server(state, view):
        return reason
    if not state.stepping:
        if not view.stepped(state):
            return "This experiment runs by itself: it has no lane that could be stepped."
        return f"Nothing is being stepped. {_key('step')} starts the experiment step by step."
    return "" if view.lane else f"Choose a lane first, with {_key('lane.left')} and {_key('lane.right')}."


def cannot_play_on(state: LabState, view: View) -> str:
    """For letting a stepped run go on by itself."""
    if reason := needs_server(state, view):
        return reason
    if state.stepping:
        return ""
    if state.running:
        return f"It runs by itself already; {_key('cancel')} ends it."
    return f"Nothing is being stepped. {_key('run')} runs the experiment without stopping."


def cannot_cancel(state: LabState, view: View) -> str:
    """For ending a run."""
    return needs_server(state, view) or ("" if state.running else "Nothing is running.")


def cannot_turn(state: LabState, view: View) -> str:
    """For changing what may be changed of a run while it runs."""
    if reason := needs_server(state, view):
        return reason
    if not state.running:
        return "Nothing is running that could be paused or slowed down."
    return "" if state.run is not None and state.run.dials else "This experiment has nothing to change while it runs."


def cannot_roll_back(state: LabState, view: View) -> str:
    """For undoing the latest experiment; one that runs is ended by it, and its open transactions rolled back."""
    return cannot_reset(state, view) or (
        "" if state.running or state.undoable else "There is nothing to roll back: nothing has run since the last one."
    )


def cannot_reset(state: LabState, view: View) -> str:
    """For rebuilding the schema; what runs is ended by it."""
    if state.running:
        return needs_server(state, view)
    return needs_peace(state, view)


def cannot_choose_lane(state: LabState, view: View) -> str:
    """For choosing a lane."""
    return "" if state.sessions else f"There are no lanes yet. {_key('step')} starts the experiment."


def _key(action_id: str) -> str:
    # The registry holds these refusals, so that it can only be looked into once it is whole.
    from tui.actions import keys_of

    return keys_of(action_id)
