"""What decides without drawing: plan, driver, form, actions, differences of lines."""

from __future__ import annotations

import pytest
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from labs.stream.commands import RunExperiment, Step
from labs.stream.events import ScheduleChanged
from labs.stream.specs import ExperimentSpec, ParameterSpec
from tests.tui.streams import AMOUNT, DOUBLE_SPEND, ROW_LOCK, fold, opened, started, waiting, whole_run
from tui import driver as driver_module
from tui.__main__ import environment
from tui.actions import REGISTRY, footer
from tui.driver import Driver
from tui.form import Form
from tui.line.compositor import NarrowUpdate
from tui.plan import LANES, PANES, plan
from tui.state import LabState
from tui.view import View
from tui.widgets.footer import buttons, line
from tui.widgets.lines import changed_cells


@pytest.mark.parametrize("screen", [(60, 16), (80, 24), (100, 30), (120, 40), (160, 40), (200, 50), (159, 60)])
@pytest.mark.parametrize("shown", [PANES, ("verdict", "sql", "why", "table", "locks")])
def test_the_panes_cover_the_area_without_overlap(screen: tuple[int, int], shown: tuple[str, ...]) -> None:
    width, height = screen[0], screen[1] - 5
    places = plan(width, height, screen, shown)
    cells = [
        (x, y)
        for place in places.values()
        for x in range(place.x, place.x + place.width)
        for y in range(place.y, place.y + place.height)
    ]
    assert len(cells) == len(set(cells)) == width * height
    assert LANES in places and shown[0] in places
    reachable = {tab for place in places.values() for tab in place.tabs}
    assert reachable == {LANES, *PANES}


def test_everything_is_visible_on_a_huge_screen() -> None:
    assert set(plan(200, 45, (200, 50), PANES)) == {LANES, *PANES}


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_footer_begins_with_help_and_is_never_clipped_within_a_button(width: int) -> None:
    for scope in ("catalogue", "lab"):
        shown = footer(scope)
        text = line(shown, width, lambda action: True)
        assert text.plain.startswith(" ? keys")
        assert text.cell_len <= width
        for start, end, action in buttons(shown, width):
            assert text.plain[start:end] == f"{action.key} {action.label}"
        assert ("…" in text.plain) == (len(buttons(shown, width)) < len(shown))


def test_the_main_buttons_fit_80_columns() -> None:
    ids = [action.id for _, _, action in buttons(footer("lab"), 80)]
    assert ids[:7] == ["help", "step", "run", "roll_back", "reset", "back", "leave"]


def test_every_refusal_is_a_sentence_or_nothing() -> None:
    views = [View(), View(live=False), View(over=True), View(asked="rolling back")]
    states = [LabState(), fold(opened()), fold([*opened(), *started()]), fold(whole_run())]
    for action in REGISTRY:
        for state in states:
            for view in views:
                reason = action.refusal(state, view) if action.refusal else ""
                assert not reason or reason.endswith(".")


def test_space_starts_then_steps() -> None:
    view = View(experiment="double_spend", parameters={"amount": 10})
    driver = Driver(view)
    state = fold(opened())
    assert driver.step(state) == RunExperiment(experiment="double_spend", parameters={"amount": 10}, stepped=True)
    assert driver.step(state) is None, "the start is on its way: the step is owed"
    for event in started():
        state.apply(event)
    assert driver.moved(state) == Step(session=None), "the first rest takes the step that is owed"
    assert driver.moved(state) is None
    assert driver.step(state) is None, "the latest step is on its way"
    state.apply(ScheduleChanged(t=4, suggested="B", steppable=("B",), step=1))
    assert driver.moved(state) == Step(session=None)


def test_an_owed_step_does_not_outlive_its_run() -> None:
    driver = Driver(View(experiment="double_spend"))
    state = fold([*opened(), *started()])
    assert driver.step(state) == Step(session=None)
    assert driver.step(state) is None
    for event in whole_run()[len(opened()) :]:
        state.apply(event)
    assert driver.moved(state) is None


def test_space_after_the_end_starts_anew_only_when_it_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver(View(experiment="double_spend"))
    state = fold(whole_run())
    driver.moved(state)
    assert isinstance(driver.step(state), str)
    assert isinstance(driver.step(state), str), "hammering does not lose the verdict"
    monkeypatch.setattr(driver_module, "SETTLED_S", 0.0)
    assert isinstance(driver.step(state), RunExperiment), "later, one press is enough"
    assert isinstance(Driver(View(experiment="row_lock")).step(state), RunExperiment)


