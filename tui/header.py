"""The first line: where this is and on what; and the server in a few words."""

from __future__ import annotations

from rich.text import Text

from tui.state import LabState
from tui.text import clean, clock, engine_name, spread, styled
from tui.view import View

SHORT_NAMES = {"PostgreSQL": "PG"}


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


def header_line(state: LabState, view: View, width: int, rate: str = "") -> Text:
    """Lab, experiment, what was set for it, engine, isolation level and default, how long it has run, live or not.

    ``rate`` is what goes to the terminal, where that matters.

    Where that is too much, the default is abbreviated first, then the server; then the clock goes, and so on.
    """
    lab = state.lab
    left = styled(" ", (clean(lab.title) if lab else "opening the lab", "title"))
    if spec := view.spec(state):
        left.append(" › ", "dim").append(clean(spec.title), "title")
    if settings := view.settings(state):
        left.append(f"  {settings}", "changed")
    engine = _engine(state)
    level: list[Text] = []
    default: list[Text] = []
    snapshot: list[Text] = []
    clock_part: list[Text] = []
    if lab is not None:
        chosen = _isolation(state, view).lower()
        level = [styled((chosen, "dim"))] if chosen else []
        default, snapshot = _default(clean(lab.isolation_default).lower(), chosen)
    if state.run is not None and not view.last(state):
        now = state.run.ended.t if state.run.ended else state.now
        clock_part = [styled((clock(now - state.run.started_at), "dim"))]
    mode = [*([styled((rate, "dim"))] if rate else []), _mode(state, view)]
    short = [Text(SHORT_NAMES.get(name, name) + rest) for one in engine for name, rest in [_parted(one.plain)]]
    for parts in (
        [*engine, *level, *default, *clock_part],
        [*engine, *level, *snapshot, *clock_part],
        [*short, *level, *snapshot, *clock_part],
        [*short, *level, *snapshot],
        [*short, *level],
        level,
    ):
        right = styled((" · ", "rule")).join([*parts, *mode]).append(" ")
        if left.cell_len + 1 + right.cell_len <= width:
            break
    return spread(left, right, width)


def _mode(state: LabState, view: View) -> Text:
    """Whether this is live, and how old it is where it is not."""
    if not view.live:
        told = "PAST" if view.past else "REPLAY"
        return styled((f"{told} {view.step}/{view.steps}" if view.steps else told, "wait"))
    return styled((f"! STALE {clock(state.unseen_s)}", "wait") if state.stale else ("LIVE", "ok"))


def _engine(state: LabState) -> list[Text]:
    if state.engine is not None and state.engine.state != "ready":
        return [engine_status(state)]
    return [Text(engine_label(state.lab.engine, state.lab.server_version))] if state.lab else []


def _default(default: str, chosen: str) -> tuple[list[Text], list[Text]]:
    """What the server would do unless asked, where that is something else; and how much of it must be said."""
    if default in ("", chosen):
        return [], []
    snapshot = default.partition(", ")[2] if ", " not in chosen else ""
    return [styled((f"default {default}", "dim"))], [styled((snapshot, "dim"))] if snapshot else []


def _parted(label: str) -> tuple[str, str]:
    name, space, version = label.partition(" ")
    return name, space + version


def _isolation(state: LabState, view: View) -> str:
    spec = view.spec(state)
    chosen = state.run.parameters if state.running and state.run else view.parameters
    declared = next((p.default for p in spec.parameters if "isolation" in p.name), None) if spec else None
    name = next((p.name for p in spec.parameters if "isolation" in p.name), "") if spec else ""
    if spec is not None and not name:
        return ""
    default = state.lab.isolation_default if state.lab else ""
    return clean(str(chosen.get(name) or declared or default))
