"""A screen at rest, as text that can be read and compared: its lines, and which cells look how."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from time import monotonic

from rich.cells import cell_len
from rich.color import ANSI_COLOR_NAMES, Color
from rich.style import Style
from textual.app import App
from textual.pilot import Pilot
from textual.strip import Strip

from tests.tui.screens import text_of
from tests.tui.streams import Script
from tui.app import NinelabsApp
from tui.themes import ROLES, THEMES

ATTRIBUTES = ("bold", "dim", "italic", "underline", "blink", "reverse", "strike")
PATIENCE_S = 20


NAMES = {number: name for name, number in reversed(ANSI_COLOR_NAMES.items()) if number < 16}


def colour(one: Color | None) -> str:
    """A colour by the name that the terminal has for it, or else in hexadecimal digits."""
    if one is None or one.is_default:
        return "default"
    return NAMES[one.number] if one.number is not None and one.number < 16 else one.get_truecolor().hex


@dataclass(frozen=True, slots=True)
class Look:
    """Attributes and colour of what is written, and what it is written on."""

    ink: str
    paper: str

    def __str__(self) -> str:
        return f"{self.ink} on {self.paper}"


def look(style: Style) -> Look:
    attributes = [name for name in ATTRIBUTES if getattr(style, name)]
    return Look(" ".join([*attributes, colour(style.color)]), colour(style.bgcolor))


@dataclass(frozen=True, slots=True)
class Palette:
    """What a theme calls its looks."""

    roles: Mapping[Look, tuple[str, ...]]
    """On the screen's own paper, or on the role's."""
    plain: str
    """The ink of what has no role."""
    papers: Mapping[str, str]
    """Names of what is written on; the screen's own has none."""

    def named(self, one: Look) -> tuple[tuple[str, ...], str]:
        """The roles that look so, or failing these its ink, and the name of the paper where it is not the role's."""
        if one in self.roles:
            return self.roles[one], ""
        on = self.papers.get(one.paper, one.paper)
        own = next((paper for paper, name in self.papers.items() if not name), "")
        roles = self.roles.get(Look(one.ink, own)) if one.paper in self.papers else None
        return roles or (() if one.ink == self.plain else (one.ink,)), on


@lru_cache
def palette(theme: str) -> Palette:
    one = THEMES[theme]
    base = Style(color=_rich(one.foreground), bgcolor=_rich(one.background))
    roles: dict[Look, tuple[str, ...]] = defaultdict(tuple)
    for role, written in ROLES[theme].items():
        roles[look(base + Style.parse(written))] += (role,)
    plain = look(base)
    roles.pop(plain, None)
    papers = {_rich(one.panel): "panel", _rich(one.surface): "surface", _rich(one.background): ""}
    return Palette(dict(roles), plain.ink, papers)


def _rich(colour: str | None) -> str:
    return (colour or "").removeprefix("ansi_")


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring cells that look the same."""

    start: int
    end: int
    """Exclusive."""
    text: str
    style: Style


@dataclass(frozen=True, slots=True)
class Picture:
    """What is on a screen in one theme."""

    theme: str
    rows: tuple[tuple[Run, ...], ...]

    @property
    def lines(self) -> list[str]:
        return ["".join(run.text for run in row) for row in self.rows]

    def named(self, run: Run) -> tuple[tuple[str, ...], str]:
        """The roles that look like a run, or its ink where it has none, and what it stands on; each where there is
        something to see of it."""
        roles, paper = palette(self.theme).named(look(run.style))
        return ((), paper) if run.text.isspace() and not run.style.reverse and paper else (roles, paper)

    def text(self) -> list[str]:
        return [f"{y:2}│{line.rstrip()}" for y, line in enumerate(self.lines)]

    def styles(self) -> list[str]:
        """Of each line, which cells look how, by role; what is plain is left out."""
        told = []
        for y, row in enumerate(self.rows):
            papers = {self.named(run)[1] for run in row}
            shared = papers.pop() if len(papers) == 1 else ""
            runs = []
            for (roles, paper), same in groupby(row, self.named):
                cells = [*same]
                name = " ".join(filter(None, ("/".join(roles), f"on {paper}" if paper and not shared else "")))
                runs += [f"{cells[0].start}-{cells[-1].end} {name}"] if name else []
            if runs or shared:
                told.append(f"{y:2}│" + ": ".join(filter(None, (shared and f"on {shared}", ", ".join(runs)))))
        return told

    def legend(self) -> set[str]:
        """How the roles look that are in the picture."""
        used = {role for row in self.rows for run in row for role in self.named(run)[0]}
        looks = palette(self.theme).roles.items()
        return {f"{role}: {one}" for one, roles in looks for role in roles if role in used}


def taken(pilot: Pilot[None]) -> Picture:
    """What is on the screen."""
    strips = pilot.app.screen._compositor.render_strips()
    return Picture(pilot.app.theme, tuple(tuple(_runs(strip)) for strip in strips))


def _runs(strip: Strip) -> Iterator[Run]:
    x = 0
    for text, style, _ in strip.simplify():
        if text:
            yield Run(x, x := x + cell_len(text), text, style or Style())


async def at_rest(pilot: Pilot[None], *sources: Script) -> Picture:
    """What is on the screen when all that the sources have said, and whatever else was under way, has come to it."""
    before, patience_ends = taken(pilot), monotonic() + PATIENCE_S
    while monotonic() < patience_ends:
        await pilot.pause()
        picture = taken(pilot)
        if picture == before and _quiet(pilot.app) and all(source.heard for source in sources):
            return picture
        before = picture
    raise AssertionError(f"never at rest:\n{text_of(pilot)}")


def _quiet(app: App[None]) -> bool:
    """Whether no command, no worker and no news of a stream is on its way to the screen."""
    assert isinstance(app, NinelabsApp)
    feeds = [feed for feed in (app.sources.feed, app.sources.player) if feed is not None]
    return not app.sources._ending and not [*app.workers] and all(feed._pending is None for feed in feeds)
