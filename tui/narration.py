"""What the screen says in sentences: where this is, what comes next, what just happened."""

from __future__ import annotations

from rich.text import Text

from labs.stream.events import LabReset, RolledBack
from tui.sqltext import humanize
from tui.state import LabState
from tui.text import clean, clock, plural, seconds, spread, styled, wrap
from tui.view import View

ENGINE_NAMES = {"postgres": "PostgreSQL", "postgresql": "PostgreSQL", "mariadb": "MariaDB"}
_OUTCOMES = {
    "passed": ("✓ passed", "verdict.good"),
    "failed": ("✗ failed", "verdict.bad"),
    "cancelled": ("– cancelled", "wait"),
}


def engine_name(engine: str) -> str:
    """An engine as its makers write it."""
    return clean(ENGINE_NAMES.get(engine.lower(), engine))


def engine_label(engine: str, version: str) -> str:
    """An engine and its version, each said once."""
    name = engine_name(engine)
    return clean(version) if version.startswith(name) else f"{name} {clean(version)}".rstrip()


def engine_status(state: LabState) -> Text:
    """The server in a few words, with a glyph for its state."""
    engine = state.engine
    if state.errors and (engine is None or engine.state in ("starting", "recovering")):
        return styled(("✗ no server", "error"))
    if engine is None:
        return styled(("… server starting", "dim"))
    name = engine_label(engine.engine, engine.server_version)
    match engine.state:
        case "ready":
            return styled(("● ", "ok"), f"{name} ", ("ready", "ok"))
        case "lost":
            return styled(("✗ ", "error"), f"{name} ", ("lost", "error"))
        case other:
            return styled((f"… {name} {other}", "wait"))


def header_line(state: LabState, view: View, width: int) -> Text:
    """Lab, experiment, engine, isolation, live or not, and how long it has been running."""
    lab = state.lab
    left = styled(" ", (clean(lab.title) if lab else "opening the lab", "title"))
    if spec := view.spec(state):
        left.append(" › ", "dim").append(clean(spec.title), "title")
    run = state.run
    parts: list[Text] = []
    if state.engine is not None and state.engine.state != "ready":
        parts.append(engine_status(state))
    elif lab is not None:
        parts.append(Text(engine_label(lab.engine, lab.server_version)))
    if lab is not None:
        parts.append(styled((_isolation(state, view).lower(), "dim")))
    if run is not None:
        now = run.ended.t if run.ended else state.now
        parts.append(styled((clock(now - run.started_at), "dim")))
    parts.append(styled(("LIVE", "ok")) if view.live else styled(("REPLAY", "wait")))
    return spread(left, Text(" · ", "rule").join(parts).append(" "), width)


def _isolation(state: LabState, view: View) -> str:
    spec = view.spec(state)
    chosen = state.run.parameters if state.running and state.run else view.parameters
    declared = next((p.default for p in spec.parameters if "isolation" in p.name), None) if spec else None
    name = next((p.name for p in spec.parameters if "isolation" in p.name), "") if spec else ""
    default = state.lab.isolation_default if state.lab else ""
    return clean(str(chosen.get(name) or declared or default))


def next_line(state: LabState, view: View) -> Text:
    """What the next useful key does, or what is being waited for."""
    line = Text(" ")
    if view.live and view.over:
        return line.append("✗ ", "error").append("the lab's process has ended   ").append_text(_key("Esc", "back"))
    if view.asked:
        return line.append("… ", "wait").append(f"{view.asked}")
    if state.lab is None:
        if state.errors:
            return line.append("✗ ", "error").append("the lab could not be opened · ").append_text(_key("Esc", "back"))
        return line.append("… ", "wait").append("opening the lab: its process starts, then its server and its schema")
    run = state.run
    if run is None and not view.live:
        return line.append("replaying")
    if run is None or (run.ended is not None and run.experiment != view.experiment):
        return line.append("NEXT ", "title").append_text(
            _keys(("Space", "start, step by step"), ("r", "run without stopping"), ("n", "next experiment"))
        )
    if run.ended is not None:
        words, role = _OUTCOMES[run.ended.outcome]
        line.append(f" {words} ", role)
        spec = state.experiment(run.experiment)
        meant = spec is not None and spec.expected == run.ended.outcome == "failed"
        line.append(" as it should: the flaw shows   " if meant else f" after {seconds(run.ended.seconds)}   ")
        if not view.live:
            return line.append("end of the recording · ", "dim").append_text(_key("Esc", "back"))
        return line.append_text(_keys(("n", "next"), ("u", "rollback"), ("Space", "anew")))
    if not run.stepped:
        return (
            line.append("► ", "ok")
            .append("running by itself   ")
            .append_text(_key("c", "cancel") if view.live else Text())
        )
    return line.append_text(_next_step(state, view))


def _next_step(state: LabState, view: View) -> Text:
    schedule = state.schedule
    if schedule is None:
        return styled(("… ", "wait"), "setting up")
    name = schedule.suggested
    if name is None:
        return styled(("… ", "wait"), _busy(state))
    held = state.sessions[name].held if name in state.sessions else None
    if held is None:
        return styled(("… ", "wait"), _busy(state))
    what = f"{clean(name)} runs {humanize(held.sql, held.parameters, state.schema)}"
    key = "Space: " if view.live else ""
    return styled(("NEXT ", "title"), (f"{schedule.step + 1}  ", "dim"), (key, "key"), what)


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
    if state.waiting and state.running and not view.over:
        return [_waits(state)]
    if state.upkeep is not None:
        return _told(*_upkeep(state.upkeep), width, height)
    if run is not None and run.ended is not None and run.experiment == view.experiment and state.verdicts:
        return _told(*_verdict(state), width, height)
    if state.running and state.notes:
        return _told(Text(), clean(state.notes[-1].text), width, height)
    spec = view.spec(state)
    return _told(Text(), clean(spec.question), width, height) if spec else []


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


def _upkeep(event: RolledBack | LabReset) -> tuple[Text, str]:
    if isinstance(event, LabReset):
        told = f"rebuilt from seed {event.seed}, fingerprint {clean(event.fingerprint)[:12]}"
        return styled((" ✓ RESET ", "verdict.good"), " "), told
    name = clean(event.experiment) or "the latest experiment"
    if event.clean:
        mark = styled((" ✓ ROLLED BACK ", "verdict.good"), " ")
        return mark, f"{name}; the fingerprint from before it is back"
    mark = styled((" ✗ NOT ROLLED BACK ", "verdict.bad"), " ")
    return mark, f"{name} still differs: " + clean("; ".join(event.differences))


def _key(key: str, does: str) -> Text:
    return styled((key, "key"), f" {does}")


def _keys(*pairs: tuple[str, str]) -> Text:
    return Text(" · ", "rule").join([_key(key, does) for key, does in pairs])
