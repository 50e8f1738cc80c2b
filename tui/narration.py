"""What the screen says in sentences: what comes next, and what just happened."""

from __future__ import annotations

from rich.text import Text

from labs.stream.events import LabReset, Noted, RolledBack
from tui import compare, refusals
from tui.actions import keys_of
from tui.plan import VERSIONS
from tui.sqltext import humanize
from tui.state import LabState, Run
from tui.text import OUTCOMES, clean, engine_name, plural, seconds, shorten, styled, value, wrap
from tui.view import View

_ARROWS = "scroll.up scroll.down lane.left lane.right"
_BADGES = {"ok": "verdict.good", "error": "verdict.bad"}


def next_line(state: LabState, view: View, width: int) -> Text:
    """What the next useful key does, or what is being waited for."""
    line = Text(" ")
    if not view.live:
        return line.append_text(_replay(state, view, width - 1))
    if view.over:
        return line.append("✗ ", "error").append("the lab's process has ended   ").append_text(_key("back", "back"))
    if view.asked:
        return line.append("… ", "wait").append(f"{view.asked}")
    if state.lab is None:
        if state.errors:
            return line.append("✗ ", "error").append("the lab could not be opened · ").append_text(_key("back", "back"))
        return line.append("… ", "wait").append("opening the lab: its process starts, then its server and its schema")
    run = state.run
    if view.choosing not in ("", VERSIONS) and not state.running:
        return line.append("NEXT ", "title").append_text(
            _keys(("step_lane", "show the cell in the lanes"), (_ARROWS, "choose"), ("show.lanes", "sessions"))
        )
    if refusals.lacking(state, view) and not state.running:
        line.append("✗ ", "error").append(f"does not run on {engine_name(state.lab.engine)}   ")
        return line.append_text(_keys(("engine.lab", "other engine"), ("experiment.next", "next experiment")))
    if run is None or view.last(state) or state.upkeep is not None:
        starts = [("step", "start: it runs by itself")]
        if view.stepped(state):
            starts = [("step", "start, step by step"), ("run", "run without stopping")]
        line.append(_done(state)).append("NEXT ", "title")
        return line.append_text(_keys(*starts, ("setup", "set up"), ("experiment.next", "next")))
    if run.ended is not None:
        return line.append_text(_outcome(state, run)).append_text(
            _keys(
                *[("level", "next level")] * (len(view.levels(state)) > 1),
                ("engine.lab", "engine"),
                ("experiment.next", "next"),
            )
        )
    if not run.stepped:
        return line.append_text(_by_itself(run))
    return line.append_text(_next_step(state, width - 1))


def _by_itself(run: Run) -> Text:
    """That nothing has to be done, and what can be; where a dial stands that is not at nought."""
    line = styled(("‖ ", "wait"), "paused   ") if run.paused else styled(("► ", "ok"), "running by itself   ")
    keys = [("pause", "go on" if run.paused else "pause")] if run.dials else []
    for name, setting in run.dials.items():
        if not isinstance(setting, bool):
            keys.append(("dial.up dial.down", f"{clean(name)} {value(setting, 12)}"))
    return line.append_text(_keys(*keys, ("cancel", "cancel")))


def _done(state: LabState) -> str:
    match state.upkeep:
        case RolledBack():
            return "rolled back · " if state.upkeep.clean else "not rolled back · "
        case LabReset():
            return "reset · "
    return ""


def _replay(state: LabState, view: View, width: int) -> Text:
    """Of a recording, or of the past: what came of the experiment, and what the next step shows."""
    if not view.over:
        return styled(("… ", "wait"), "reading the recording")
    run = state.run
    line = Text()
    if run is not None and run.ended is not None and state.upkeep is None:
        line = _outcome(state, run, told=not view.coming)
    if view.past:
        keys = [("past.on", "on"), ("past.back", "back"), ("live", "live")]
        keys += [("again", "run to here")] * view.stepped(state)
        line.append("PAST ", "wait").append_text(_keys(*keys))
        return line.append(f"   then {shorten(view.coming, max(width - line.cell_len - 8, 12))}", "dim")
    if view.playing:
        faster = f" at {view.speed:g}×" if view.speed != 1 else ""
        line.append("► PLAYING", "ok").append(f"{faster} {view.step}/{view.steps}   ")
        return line.append_text(_keys(("forward", "pause"), ("speed.up", "faster"), ("speed.down", "slower")))
    if not view.coming:
        return line.append("END ", "title").append_text(
            _keys(("backward", "back"), ("from_start", "start"), ("stop", "leave"))
        )
    line.append(f"NEXT {view.step + 1}/{view.steps}  ", "title").append(f"{keys_of('forward')}: ", "key")
    return line.append(shorten(view.coming, max(width - line.cell_len, 12)))


