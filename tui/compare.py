"""What came out otherwise than in the run before: the same order at another isolation level, or on another engine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labs.stream.specs import Cell
from tui.state import LabState, Run, Statement
from tui.text import clean, engine_name, plural, value
from tui.view import ISOLATION

WIDEST_VALUE_CELLS = 24


@dataclass(frozen=True, slots=True)
class Difference:
    """A statement whose outcome is not that of its counterpart."""

    statement: Statement
    step: int
    """Which statement of the run it is, counted from 1."""
    now: str
    before: str


def counterpart(state: LabState) -> Run | None:
    """The run that this one differs from in nothing but level and engine; none where there was none."""
    run, before = state.run, state.before
    if run is None or before is None or run.settings == before.settings:
        return None
    if run.ended is not None and not run.complete:
        return None
    alike = run.experiment == before.experiment and _plan(run.parameters) == _plan(before.parameters)
    return before if alike else None


def where(run: Run) -> str:
    """At which level, on which engine."""
    level = clean(str(run.parameters.get(ISOLATION, "")))
    return f"{level} on {engine_name(run.engine)}".removeprefix(" on ")


def differences(state: LabState) -> list[Difference]:
    """By session, statement by statement, until its two transactions part; in the order of steps."""
    run, before = state.run, counterpart(state)
    if run is None or before is None:
        return []
    others = {name: list(_sent(before, name)) for name in {one.session for one in before.statements}}
    found: list[Difference] = []
    taken: defaultdict[str, int] = defaultdict(int)
    parted: set[str] = set()
    steps = (statement for statement in run.statements if not statement.begins)
    for step, statement in enumerate(steps, 1):
        name = statement.session
        if name in parted:
            continue
        counterparts, at = others.get(name, []), taken[name]
        other = counterparts[at] if at < len(counterparts) else None
        taken[name] += 1
        if other is None or _verb(other) != _verb(statement):
            parted.add(name)
            told = "was not reached" if other is None else _verb(other)
            found.append(Difference(statement, step, f"went on to {_verb(statement)}", told))
        elif outcomes := _parted(statement, other):
            found.append(Difference(statement, step, *outcomes))
            if statement.failed != other.failed:
                parted.add(name)
    return found


def sentence(state: LabState, found: Sequence[Difference], most: int) -> str:
    """What differs, in at most so many cells where it is possible; empty where there is nothing to compare with."""
    before = counterpart(state)
    if before is None or state.run is None:
        return ""
    if not found:
        return f"as at {where(before)}" + (", statement by statement" if state.run.ended else " so far")
    told = [f"{clean(one.statement.session)} {one.now} at step {one.step}" for one in found]
    for shown in range(len(told), 0, -1):
        more = f", and {len(told) - shown} more" if shown < len(told) else ""
        line = f"differs from {where(before)}: {', '.join(told[:shown])}{more}"
        if len(line) <= most:
            break
    return line


def _plan(parameters: dict[str, Cell]) -> dict[str, Cell]:
    return {name: setting for name, setting in parameters.items() if name != ISOLATION}


def _sent(run: Run, session: str) -> Iterator[Statement]:
    return (statement for statement in run.statements if statement.session == session and not statement.begins)


def _parted(statement: Statement, other: Statement) -> tuple[str, str] | None:
    """What came of a statement, and of the other one; none where it was the same, or where that is not known yet."""
    waits, waited = statement.waited_since is not None, other.waited_since is not None
    if waits != waited and (waits or not statement.running):
        words = {True: "waited", False: "did not wait"}
        if statement.running or _outcome(statement) == _outcome(other):
            return words[waits], words[waited]
        return f"{words[waits]}, {_told(statement, other)}", f"{words[waited]}, {_told(other)}"
    if statement.running or _outcome(statement) == _outcome(other):
        return None
    return _told(statement, other), _told(other)


def _outcome(statement: Statement) -> tuple[object, ...]:
    """What must be equal. Servers have different codes for the same refusal, and keys that they hand out go on."""
    if statement.failed:
        return ("refused",)
    keys = _verb(statement) == "INSERT"
    return statement.rows, None if keys else tuple(tuple(map(value, record)) for record in statement.preview)


def _told(statement: Statement, other: Statement | None = None) -> str:
    """What came of a statement; in particular that it was not refused as the other one was."""
    if statement.failed:
        return f"refused {clean(statement.sqlstate)}" if statement.sqlstate else "broken off"
    if other is not None and other.failed:
        return "not refused"
    if statement.rows is None:
        return "ok"
    shown = ", ".join(value(cell, WIDEST_VALUE_CELLS) for cell in statement.preview[0]) if statement.preview else ""
    return plural(statement.rows, "row") + (f" → {shown}" if shown and _verb(statement) != "INSERT" else "")


def _verb(statement: Statement) -> str:
    return statement.sql.split(maxsplit=1)[0].upper().rstrip(";") if statement.sql.strip() else ""
