"""The recordings of a lab, a line each, and the offer to go on with a run that was broken off. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from tui.actions import keys_of
from tui.text import OUTCOMES, clean, cut, engine_name, fit, plural, row, seconds, styled, wrap

if TYPE_CHECKING:
    from tui.recordings.summary import Recording

_ENGINE_CELLS, _LENGTH_CELLS, _ENDED_CELLS = 10, 8, 19
_LONGEST_TITLE_CELLS = 60
_NARROW_CELLS = 76
"""With less than this, the engine is left out."""
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


def first_shown(count: int, chosen: int | None, height: int) -> int:
    """Which recording the list begins with, so that the chosen one is in it."""
    return min(max((chosen or 0) - height + 1, 0), max(count - height, 0))


def lines(found: Sequence[Recording], chosen: int | None, rows: range, width: int) -> list[Text]:
    """A heading, and of the recordings those rows."""
    below = len(found) - rows.stop
    more = f" · {below} more: ↓" if below > 0 else ""
    heading = styled(("─ ", "rule"), (f"{plural(len(found), 'recording')}{more}", "title"), " ")
    heading.append_text(styled((keys_of("recordings.next"), "key"), " ") if chosen is None else Text())
    heading.append("─" * (width - heading.cell_len), "rule")
    shown = []
    for at in rows:
        line = fit(_line(found[at], width - 1, "▌ " if at == chosen else "  "), width)
        if at == chosen:
            line.stylize("cursor")
        shown.append(line)
    return [heading, *shown]


def offer(one: Recording, now: datetime, width: int) -> list[Text]:
    """Where the latest run was broken off, and the keys that go on from there or do not."""
    way = one.broken_off
    if way is None:
        return []
    place = ", ".join(filter(None, (engine_name(one.engine), _level(one))))
    told = f"The last run stopped at step {way.step} of {clean(one.experiment)} ({place}), {ago(now, one.until)}."
    first, *rest = wrap(told, width - 4)
    keys = styled(
        "   ", (keys_of("resume"), "key"), " goes on from there   ", (keys_of("forget"), "key"), " forgets it"
    )
    return [styled((" … ", "wait"), first), *(Text(f"   {line}") for line in rest), keys]


def ago(now: datetime, then: datetime) -> str:
    """How long ago something was, in its largest unit."""
    past = (now - then).total_seconds()
    for unit, name in _UNITS:
        if past >= unit:
            return f"{plural(int(past // unit), name)} ago"
    return "just now"


def ended(one: Recording) -> Text:
    """How a recording ends, in a glyph and words."""
    if one.problem:
        return styled(("✗ unreadable", "error"))
    if one.being_written:
        return styled(("● being recorded", "ok"))
    if one.outcome == one.expected == "failed":
        return styled(("✗ failed, as meant", "dim"))
    if one.outcome is not None:
        return styled(OUTCOMES[one.outcome])
    if one.full:
        return styled(("– too long to keep", "wait"))
    at = f"stopped at step {one.broken_off.step}" if one.broken_off else "broken off"
    return styled((f"… {at}", "wait"))


def _line(one: Recording, width: int, mark: str) -> Text:
    when = Text(f"{mark}{one.when.astimezone():%d %b %H:%M}")
    if one.problem:
        return row([(when, 14), (ended(one).append(f": {clean(one.problem)}"), width - 16)], "  ")
    length = plural(len(one.way.sessions), "step") if one.way else seconds(one.seconds)
    others = f" +{one.runs - 1}" if one.runs > 1 else ""
    engine = [(Text(engine_name(one.engine)), _ENGINE_CELLS)] if width >= _NARROW_CELLS else []
    taken = 14 + 2 + (_ENGINE_CELLS + 2) * len(engine) + 2 + _LENGTH_CELLS + 2 + _ENDED_CELLS
    room = min(width - taken, _LONGEST_TITLE_CELLS) - len(others)
    title, level = clean(one.experiment), f" · {_level(one)}"
    title = cut(title, room) if not _level(one) or cell_len(title + level) > room else title + level
    return row(
        [
            (when, 14),
            *engine,
            (Text(title + others), room + len(others)),
            (Text(length, justify="right"), _LENGTH_CELLS),
            (ended(one), _ENDED_CELLS),
        ],
        "  ",
    )


def _level(one: Recording) -> str:
    return clean(str(one.settings.get("isolation", "")))