def _outcome(state: LabState, run: Run, *, told: bool = True) -> Text:
    if run.ended is None:
        return Text()
    words, role = OUTCOMES[run.ended.outcome]
    spec = state.experiment(run.experiment)
    meant = spec is not None and spec.expected == run.ended.outcome == "failed"
    how = " as it should: the flaw shows   " if meant else f" after {seconds(run.ended.seconds)}   "
    return styled((f" {words} ", _BADGES.get(role, role)), how if told else "  ")


def _next_step(state: LabState, width: int) -> Text:
    schedule = state.schedule
    if schedule is None:
        return styled(("… ", "wait"), "setting up")
    name = schedule.suggested
    held = state.sessions[name].held if name in state.sessions else None
    if name is None or held is None:
        return styled(("… ", "wait"), _busy(state))
    line = styled((f"NEXT {schedule.step + 1}  ", "title"), (f"{keys_of('step')}: ", "key"))
    what = f"{clean(name)} runs {humanize(held.sql, held.parameters, state.schema)}"
    return line.append(shorten(what, max(width - line.cell_len, 12)))


def _busy(state: LabState) -> str:
    waits = [
        f"{clean(session.name)} waits for {clean(', '.join(session.waiting_for)) or 'a lock'}"
        for session in state.sessions.values()
        if session.state == "waiting"
    ]
    works = [f"{clean(one.name)} runs on the server" for one in state.sessions.values() if one.state == "running"]
    return " · ".join(waits + works) or "the server works"


def message_lines(state: LabState, view: View, width: int, height: int) -> list[Text]:
    """The latest thing worth saying, over as many lines as there are."""
    run = state.run
    if state.waiting and state.running and not (view.live and view.over):
        return [_waits(state)]
    if view.opened and not state.statements and (state.running or view.asked):
        return _told(Text(), view.opened, width, height)
    if reason := "" if state.running else refusals.lacking(state, view):
        return _told(styled(("✗ ", "error")), reason, width, height)
    if not view.last(state):
        if state.upkeep is not None:
            return _told(*_upkeep(state, state.upkeep), width, height)
        if run is not None and run.ended is not None and state.verdicts:
            return _told(*_verdict(state), width, height)
        if state.running and (said := _still_said(state)):
            return _told(Text(), clean(" ".join(note.text for note in said)), width, height)
    spec = view.spec(state)
    before = state.before
    if run is None and spec is not None and before is not None and before.statements and before.experiment == spec.slug:
        runs = f"{keys_of('run')} runs the same here"
        told = f"Before: {compare.where(before)}. {runs}; what comes out otherwise is marked ≠."
        return _told(Text(), told, width, height)
    # Before the first run the lanes' place says it.
    return _told(Text(), clean(spec.question), width, height) if spec and run is not None else []


def _still_said(state: LabState) -> list[Noted]:
    """Before the first statement all that was noted; then what was noted of the latest statement, or since."""
    sent = [one.started_at for one in state.statements if not one.begins]
    return [note for note in state.notes if len(sent) < 2 or note.t > sent[-2]][-1 if sent else 0 :]


def _told(mark: Text, sentence: str, width: int, height: int) -> list[Text]:
    """A marked sentence, wrapped."""
    indent = mark.cell_len + 1
    first, *rest = wrap(sentence, width - indent - 1, height)
    return [styled(" ").append_text(mark).append(first), *(Text(" " * indent + line) for line in rest)]


def _waits(state: LabState) -> Text:
    line = Text(" ")
    for session in state.sessions.values():
        if session.state == "waiting":
            blockers = clean(", ".join(session.waiting_for)) or "a lock"
            line.append("… ", "wait").append(f"{clean(session.name)} waits for {blockers}, ")
            line.append(seconds(state.now - session.since) + "  ", "wait")
    return line


def _verdict(state: LabState) -> tuple[Text, str]:
    broken = [clean(verdict.claim) for verdict in state.verdicts if not verdict.holds]
    if not broken:
        told = f"{plural(len(state.verdicts), 'claim')} measured, all hold"
        return styled((" ✓ VERDICT ", "verdict.good"), " "), told
    return styled((" ✗ VERDICT ", "verdict.bad"), " "), "does not hold: " + "; ".join(broken)


def _upkeep(state: LabState, event: RolledBack | LabReset) -> tuple[Text, str]:
    if isinstance(event, LabReset):
        told = f"rebuilt from seed {event.seed}, fingerprint {clean(event.fingerprint)[:12]}"
        return styled((" ✓ RESET ", "verdict.good"), " "), told
    name = clean(state.title(event.experiment)) or "the latest experiment"
    if event.clean:
        mark = styled((" ✓ ROLLED BACK ", "verdict.good"), " ")
        return mark, f"{name}; the fingerprint from before it is back"
    mark = styled((" ✗ NOT ROLLED BACK ", "verdict.bad"), " ")
    return mark, f"{name} still differs: " + clean("; ".join(event.differences))


def _key(action_ids: str, does: str) -> Text:
    return styled((keys_of(*action_ids.split()), "key"), f" {does}")


def _keys(*pairs: tuple[str, str]) -> Text:
    return styled((" · ", "rule")).join([_key(key, does) for key, does in pairs])
