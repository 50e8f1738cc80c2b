from __future__ import annotations

import pytest
from rich.cells import cell_len
from rich.text import Text

from tui.text import clean, cut, fit, seconds, spread, value, wrap


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("[/x] [@click=app.quit]x[/]", "[/x] [@click=app.quit]x[/]"),
        ("\x1b[31mred", "␛[31mred"),
        ("a\x00b\nc\td\x7f", "a␀b␊c␉d␡"),
        ("\x9b2J", "\\u009b2J"),
        ("abc\u202edef", "abc\\u202edef"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\u2764\ufe0f", "\u2764"),
        ("日本語", "日本語"),
    ],
)
def test_what_a_terminal_would_obey_is_made_visible(raw: str, shown: str) -> None:
    assert clean(raw) == shown


def test_a_value_says_null_true_and_false_as_sql_does() -> None:
    assert [value(None), value(True), value(False), value(1.5)] == ["NULL", "true", "false", "1.5"]


@pytest.mark.parametrize("width", [1, 2, 3, 10, 79])
@pytest.mark.parametrize("raw", ["x" * 4096, "日本" * 2000, "\x1b" * 4096, "a b " * 1000, ""])
def test_nothing_is_wider_than_it_was_told_to_be(raw: str, width: int) -> None:
    assert cell_len(value(raw, width)) <= width
    assert cell_len(cut(clean(raw), width)) <= width
    assert all(cell_len(line) <= max(width, 2) for line in wrap(clean(raw), width, 3))
    assert fit(Text(clean(raw)), width).cell_len == width


def test_wrapping_breaks_at_spaces_and_tells_what_is_left_out() -> None:
    assert wrap("one two three four", 9) == ["one two", "three", "four"]
    assert wrap("one two three four", 9, 2) == ["one two", "three …"]
    assert wrap("", 9) == [""]


def test_a_line_keeps_its_end_when_it_is_too_narrow_for_its_start() -> None:
    assert spread(Text("a long beginning"), Text("end"), 10).plain == "a long…end"


def test_durations() -> None:
    assert [seconds(0.25), seconds(59.94), seconds(61)] == ["0.2s", "59.9s", "1m01s"]
