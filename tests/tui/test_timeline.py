"""Versions on a ruler of time: bars that are where they belong, and the row as it was at any moment."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from rich.text import Text

from labs.stream.events import AnyEvent, Version, VersionsSampled
from labs.stream.specs import Cell
from tests.tui.screens import running, shows, text_of
from tests.tui.streams import Script, fold, opened, opened_on, started
from tui.plan import VERSIONS
from tui.text import fit
from tui.view import View
from tui.widgets import grid
from tui.widgets.pane import Content
from tui.widgets.timeline import timeline
from tui.widgets.timeline.moments import Moment, Scale, place

HEIGHT = 20


def version(price: Cell, start: Moment | None, end: Moment | None, who: str = "ada") -> Version:
    return Version(values=(42, "Espresso", price), valid_from=start, valid_to=end, who=who)


def sampled(*versions: Version, entity: str = "prices") -> VersionsSampled:
    return VersionsSampled(entity=entity, key=(42,), columns=("id", "title", "price"), versions=versions)


PRICES = sampled(
    version(260, "2024-10-15", None, "grace"),
    version(210, "2024-01-01", "2024-04-01"),
    version(230, "2024-04-01", "2024-09-01"),
)


class Walk:
    """A pane of versions, and somebody who moves its cursor."""

    def __init__(self, *events: AnyEvent, width: int = 100) -> None:
        self._state = fold([*opened(), *events])
        self._view = View()
        self._width = width

    @property
    def content(self) -> Content:
        return timeline.lines(self._state, self._view, self._width, HEIGHT)

    def go(self, right: int = 0, down: int = 0) -> str:
        """Move, and read what was so then."""
        content = self.content
        assert content.cursor is not None
        self._view.cells[VERSIONS] = grid.moved(content.spots, content.cursor, right, down)
        return self.told

    @property
    def told(self) -> str:
        return " ".join(" ".join(line.plain.split()) for line in self.content.foot).strip()

    @property
    def bars(self) -> list[str]:
        return [line.plain for line in self.content.body]

    @property
    def ruler(self) -> str:
        return self.content.head[1].plain


def aligned(content: Content, width: int) -> None:
    everything: Sequence[Text] = [*content.head, *content.body, *content.foot]
    assert {fit(line, width).cell_len for line in everything} == {width}
    assert max(line.cell_len for line in everything) <= width


def test_the_cursor_begins_at_the_latest_change_and_goes_from_change_to_change_and_past_both_ends() -> None:
    walk = Walk(PRICES)
    assert (
        walk.told
        == "As of 2024-10-15 ✓ version 3 of 3, 2024-10-15 → open, grace id 42 title Espresso *price 260 was 230"
    )
    assert walk.go(1).startswith("After 2024-10-15 ✓ version 3 of 3")
    assert walk.go(1).startswith("After 2024-10-15")
    walk.go(-1)
    assert walk.go(-1) == "As of 2024-09-01 ○ no row: a gap from 2024-09-01 to 2024-10-15"
    assert "version 2 of 3, 2024-04-01 → 2024-09-01, ada id 42 title Espresso *price 230 was 210" in walk.go(-1)
    assert walk.go(-1).endswith("id 42 title Espresso price 210")
    assert walk.go(-1) == "Before 2024-01-01 ○ no row: not born yet"
    assert walk.go(-1) == "Before 2024-01-01 ○ no row: not born yet"


def test_a_row_that_was_deleted_is_told_to_be() -> None:
    walk = Walk(sampled(version(1, "2024-01-01", "2024-02-01")))
    assert walk.told == "As of 2024-02-01 ○ no row: deleted since 2024-02-01"
    assert "price 1" in walk.go(-1)


def test_bars_begin_and_end_under_the_ticks_of_the_ruler_in_the_order_of_time() -> None:
    walk = Walk(PRICES)
    ticks = [at for at, glyph in enumerate(walk.ruler) if glyph in "┬▼"]
    assert [(bar.index("█"), bar.rindex("█") + 1) for bar in walk.bars[:2]] == [tuple(ticks[:2]), tuple(ticks[1:3])]
    assert walk.bars[2].index("█") == ticks[3] == walk.ruler.index("▼") and "▶" in walk.bars[2][5:]
    walk.go(-1)
    assert walk.ruler.index("▼") == ticks[2] == walk.bars[0].index("│")


def test_the_version_in_effect_is_marked_and_never_scrolled_away() -> None:
    days = [str(date(2024, 1, 1) + timedelta(days=number)) for number in range(501)]
    walk = Walk(sampled(*(version(number, days[number], days[number + 1]) for number in range(500))))
    began = time.perf_counter()
    for _ in range(100):
        walk.go(-1)
    assert time.perf_counter() - began < 2
    content = walk.content
    assert content.cursor is not None
    assert content.body[content.cursor.y].plain.startswith(" ▶401 ") and "version 401 of 500" in walk.told
    assert sum(bar.startswith(" ▶") for bar in walk.bars) == 1
    for width in (80, 200):
        aligned(timeline.lines(fold([sampled(*(version(0, one, None) for one in days))]), View(), width, HEIGHT), width)


def test_valid_time_is_drawn_and_system_time_told_and_what_is_believed_no_more_does_not_count() -> None:
    def believed(price: int, start: str, end: str | None, since: str, until: str | None) -> Version:
        return Version(values=(42, "", price), valid_from=start, valid_to=end, system_from=since, system_to=until)

    corrected = "2024-03-15 10:30:00+01"
    walk = Walk(
        sampled(
            believed(230, "2024-01-01", None, "2023-12-20 10:00:00+00", corrected),
            believed(220, "2024-01-01", "2024-06-01", corrected, None),
            believed(250, "2024-06-01", None, corrected, "infinity"),
        )
    )
    assert "price 250 was 220 in the database" not in walk.told and "*price 250 was 220" in walk.told
    assert "in the database 2024-03-15 09:30Z → open" in walk.told
    assert "price 220" in walk.go(-1) and "overlap" not in walk.told
    (superseded,) = (bar for bar in walk.bars if "░" in bar)
    assert "2023-12-20 10:00Z → 2024-03-15 09:30Z" in superseded


def test_without_valid_time_the_bars_are_of_system_time_as_in_a_system_versioned_table() -> None:
    def row(balance: int, start: str, end: str | None) -> Version:
        return Version(values=(1, "alice", balance), system_from=start, system_to=end)

    walk = Walk(
        sampled(
            row(100, "2024-01-01 10:00:00.000100", "2024-01-01 10:00:00.250000"),
            row(20, "2024-01-01 10:00:00.250000", None),
        )
    )
    assert "system time" in walk.content.head[0].plain
    assert walk.told.startswith("As of 2024-01-01 10:00:00.250000 ✓ version 2 of 2")
    assert "price 100" in walk.go(-1)


def test_moments_can_be_numbers_of_transactions() -> None:
    walk = Walk(sampled(version(1, 7, 9), version(2, 9, None)))
    assert walk.told.startswith("As of 9 ✓") and "price 1" in walk.go(-1)


def test_versions_of_the_same_instant_leave_one_row_and_an_empty_range_none() -> None:
    walk = Walk(
        sampled(version(1, "2024-01-01", "2024-01-01"), version(2, "2024-01-01", None), version(3, "empty", "empty"))
    )
    assert "price 2" in walk.told and "was" not in walk.told
    assert "not born" in walk.go(-1)
    assert [("empty" in bar, "█" in bar) for bar in walk.bars[:3]].count((True, False)) == 2


def test_overlapping_versions_are_said_to_be() -> None:
    walk = Walk(sampled(version(1, "2024-01-01", None), version(2, "2024-02-01", "2024-03-01")))
    walk.go(-1)
    assert "! 2 versions overlap here" in walk.told and "price 2" in walk.told


def test_times_with_different_offsets_are_in_the_order_in_which_they_happened() -> None:
    walk = Walk(
        sampled(
            version("later", "2024-01-01 00:30:00-05", None),
            version("earlier", "2024-01-01 06:00:00+05:30", "2024-01-01T05:30:00Z"),
        )
    )
    assert "price later was earlier" in walk.told and walk.told.startswith("As of 2024-01-01 05:30Z")
    assert walk.go(-1).startswith("As of 2024-01-01 00:30Z ✓ version 1 of 2")


@pytest.mark.parametrize("width", [80, 200])
def test_from_the_oldest_time_to_infinity_every_change_can_be_told_apart(width: int) -> None:
    bounds = ["4713-01-01 BC", "2024-01-01", "2024-01-02", "2024-01-03", "9999-12-31 23:59:59.999999", "294276-12-31"]
    versions = [version(at, *ends) for at, ends in enumerate(zip(bounds, [*bounds[1:], "infinity"], strict=True))]
    walk = Walk(sampled(version("always", "-infinity", bounds[0]), *versions), width=width)
    assert "not to scale" in walk.content.head[0].plain
    assert len([glyph for glyph in walk.ruler if glyph in "┬▼"]) == len(bounds)
    assert "price 5" in walk.told
    for _ in bounds:
        aligned(walk.content, width)
        walk.go(-1)
    assert "At any time" not in walk.told and "price always" in walk.told and "4713-01-01" in walk.told


def test_what_is_no_moment_is_said_to_be_none_and_counts_for_nothing() -> None:
    walk = Walk(sampled(version(1, "2024-02-30", None), version(2, "soon", "later"), version(3, "2024-01-01", None)))
    assert sum("not a time" in bar for bar in walk.bars) == 2
    assert "price 3" in walk.told


@pytest.mark.parametrize("versions", [(), (version(1, None, None),)])
def test_an_entity_without_changes_has_its_row_or_none(versions: tuple[Version, ...]) -> None:
    walk = Walk(sampled(*versions))
    aligned(walk.content, 100)
    assert ("price 1" if versions else "no row: it has no version") in walk.told
    walk.go(1)
    walk.go(-1)
    walk.go(-1)


def test_up_and_down_go_to_other_entities_at_the_same_moment() -> None:
    other = sampled(version(1, "2023-01-01", "2024-05-01"), version(2, "2024-05-01", None), entity="other")
    walk = Walk(PRICES, other, sampled(entity="third"))
    walk.go(-1)
    walk.go(-1)
    assert walk.told.startswith("As of 2024-04-01")
    assert "version 1 of 2" in walk.go(down=1) and "other 42" in walk.content.head[0].plain
    assert "it has no version" in walk.go(down=1)
    assert "third" in walk.content.head[0].plain
    walk.go(down=-1)
    assert walk.go(down=-1).startswith("As of 2024-04-01") and "prices 42" in walk.content.head[0].plain


def test_a_later_sample_leaves_the_cursor_at_its_moment() -> None:
    state, view = fold([*opened(), PRICES]), View()
    content = timeline.lines(state, view, 100, HEIGHT)
    assert content.cursor is not None
    view.cells[VERSIONS] = grid.moved(content.spots, content.cursor, -2, 0)
    before = timeline.lines(state, view, 100, HEIGHT).foot
    state.apply(
        sampled(*PRICES.versions[1:], version(260, "2024-10-15", "2024-11-01"), version(300, "2024-11-01", None))
    )
    after = timeline.lines(state, view, 100, HEIGHT).foot
    assert before[0].plain.split(",")[0].replace("of 3", "of 4") == after[0].plain.split(",")[0]


def test_of_thousands_of_columns_those_that_changed_are_shown_and_the_others_counted() -> None:
    names = tuple(f"column_{number}" for number in range(2000))
    first = Version(values=tuple(range(2000)), valid_from="2024-01-01", valid_to="2024-02-01")
    second = Version(values=(*range(1999), "x" * 1_000_000), valid_from="2024-02-01")
    event = VersionsSampled(entity="wide", key=(1,), columns=names, versions=(first, second))
    content = timeline.lines(fold([event]), View(), 80, HEIGHT)
    told = "\n".join(line.plain for line in content.foot)
    assert "*column_1999 xxx" in told and "was 1999" in told
    assert 1900 < int(told.split("… ")[-1].split()[0].replace(",", "")) < 2000
    aligned(content, 80)


async def test_the_pane_comes_to_the_front_and_its_cursor_follows_the_arrows() -> None:
    script = Script(opened())
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        script.say(*started(stepped=False), PRICES)
        await shows(pilot, "[Versions]", "As of 2024-10-15")
        await pilot.press("left")
        await shows(pilot, "no row: a gap")
        await pilot.press("S")
        assert "As of" not in text_of(pilot)
        await pilot.press("V")
        await shows(pilot, "no row: a gap")


def test_versions_are_those_of_the_engine_that_is_open() -> None:
    state = fold([*opened(), PRICES, *opened_on("mariadb", 5)])
    assert timeline.lines(state, View(), 80, HEIGHT).cursor is None


def test_a_time_is_written_as_exactly_as_the_most_exact_of_them_needs() -> None:
    def write(text: str, *others: str) -> str:
        at = place(text, 0)
        assert at is not None
        return Scale.of((text, *others)).write(at)

    assert write("2024-01-01 00:00:00") == "2024-01-01"
    assert write("2024-01-01", "2024-01-01 12:30:00+00") == "2024-01-01 00:00Z"
    assert write("2024-01-01 23:30:00.5-01:00") == "2024-01-02 00:30:00.500Z"
    assert write("0044-03-15 12:00:00 BC") == "0044-03-15 12:00 BC"
    assert [
        place(text, 0) for text in ("", "2023-02-29", "2024-13-01", "2024-1-1", "2024-01-01 25:00", "9" * 10**6)
    ] == [None] * 6
