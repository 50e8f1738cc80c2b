from __future__ import annotations

import pytest

from labs.races.scenario.grammar import parse
from labs.races.scenario.spec import AfterNotices, AfterStep, ReportedLate
from labs.workbench.errors import LabError

TWO = "session s1 step a { SELECT 1 } step b { }\nsession s2 step c { SELECT 2 }\n"


def test_all_that_a_file_can_say() -> None:
    spec = parse(
        'setup { A } setup {\n  B\n }\nteardown { Z } # a word\nsession "a ""b""" setup {S} step x{1}teardown { T }\n'
        'session ünï$1 step "c d" { 2 } permutation x "c d" (*, x, x notices 3) permutation "c d"',
        "x.spec",
    )
    assert (spec.setups, spec.teardown) == (("A", "\n  B\n"), "Z")
    first, second = spec.sessions
    assert (first.name, first.setup, first.steps[0].sql, first.teardown) == ('a "b"', "S", "1", "T")
    assert (second.name, second.setup, second.steps[0].name, second.teardown) == ("ünï$1", None, "c d", None)
    (x, late), (alone,) = spec.written
    assert x.markers == alone.markers == ()
    assert late.markers == (ReportedLate(), AfterStep(first.steps[0]), AfterNotices(first.steps[0], 3))


def test_without_permutations_every_order_is_meant() -> None:
    spec = parse(TWO, "x.spec")
    orders = [" ".join(turn.step.name for turn in permutation) for permutation in spec.permutations()]
    assert orders == ["a b c", "a c b", "c a b"]
    assert spec.count == 3
    assert spec.unused == ()


def test_steps_that_no_permutation_takes_are_named() -> None:
    assert parse(f"{TWO} permutation a a", "x.spec").unused == ("b", "c")


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("", "Line 1, column 1", "`session` is expected"),
        ("session s1\n", "Line 2, column 1", "the end of the file, where `step` is expected"),
        ("session s1 session s2", "Line 1, column 12", "`session`, where `step` is expected"),
        ("session s1\nstep a SELECT 1", "Line 2, column 8", "`SELECT`, where SQL in { } is expected"),
        ("session step", "Line 1, column 9", "`step`, where a name is expected"),
        ("session s1\n  step a { SELECT 1", "Line 2, column 10", "braces that are never closed"),
        ('session "s1\n" step a { }', "Line 1, column 9", "a quoted name that its line does not close"),
        (f"{TWO};", "Line 3, column 1", "the unexpected character ';'"),
        (f"{TWO}setup {{ }}", "Line 3, column 1", "`session`, `permutation` or the end is expected"),
        (f"{TWO}permutation a nosuch", "Line 3, column 15", "`nosuch`, but there is no such step"),
        (f"{TWO}permutation", "Line 3, column 12", "the end of the file, where a name is expected"),
        (f"{TWO}permutation a(nosuch)", "Line 3, column 15", "no such step"),
        (f"{TWO}permutation a(c) b", "Line 3, column 15", "never takes"),
        (f"{TWO}permutation a(b) b", "Line 3, column 15", "of the same session"),
        (f"{TWO}permutation a(c notices) c", "Line 3, column 24", "a number is expected"),
        (f"{TWO}permutation a(c c", "Line 3, column 17", "`,` or `)` is expected"),
        (f"{TWO}session s3 step a {{ }}", "Line 3, column 17", "a second step `a`"),
        (f"{TWO}session s1 step z {{ }}", "Line 3, column 1", "a second session `s1`"),
    ],
)
def test_what_breaks_the_format_is_told_with_its_place(text: str, where: str, what: str) -> None:
    with pytest.raises(LabError) as raised:
        parse(text, "x.spec")
    assert raised.value.title == "x.spec cannot be read as a scenario"
    assert raised.value.cause.startswith(where)
    assert what in raised.value.cause
    assert raised.value.exit_status == 2
