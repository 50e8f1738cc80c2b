"""Pictures of every screen. After a change that is meant, --snapshot-update renews them."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.color import ColorType
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from textual.geometry import Size

from tests.tui.pictures import Picture, at_rest
from tests.tui.scenes import SCENES, Scene, at_scene
from tui.screens.page import too_small

THEMES = ("dark", "ansi-dark")

STATUSES = {"ok", "wait", "error", "changed", "verdict.good", "verdict.bad"}
FRAME = "╭╰│─╮╯"
"""What windows are drawn with, in a colour that is also a status's."""
MARKED = re.compile(
    r"[●✓✗○…!►▷▰┊└*█▁▂▃▄▅▆▇]"
    r"|\b(LIVE|PAST|REPLAY|PLAYING|ready|ok|ERROR|HOLDS|DOES NOT HOLD|VERDICT|DEADLOCK|waits|waited)\b"
)
"""A glyph or a word that says by itself what is so, or a column or bar of a chart; right before it will do."""

CLOSES = " Esc closes "
"""What every window says; in the terminal's own colours it hides what it lies on."""


class Text(SingleFileSnapshotExtension):
    """A file a screen."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"


class Today(datetime):
    """It is always the same day."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Today:
        return cls(2026, 1, 4, 12, tzinfo=tz or UTC)


@pytest.fixture(autouse=True)
def unchanging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Terminal, clock, version, person and labs are the same everywhere and always; nothing goes on by itself."""
    for name in ("NO_COLOR", "COLORFGBG", "NINELABS_CONFIG", "NINELABS_QUIET", "TMUX", "STY"):
        monkeypatch.delenv(name, raising=False)
    data = tmp_path / "data"
    data.mkdir()
    (data / "tour-taken").touch()
    for name, value in (
        ("TERM", "xterm-256color"),
        ("COLORTERM", "truecolor"),
        ("HOME", str(tmp_path)),
        ("NINELABS_DATA", str(data)),
        ("TZ", "UTC"),
    ):
        monkeypatch.setenv(name, value)
    time.tzset()
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.1.0")
    for module in ("tui.screens.catalogue", "tui.widgets.details"):
        monkeypatch.setattr(f"{module}.datetime", Today)
    for period in ("tui.line.pace.TICK_S", "tui.feed.STALE_TICK_S", "tui.player.PACE_S", "tui.player.LONGEST_PAUSE_S"):
        monkeypatch.setattr(period, 3600.0)
    for period in ("tui.screens.page.REFUSAL_S", "tui.screens.page.TOLD_S"):
        monkeypatch.setattr(period, 3600.0)
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("name", SCENES)
async def test_picture(name: str, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    scene = SCENES[name]
    if scene.newcomer:
        (Path(os.environ["NINELABS_DATA"]) / "tour-taken").unlink()
    pictures: dict[tuple[int, int], list[Picture]] = {size: [] for size in scene.sizes}
    async with at_scene(scene, tmp_path, scene.sizes[0]) as (pilot, script):
        for theme, size in shots(scene.sizes):
            if size != pilot.app.size:
                await pilot.resize_terminal(*size)
            pilot.app.theme = theme
            picture = await at_rest(pilot, script)
            check(picture, scene, size)
            pictures[size].append(picture)
    assert album(pictures) == snapshot(extension_class=Text)


def shots(sizes: Sequence[tuple[int, int]]) -> Iterator[tuple[str, tuple[int, int]]]:
    """Every size in every theme, with the fewest changes of theme."""
    for number, size in enumerate(sizes):
        for theme in THEMES if number % 2 == 0 else reversed(THEMES):
            yield theme, size


def album(pictures: dict[tuple[int, int], list[Picture]]) -> str:
    """The pictures of one screen: of each size its text and where which roles are; then how these look."""
    told: list[str] = []
    legends: dict[str, set[str]] = {theme: set() for theme in THEMES}
    for (width, height), taken in pictures.items():
        told += [f"== {width}×{height} ==", "", *taken[0].text(), ""]
        for picture in sorted(taken, key=lambda one: THEMES.index(one.theme)):
            told += [f"{width}×{height}, {picture.theme}:", *picture.styles(), ""]
            legends[picture.theme] |= picture.legend()
    for theme, legend in legends.items():
        told += [f"== {theme} ==", "", *sorted(legend), ""]
    return "\n".join(told)


def check(picture: Picture, scene: Scene, size: tuple[int, int]) -> None:
    """What must be so however the picture is renewed."""
    text = "\n".join(picture.lines)
    for word in scene.words:
        assert word in text, f"{word} is not there:\n{text}"
    width, height = size
    assert [cell_len(line) for line in picture.lines] == [width] * height
    assert all(map(str.isprintable, picture.lines))
    footer = picture.lines[-1].rstrip()
    if not too_small(Size(*size)) and not (CLOSES in text and not footer):
        assert footer.startswith(" ? keys  ") and "…" not in footer.removesuffix("  …")
    if picture.theme.startswith("ansi-"):
        colours = {colour for row in picture.rows for run in row for colour in (run.style.color, run.style.bgcolor)}
        assert {colour.type for colour in colours if colour} <= {ColorType.DEFAULT, ColorType.STANDARD}
    if CLOSES in text:
        return  # A window cuts through what stands beneath it.
    for row in picture.rows:
        before = ""
        for run in row:
            roles, said = {*picture.named(run)[0]}, run.text.strip()
            if said and roles and roles <= STATUSES and said[0] not in FRAME:
                assert MARKED.search(before + run.text), f"only a colour says what {said!r} is:\n{text}"
            before = run.text


def test_no_picture_is_left_of_a_screen_that_is_gone() -> None:
    """Syrupy does not look for files that belong to none of the tests."""
    kept = {path.stem for path in (Path(__file__).parent / "__snapshots__" / "test_snapshots").iterdir()}
    assert kept == {f"test_picture[{name}]" for name in SCENES}, "delete what is too much, or renew"
