"""Colours can be read by everybody, on every terminal; and which of them a terminal gets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.color import BLACK

from labs.stream.terminal import Colours, Glyphs, Look, look
from tests.tui.colours import DEFICIENCIES, contrast, distance, linear, quantised, seen_with
from tests.tui.screens import running, shows
from tests.tui.streams import Script, opened
from tui import themes
from tui.glyphs import ASCII, CONSOLE, PlainGlyphs
from tui.widgets.lines import LinesView

OWN = ("dark", "light")
TEXT, DIVIDER = 4.5, 3.0
"""The least contrasts by WCAG 2.2, 1.4.3 and 1.4.11."""
OPPOSITES = [("ok", "wait"), ("ok", "error"), ("verdict.good", "verdict.bad")]
TOLD_APART = 45.0
"""How different opposites must look to everybody: about what black and a mid grey are apart."""
BACKGROUND = {"dark": "#000000", "light": "#ffffff"}
PALETTES = {
    "VGA": (
        "#000000 #aa0000 #00aa00 #aa5500 #0000aa #aa00aa #00aaaa #aaaaaa",
        "#555555 #ff5555 #55ff55 #ffff55 #5555ff #ff55ff #55ffff #ffffff",
    ),
    "xterm": (
        "#000000 #cd0000 #00cd00 #cdcd00 #0000ee #cd00cd #00cdcd #e5e5e5",
        "#7f7f7f #ff0000 #00ff00 #ffff00 #5c5cff #ff00ff #00ffff #ffffff",
    ),
    "Windows": (
        "#0c0c0c #c50f1f #13a10e #c19c00 #0037da #881798 #3a96dd #cccccc",
        "#767676 #e74856 #16c60c #f9f1a5 #3b78ff #b4009e #61d6d6 #f2f2f2",
    ),
}
"""The sixteen colours as terminals have them, the bright ones last; a person may have chosen others."""
NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")


def exactly(colour: str) -> str:
    return colour


def style(theme: str, role: str) -> Style:
    return Style.parse(themes.ROLES[theme][role])


@pytest.mark.parametrize("sent", [exactly, quantised])
@pytest.mark.parametrize("role", themes.ROLES["dark"])
@pytest.mark.parametrize("theme", OWN)
def test_every_role_can_be_read_on_all_it_stands_on(theme: str, role: str, sent: Callable[[str], str]) -> None:
    own = style(theme, role)
    assert own.color is not None
    colours = themes.THEMES[theme]
    backgrounds = [own.bgcolor.name] if own.bgcolor else [colours.background, colours.panel, colours.surface]
    for background in backgrounds:
        assert background is not None
        least = DIVIDER if role == "rule" else TEXT
        assert contrast(linear(sent(own.color.name)), linear(sent(background))) >= least, background


@pytest.mark.parametrize("theme", OWN)
def test_plain_text_can_be_read_everywhere(theme: str) -> None:
    colours = themes.THEMES[theme]
    for sent in (exactly, quantised):
        for background in (colours.background, colours.panel, colours.surface):
            assert colours.foreground and background
            assert contrast(linear(sent(colours.foreground)), linear(sent(background))) >= 7


@pytest.mark.parametrize("theme", OWN)
def test_what_the_cursor_is_on_differs_from_what_it_is_not_on(theme: str) -> None:
    cursor, background = style(theme, "cursor").bgcolor, themes.THEMES[theme].background
    assert cursor and background
    for sent in (exactly, quantised):
        assert distance(linear(sent(cursor.name)), linear(sent(background))) >= 15


def told_apart(one: str, other: str) -> dict[str, float]:
    """How different two colours look to whom."""
    return {
        deficiency: distance(seen_with(deficiency, linear(one)), seen_with(deficiency, linear(other)))
        for deficiency in DEFICIENCIES
    }


@pytest.mark.parametrize(("one", "other"), OPPOSITES)
@pytest.mark.parametrize("theme", OWN)
def test_opposites_are_told_apart_by_the_colour_blind(theme: str, one: str, other: str) -> None:
    first, second = ((role.bgcolor or role.color) for role in (style(theme, one), style(theme, other)))
    assert first and second
    apart = told_apart(first.name, second.name)
    assert min(apart.values()) >= TOLD_APART, apart


@pytest.mark.parametrize(("red", "green"), [("#d73a49", "#28a745"), ("#ff5555", "#50fa7b"), ("#cc0000", "#4e9a06")])
def test_red_and_green_would_not_be(red: str, green: str) -> None:
    assert distance(linear(red), linear(green)) >= TOLD_APART
    assert min(told_apart(red, green).values()) < TOLD_APART


@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("theme", ["ansi-dark", "ansi-light"])
def test_the_terminals_own_colours_are_legible_ones(theme: str, palette: str) -> None:
    usual, bright = (colours.split() for colours in PALETTES[palette])
    background = BACKGROUND[theme.removeprefix("ansi-")]
    for role, told in themes.ROLES[theme].items():
        role_style = Style.parse(told)
        if role_style.color is None:
            continue
        at = NAMES.index(role_style.color.name.removeprefix("bright_"))
        shown = [bright[at]] if role_style.color.name.startswith("bright_") else [usual[at]]
        if role_style.bold:  # which brightens a colour on some terminals
            shown.append(bright[at])
        assert min(contrast(linear(colour), linear(background)) for colour in shown) >= DIVIDER, role


def test_every_theme_says_every_role_and_without_colour_they_still_differ() -> None:
    first, *others = themes.ROLES.values()
    assert all(roles.keys() == first.keys() for roles in others)
    for theme in ("ansi-dark", "ansi-light"):
        bare = {role: themes.console(theme).get_style(role).without_color for role in first}
        assert bare["focus"] != bare["title"] != bare["dim"]
        assert bare["cursor"].reverse and bare["verdict.good"].reverse and bare["off"].dim


@pytest.mark.parametrize(
    ("environment", "colours"),
    [
        ({"TERM": "xterm-256color"}, "256"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "truecolor"),
        ({"TERM": "xterm", "COLORTERM": "24bit"}, "truecolor"),
        ({"TERM": "xterm-direct"}, "truecolor"),
        ({"TERM": "xterm-kitty"}, "truecolor"),
        ({"TERM": "tmux-256color"}, "256"),
        ({"TERM": "screen-256color", "COLORTERM": "truecolor"}, "256"),
        ({"TERM": "screen", "COLORTERM": "truecolor"}, "16"),
        ({"TERM": "linux", "COLORTERM": "truecolor"}, "16"),
        ({"TERM": "vt100"}, "16"),
        ({"TERM": "xterm"}, "16"),
        ({"TERM": "xterm", "COLORTERM": "truecolor", "NO_COLOR": "1"}, "none"),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, "256"),
    ],
)
def test_how_many_colours_a_terminal_has(environment: dict[str, str], colours: Colours) -> None:
    assert look(environment, "utf-8").colours == colours


@pytest.mark.parametrize(
    ("said", "dark"),
    [
        ("", True),
        ("15;0", True),
        ("0;15", False),
        ("0;default;15", False),
        ("12;7", False),
        ("15;default", True),
        ("7;8", True),
    ],
)
def test_light_or_dark(said: str, dark: bool) -> None:
    assert look({"TERM": "xterm-256color", "COLORFGBG": said}, "utf-8").dark is dark


@pytest.mark.parametrize(
    ("term", "encoding", "glyphs"),
    [
        ("xterm", "utf-8", "unicode"),
        ("xterm", "UTF8", "unicode"),
        ("linux", "utf-8", "console"),
        ("linux-16color", "UTF-8", "console"),
        ("xterm", "iso-8859-1", "ascii"),
        ("linux", "ANSI_X3.4-1968", "ascii"),
    ],
)
def test_which_glyphs_it_has(term: str, encoding: str, glyphs: Glyphs) -> None:
    assert look({"TERM": term}, encoding).glyphs == glyphs


@pytest.mark.parametrize(
    ("colours", "dark", "wanted", "theme"),
    [
        ("truecolor", True, "auto", "dark"),
        ("256", False, "auto", "light"),
        ("16", True, "auto", "ansi-dark"),
        ("16", False, "auto", "ansi-light"),
        ("none", False, "auto", "ansi-light"),
        ("truecolor", True, "ansi-light", "ansi-light"),
        ("16", True, "light", "light"),
        ("none", True, "light", "ansi-light"),
    ],
)
def test_which_theme_fits(colours: Colours, dark: bool, wanted: str, theme: str) -> None:
    assert themes.fitting(Look(colours, dark, "unicode"), wanted) == theme


def test_the_next_theme_is_one_that_the_terminal_has_colours_for() -> None:
    rich, poor = Look("256", True, "unicode"), Look("16", True, "unicode")
    assert [themes.after(name, rich) for name in themes.NAMES] == ["light", "ansi-dark", "ansi-light", "dark"]
    assert themes.after("ansi-dark", poor) == "ansi-light"
    assert themes.after("ansi-light", poor) == themes.after("dark", poor) == "ansi-dark"


def filtered(text: str, glyphs: Glyphs, encoding: str = "ascii") -> str:
    (segment,) = PlainGlyphs(glyphs, encoding).apply([Segment(text)], BLACK)
    return segment.text


def test_a_glyph_is_replaced_by_one_that_is_there_cell_for_cell() -> None:
    for table in (CONSOLE, ASCII):
        assert all(cell_len(glyph) == cell_len(plain) == 1 for glyph, plain in table.items())
    assert all(in_console(plain) for plain in CONSOLE.values())
    assert all(plain.isascii() for plain in ASCII.values())
    assert filtered("✓ done … │", "console") == "+ done ~ │"
    assert filtered("✓ done … │", "ascii") == "+ done ~ |"


def test_what_an_encoding_lacks_takes_as_many_cells_as_it_did() -> None:
    assert filtered("é日", "console") == "é日", "the console shows a database's text as it can"
    assert filtered("é日✓", "ascii") == "???+"
    assert filtered("é日✓", "ascii", "iso-8859-1") == "é??+"


def in_console(character: str) -> bool:
    """Whether the Linux console's font has it: that is code page 437, of whose control characters arrows are drawn."""
    return character in "←↑→↓" or character.encode("cp437", "ignore") != b""


def test_every_glyph_in_the_code_is_in_the_consoles_font_or_replaced() -> None:
    root = Path(themes.__file__).parents[1]
    data = root / "labs/workbench/dataset"
    sources = [path for part in ("tui", "labs") for path in (root / part).rglob("*.py") if path.name != "glyphs.py"]
    sources = [path for path in sources if not path.is_relative_to(data)]
    used = {character for path in sources for character in path.read_text() if not character.isascii()}
    assert {"✓", "─"} <= used
    assert {one for one in used if not in_console(one) and one not in CONSOLE} == set()
    assert {one for one in used if one not in ASCII} == set()


async def test_the_next_theme_shows_at_once_on_every_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    async with running(Script(opened()), Script()) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "LIVE")
        for theme in ("light", "ansi-dark", "ansi-light", "dark"):
            await pilot.press("f2")
            await pilot.pause()
            assert pilot.app.theme == theme
            for screen in pilot.app.screen_stack:
                parts = screen.query(LinesView).first().render_line(0)
                shown = {part.text.strip(): part.style.color for part in parts if part.style}
                title = next(colour for text, colour in shown.items() if text in ("Races", "ninelabs"))
                expected = Color.parse("default") if theme.startswith("ansi-") else style(theme, "title").color
                assert title == expected
