"""Latency strips: for each variant, interval by interval, how long those waited who waited longest."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import groupby

from rich.cells import cell_len
from rich.text import Text

from labs.stream.events import LatencySampled
from labs.stream.figures import number
from labs.stream.latency import stalled, still, usual
from tui.measurements import Strip
from tui.survey import Key
from tui.text import cut, engine_name, fit, milliseconds, plural, styled, value, wrap
from tui.widgets import grid

HEIGHTS = "▁▂▃▄▅▆▇█"
STEPS_MS = (1, 3, 10, 30, 100, 300, 1000)
"""Milliseconds from which on a column is a step higher: the same in every run, so that strips can be compared."""

STALLED, STILL = "✗", "0"
LEAST_NAME, LONGEST_NAME = 21, 26
"""Cells of a variant's name; below it stalls are counted."""
_GAP = "  "

Strips = Mapping[Key, Strip]


def lines(strips: Strips, width: int) -> list[Text]:
    """The strips of each operation one below the other, on one scale."""
    if not strips:
        return []
    engines = grid.engines(strips)
    names = min(max(LEAST_NAME, *(cell_len(value(variant, LONGEST_NAME)) for _, _, variant in strips)), width // 3)
    numbers = max(len("median"), *(len(number(_worst(one))) for one in strips.values()))
    wide = max(width - names - 2 * numbers - 4 * len(_GAP), 4)
    most = max(one.each for one in strips.values())
    # As many intervals a column in every strip, and no fewer than one of them has joined already.
    each = most * -(-max(len(one.columns) * one.each for one in strips.values()) // (wide * most))
    body: list[Text] = []
    marks = False
    for operation in dict.fromkeys(operation for operation, _, _ in strips):
        body.append(_heading(operation, [strips[key] for key in strips if key[0] == operation], each, wide + names))
        body[-1] = fit(body[-1], names + wide + 2 * len(_GAP))
        body[-1].append(f"{_GAP}{'median':>{numbers}}{_GAP}{'worst':>{numbers}}", "dim")
        for engine in engines:
            of_engine = {key[2]: one for key, one in strips.items() if key[:2] == (operation, engine)}
            if len(engines) > 1 and of_engine:
                body.append(Text(f"  {engine_name(engine)}", "dim"))
            for variant, one in of_engine.items():
                drawn = _strip(variant, one, each // one.each, (names, wide, numbers))
                marks = marks or len(drawn) > 1
                body += drawn
    return body + _legend(width, marks=marks)


def _heading(operation: str, strips: Sequence[Strip], each: int, width: int) -> Text:
    seconds = sum(column.seconds for one in strips for column in one.columns)
    intervals = sum(len(one.columns) * one.each for one in strips)
    told = f"the longest wait in each {seconds / intervals * each:.1f} s"
    return styled((f" {value(operation, LONGEST_NAME)}", "title"), (f"{_GAP}{cut(told, width)}", "dim"))


def _strip(variant: str, strip: Strip, each: int, cells: tuple[int, int, int]) -> list[Text]:
    """A line; where there are stalls, a second one that marks them."""
    names, wide, numbers = cells
    columns = strip.columns
    typical = usual(columns)
    shown = [columns[at : at + each] for at in range(0, len(columns), each)]
    marks = "".join(_mark(together, typical) for together in shown)
    line = Text("  ").append_text(fit(Text(value(variant, LONGEST_NAME)), names)).append(_GAP)
    for is_stall, cells_of in groupby(zip(shown, marks, strict=True), key=lambda pair: pair[1] != " "):
        line.append("".join(_height(together) for together, _ in cells_of), "wait" if is_stall else "ok")
    line = fit(line, 2 + names + len(_GAP) + wide)
    line.append(_GAP + (number(typical) if typical else "–").rjust(numbers), "dim")
    line.append(_GAP + number(_worst(strip)).rjust(numbers), "title")
    count, longest = strip.stalls
    if not count:
        return [line]
    told, wait = f"   {STALLED} {plural(count, 'stall')}", f", {milliseconds(longest)}"
    if cell_len(told + wait) < 2 + names + len(_GAP):
        told += wait
    return [line, fit(Text(told, "wait"), 2 + names + len(_GAP)).append(marks, "wait")]


def _mark(columns: Sequence[LatencySampled], typical: float) -> str:
    found = [column for column in columns if stalled(column, typical)]
    return (STILL if any(map(still, found)) else STALLED) if found else " "


def _worst(strip: Strip) -> float:
    return max(column.worst for column in strip.columns)


def _height(columns: Sequence[LatencySampled]) -> str:
    """Of the worst of the intervals that share a column."""
    waits = [column.worst for column in columns if column.count or column.outstanding]
    return HEIGHTS[bisect_right(STEPS_MS, max(waits))] if waits else " "


def _legend(width: int, *, marks: bool) -> list[Text]:
    """The scale, and what the marks say where there are any."""
    scale = [f"{glyph} <{step:,}" for glyph, step in zip(HEIGHTS, STEPS_MS, strict=False)]
    told = ["  ".join(["ms, log scale:", *scale, f"{HEIGHTS[-1]} more"])]
    if marks:
        told.append(
            f"{STALLED} stall: ten times the strip's median, and 50 ms or more; {STILL} one in which nothing ended"
        )
    return [styled((f" {line}", "dim")) for sentence in told for line in wrap(sentence, width - 2)]
