"""An entity's versions: a ruler of time, a bar a version, a cursor on it, and the row as it was at that moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import islice, zip_longest
from math import inf, isfinite
from typing import overload

from rich.cells import cell_len
from rich.text import Text

from labs.stream.events import Version, VersionsSampled
from tui.actions import keys_of
from tui.plan import VERSIONS
from tui.state import LabState
from tui.survey import Key
from tui.text import cut, plural, spread, styled, value
from tui.view import View
from tui.widgets.pane import Content, Spot
from tui.widgets.timeline.history import History, Lane, history
from tui.widgets.timeline.moments import Place, place
from tui.widgets.timeline.ruler import FULL, SUPERSEDED, Ruler

CELL_CELLS = 24
"""The longest name or value in the row as it was; a longer one ends in an ellipsis."""
WHO_CELLS = 16
LEAST_BAR_CELLS = 24
LEAST_FOOT_LINES, MOST_FOOT_LINES = 4, 8
"""A row that is told in few lines is given the least all the same: so the screen does not jump as the cursor moves."""
_GAP = "   "


class Lines(Sequence[Text]):
    """Lines that are drawn when they are looked at: of hundreds of versions a pane shows a few."""

    def __init__(self, draw: Callable[[int], Text], count: int) -> None:
        self._draw = draw
        self._all = range(count)

    def __len__(self) -> int:
        return len(self._all)

    @overload
    def __getitem__(self, at: int) -> Text: ...
    @overload
    def __getitem__(self, at: slice) -> list[Text]: ...
    def __getitem__(self, at: int | slice) -> Text | list[Text]:
        return [self._draw(one) for one in self._all[at]] if isinstance(at, slice) else self._draw(self._all[at])


def lines(state: LabState, view: View, width: int, height: int) -> Content:
    """The versions of the chosen entity, or of the first; the cursor is where it was put, or at the latest change."""
    cells = state.versions.cells
    if not cells:
        return Content([styled((" No version has been seen yet.", "dim"))])
    entities = list(cells)
    chosen = view.cells.get(VERSIONS)
    here = next((at for at, key in enumerate(entities) if chosen is not None and key[:2] == chosen[:2]), 0)
    shown = history(cells[entities[here]])
    latest = shown.moments[max(len(shown.moments) - 2, 0)]
    moment = _read(chosen[2]) if chosen is not None else latest
    drawing = _Drawing(cells[entities[here]], shown.position(moment), width)
    which = Text(_keys(view, here, len(entities)), "dim")
    foot = drawing.foot(max(min(height // 2, MOST_FOOT_LINES), LEAST_FOOT_LINES))
    # A foot gets no more than half of a pane.
    padding = max(len(foot) - 2 - len(shown.lanes), 0)
    body = Lines(lambda at: drawing.lane(at) if at < len(shown.lanes) else Text(), len(shown.lanes) + padding)
    spots = _spots(entities, here, drawing, moment)
    head = (spread(drawing.title(), which, width), drawing.ruler())
    return Content(body, head, tuple(foot), spots=spots, cursor=spots[drawing.at])


def _spots(entities: Sequence[Key], here: int, drawing: _Drawing, moment: Place) -> tuple[Spot, ...]:
    """The moments side by side, on the line of the version in effect; the other entities at the one chosen."""
    line = drawing.line
    moments = [Spot((*entities[here][:2], str(moment)), x, line, 1) for x, moment in enumerate(drawing.history.moments)]
    others = [Spot((*key[:2], str(moment)), 0, line + at - here, 1) for at, key in enumerate(entities) if at != here]
    return (*moments, *others)


def _keys(view: View, here: int, entities: int) -> str:
    """What moves the cursor, and to which of the entities."""
    sideways = "lane" if view.live or view.past else "cell"
    told = f"  {keys_of(f'{sideways}.left', f'{sideways}.right')} as of "
    return told if entities < 2 else f"{told} {keys_of('scroll.up', 'scroll.down')} {here + 1} of {entities} "


def _read(moment: str) -> Place:
    """A moment out of the key of a spot."""
    try:
        return int(moment)
    except ValueError:
        return float(moment)


class _Drawing:
    """One entity at one moment."""

    def __init__(self, sampled: VersionsSampled, at: int, width: int) -> None:
        self.sampled = sampled
        self.history: History = history(sampled)
        self.at = at
        self.moment = self.history.moments[at]
        self.effective = self.history.at(self.moment)
        self.width = width
        self._heading = "in the database, by" if self.history.bitemporal else "from → to, by"
        self._label = len(str(len(self.history.lanes))) + 3
        self._texts = _told(self.history)
        longest = max(map(cell_len, (self._heading, *self._texts)))
        self._told = min(longest, max(width - self._label - LEAST_BAR_CELLS - 2, 0))
        self._ruler = Ruler(self.history.bounds, max(width - self._label - self._told - 2, 4))
        self._cursor = self._ruler.column(self.moment)

    @property
    def line(self) -> int:
        """The version in effect; where there is none, the latest before."""
        if self.effective:
            return self.effective[-1]
        lanes = enumerate(self.history.lanes)
        return max((at for at, lane in lanes if lane.counts and lane.end <= self.moment), default=0)

    def title(self) -> Text:
        """Which entity, and which time its bars are of."""
        key = ", ".join(value(one, CELL_CELLS) for one in islice(self.sampled.key, 8))
        count = plural(len(self.history.lanes), "version")
        time = "valid time" if self.history.valid else "system time"
        time += "" if self._ruler.true_to_scale else ", not to scale,"
        bounds = self.history.bounds
        if bounds:
            time += f" {self.history.scale.write(bounds[0])} – {self.history.scale.write(bounds[-1])}"
        return styled(
            (f" {value(self.sampled.entity, CELL_CELLS)} {key}", "title"),
            (f"  {count}  {time}", "dim"),
        )

    def ruler(self) -> Text:
        """Where something changes, and the cursor."""
        cells = self._ruler.marked()
        cells[self._cursor] = "▼"
        text = Text(" " * self._label)
        for column, cell in enumerate(cells):
            text.append(cell, "cursor" if column == self._cursor else "rule")
        return text.append(f"  {cut(self._heading, self._told)}", "dim")

    def lane(self, number: int) -> Text:
        """A version: its number, its bar, and what does not show in that."""
        lane = self.history.lanes[number]
        here = self.effective[-1:] == [number]
        if not lane.placed or lane.empty:
            cells, role = self._ruler.dot(lane.start), "dim"
        else:
            glyph = SUPERSEDED if lane.superseded else FULL
            cells, role = self._ruler.bar(lane.start, lane.end, glyph), "ok" if lane.counts else "dim"
        if cells[self._cursor] == " ":
            cells[self._cursor] = "│"
        bar = Text("".join(cells), role)
        bar.stylize("cursor" if here else "rule" if cells[self._cursor] == "│" else "", self._cursor, self._cursor + 1)
        label = f" {'▶' if here else ' '}{number + 1:>{self._label - 3}} "
        told = cut(self._texts[number], self._told)
        return styled((label, "title" if here else "dim")).append_text(bar).append(f"  {told}", "" if here else "dim")

    def foot(self, most: int) -> list[Text]:
        """The row as it was, in at most so many lines."""
        found = self._as_of(most)
        return found + [Text()] * (LEAST_FOOT_LINES - len(found))

    def _as_of(self, most: int) -> list[Text]:
        scale, moments = self.history.scale, self.history.moments
        if self.at == 0:
            when = f"Before {scale.write(moments[1])}" if len(moments) > 2 else "At any time"
        elif self.at == len(moments) - 1:
            when = f"After {scale.write(moments[-2])}" if len(moments) > 2 else "At any time"
        else:
            when = f"As of {scale.write(self.moment)}"
        told = styled((f" {when}", "title"), _GAP)
        if not self.effective:
            return [told.append(f"○ no row: {self.history.absence(self.moment)}", "wait")]
        lane = self.history.lanes[self.effective[-1]]
        told.append(f"✓ version {self.effective[-1] + 1} of {len(self.history.lanes)}", "ok")
        by = f", {_who(lane.version)}" if _who(lane.version) else ""
        ends = f"{_ends(self.history, lane)}{by}"
        short = told.cell_len + 2 + cell_len(ends) <= self.width
        first = [told.append(f", {ends}")] if short else [told, Text(f" {ends}")]
        if len(self.effective) > 1:
            first.append(Text(f" ! {len(self.effective)} versions overlap here; the latest is shown", "wait"))
        if self.history.bitemporal:
            first.append(Text(f" in the database {_system(self.history, lane)}", "dim"))
        return [*first, *self._row(lane.version, self.history.before(self.effective[-1]), most - len(first))]

    def _row(self, version: Version, before: Version | None, most: int) -> list[Text]:
        """Columns and values, those that changed first where there is not room for all."""
        columns = self.sampled.columns
        changed = {
            at
            for at, (one, other) in enumerate(zip_longest(version.values, before.values if before else ()))
            if before is not None and one != other
        }
        given = range(min(len(columns), len(version.values)))
        found = _flow((self._cell(version, before, at, at in changed) for at in given), self.width, most)
        if found is None:
            changed_first = sorted(given, key=lambda at: at not in changed)
            cells = (self._cell(version, before, at, at in changed) for at in changed_first)
            found = _flow(cells, self.width, most, of=len(given)) or []
        return found

    def _cell(self, version: Version, before: Version | None, at: int, changed: bool) -> Text:
        cell = styled(
            ("*" if changed else " ", "changed"),
            (value(self.sampled.columns[at], CELL_CELLS), "dim"),
            " ",
            (value(version.values[at], CELL_CELLS), "changed" if changed else ""),
        )
        if changed and before is not None and at < len(before.values):
            cell.append(f" was {value(before.values[at], CELL_CELLS)}", "dim")
        return cell


def _flow(cells: Iterator[Text], width: int, most: int, of: int = 0) -> list[Text] | None:
    """Cells side by side in lines. Where they are more than fit: none; or, told ``of`` how many, with how many more."""
    found: list[Text] = []
    line, count = Text(" "), 0
    for cell in cells:
        if count and line.cell_len + len(_GAP) + cell.cell_len > width:
            found.append(line)
            line = Text(" ")
            if len(found) >= most:
                if not of:
                    return None
                break
        line.append_text(Text(_GAP if line.cell_len > 1 else "")).append_text(cell)
        count += 1
    else:
        return [*found, line]
    more = Text(f"  … {plural(of - count, 'column')} more", "dim")
    found[-1] = spread(found[-1], more, width)
    return found


def _ends(shown: History, lane: Lane) -> str:
    version = lane.version
    ends = (version.valid_from, version.valid_to) if shown.valid else (version.system_from, version.system_to)
    if not lane.placed:
        return "not a time: " + " → ".join("open" if end is None else value(end, WHO_CELLS) for end in ends)
    if lane.empty:
        return f"empty, at {shown.scale.write(lane.start)}" if isfinite(lane.start) else "empty"
    return f"{shown.scale.write(lane.start)} → {shown.scale.write(lane.end)}"


def _system(shown: History, lane: Lane) -> str:
    """Since when and until when it stood so in the database."""
    told = []
    for end, beyond in ((lane.version.system_from, -inf), (lane.version.system_to, inf)):
        at = place(end, beyond)
        told.append(value(end, WHO_CELLS) if at is None else shown.system.write(at))
    return " → ".join(told)


def _who(version: Version) -> str:
    who, operation = value(version.who, WHO_CELLS), value(version.operation, WHO_CELLS)
    return f"{who}, {operation}" if who and operation else who or operation


@lru_cache(maxsize=8)
def _told(shown: History) -> tuple[str, ...]:
    """Beside each bar, what it does not show."""
    ends = _system if shown.bitemporal else _ends
    return tuple(f"{ends(shown, lane)}  {_who(lane.version)}".rstrip() for lane in shown.lanes)