def test_a_session_that_waits_cannot_be_stepped_and_says_for_whom() -> None:
    driver = Driver(View(lane="B"))
    state = fold([*opened(), *started(), *waiting()])
    assert driver.step(state, "B") == "B waits for A; step that one first."
    assert driver.step(state, "A") == Step(session="A")


def test_what_was_asked_is_forgotten_when_it_is_answered() -> None:
    view = View(experiment="double_spend")
    driver = Driver(view)
    state = fold(whole_run())
    driver.reset(state)
    driver.moved(state)
    assert view.asked == "being reset"
    for event in started(20):
        state.apply(event)
    driver.moved(state)
    assert view.asked == ""


def test_the_form_refuses_a_number_out_of_bounds() -> None:
    form = Form((DOUBLE_SPEND, ROW_LOCK))
    form.move(2)
    assert form.parameter == AMOUNT
    for character in "101":
        form.type(character)
    assert form.values == {"amount": 10} and form.problem == "amount is 101, but must be from 1 to 100."
    form.move(-1)
    assert form.parameter == AMOUNT, "it is put right first"
    form.erase()
    assert form.values == {"amount": 10} and form.problem == ""
    form.change(1)
    assert form.values == {"amount": 11}
    form.typed = ""
    form.type("x")
    form.erase()
    assert form.values == {}


def test_the_form_goes_round_choices_and_experiments() -> None:
    form = Form((DOUBLE_SPEND, ROW_LOCK))
    form.move(1)
    form.change(-1)
    assert form.values == {"isolation": "SERIALIZABLE"}
    form.move(-1)
    form.change(1)
    assert form.experiment is ROW_LOCK and form.values == {}


def test_the_form_takes_every_type() -> None:
    parameters = (
        ParameterSpec(name="flag", type="bool", default=False),
        ParameterSpec(name="share", type="float", default=0.5, minimum=0, maximum=1),
        ParameterSpec(name="name", type="str", default="x"),
    )
    form = Form((ExperimentSpec(slug="s", title="S", question="?", why="", engines=(), parameters=parameters),))
    form.move(1)
    form.change(1)
    form.move(1)
    form.change(1)
    form.move(1)
    for character in "ab":
        form.type(character)
    form.change(1)
    assert form.values == {"flag": True, "share": 0.55, "name": "ab"}


@pytest.mark.parametrize(
    ("before", "after", "cells"),
    [
        ("same", "same", []),
        ("waits 1.0s", "waits 1.5s", [(8, 9)]),
        ("日本", "日木", [(2, 4)]),
        ("a日b", "ax b", [(1, 3)]),
        ("1" + "-" * 20 + "1", "2" + "-" * 20 + "2", [(0, 1), (21, 22)]),
    ],
)
def test_only_the_cells_that_differ_are_repainted(before: str, after: str, cells: list[tuple[int, int]]) -> None:
    assert changed_cells(Strip([Segment(before)]), Strip([Segment(after)])) == cells


def test_another_colour_is_a_difference() -> None:
    plain, bold = Strip([Segment("x")]), Strip([Segment("x", Style(bold=True))])
    assert changed_cells(plain, bold) == [(0, 1)]


def test_an_update_is_cropped_on_both_sides() -> None:
    update = NarrowUpdate([{0: Strip([Segment("abcdef")]), 6: Strip([Segment("ghi")])}], [(0, 2, 4)], [[6, 9]])
    assert update.render_segments(Console(color_system=None)) == "\x1b[1;3Hcd"


@pytest.mark.parametrize(
    ("engine", "url", "expected"),
    [
        (None, None, {"NINELABS_URL": "kept"}),
        ("mariadb", None, {"NINELABS_ENGINE": "mariadb"}),
        (None, "postgresql://h/d", {"NINELABS_URL": "postgresql://h/d"}),
    ],
)
def test_the_chosen_server_replaces_the_one_of_the_environment(
    engine: str | None, url: str | None, expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NINELABS_URL", "kept")
    monkeypatch.delenv("NINELABS_ENGINE", raising=False)
    child = environment(engine, url)
    assert {name: value for name, value in child.items() if name in ("NINELABS_URL", "NINELABS_ENGINE")} == expected
