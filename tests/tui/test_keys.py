"""The keys of the registry: they arrive, mean one thing, and can be changed together with all that names them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from labs.stream.commands import RunExperiment
from labs.stream.events import LabOpened
from tests.tui.screens import running, shows, text_of, until
from tests.tui.streams import DOUBLE_SPEND, Script, fold, opened, started, whole_run
from tui import actions, narration, refusals
from tui.action import EVERYWHERE, SCREENS
from tui.actions import REGISTRY, find, footer, keys_of, rebind, rebound
from tui.screens.catalogue import CatalogueScreen
from tui.screens.lab import LabScreen
from tui.screens.replay import ReplayScreen
from tui.settings.config import clashes
from tui.settings.keys import EATEN, KeyRefusedError, key_name, read_key
from tui.view import View
from tui.widgets.footer import line

ROOT = Path(actions.__file__).parent
OTHERS = {"run": ("f6",), "step": ("f5",), "help": ("f3",), "cancel": ("less_than_sign",), "show.why": ("W",)}
SPOKEN = re.compile(
    r"\b(Space|Enter|Esc|Tab|PgUp|PgDn)\b"
    r"|(?:^|[.;,:] )[A-Za-z?] (?:ends|lets|runs|goes|starts|leaves|opens|shows|every)\b"
)
"""A key that is named in a sentence."""
FIXED = {"keys.py", "dialog.py", "confirm.py", "setup.py", "clients.py", "script.py", "listing.py"}
"""Files that name keys which cannot be changed: those of windows, and those of other programs."""


@pytest.fixture
def other_keys() -> Iterator[None]:
    rebind(OTHERS)
    yield
    rebind({})


def test_every_action_has_an_id_a_label_a_tooltip_and_a_key() -> None:
    assert len({action.id for action in REGISTRY}) == len(REGISTRY)
    for action in rebound({}).values():
        assert action.keys
        assert action.hidden or (action.label and re.fullmatch(r"[A-Z].*\.", action.tooltip)), action.id


def test_no_key_means_two_things_on_a_screen() -> None:
    assert list(clashes(rebound({}))) == []
    assert [key for _, key, *_ in clashes(rebound({"run": ["space"]}))] == ["space"]


def test_the_registry_knows_which_scopes_are_active_together() -> None:
    shown = (CatalogueScreen, LabScreen, ReplayScreen)
    assert list(SCREENS.values()) == [screen.SCOPES for screen in shown]
    assert {action.scope for action in REGISTRY} == {EVERYWHERE, *(scope for one in SCREENS.values() for scope in one)}


def test_every_key_arrives_in_every_terminal_and_can_be_written_in_the_settings() -> None:
    for action in REGISTRY:
        if not action.priority:
            assert [read_key(key_name(key)) for key in action.keys] == list(action.keys), action.id


@pytest.mark.parametrize("key", EATEN)
def test_what_does_not_arrive_is_refused(key: str) -> None:
    with pytest.raises(KeyRefusedError, match=EATEN[key]):
        read_key(key.upper())


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("?", "question_mark"),
        (",", "comma"),
        ("é", "é"),
        ("A", "A"),
        ("←", "left"),
        ("left", "left"),
        ("PgUp", "pageup"),
        ("pageup", "pageup"),
        ("ctrl+P", "ctrl+p"),
        ("F9", "f9"),
    ],
)
def test_a_key_is_written_as_a_person_calls_it(written: str, key: str) -> None:
    assert read_key(written) == key


@pytest.mark.parametrize("screen", SCREENS)
def test_arrows_and_letters_both_move(screen: str) -> None:
    keys = {key for action in rebound({}).values() if action.scope in SCREENS[screen] for key in action.keys}
    assert {"up", "down", "left", "right", "h", "j", "k", "l"} <= keys


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("screen", SCREENS)
def test_the_way_to_the_keys_is_the_first_thing_in_every_footer(screen: str, width: int) -> None:
    assert line(footer(*SCREENS[screen]), width, lambda action: True).plain.startswith(" ? keys")


@pytest.mark.usefixtures("other_keys")
def test_a_recording_is_deaf_to_the_keys_in_effect() -> None:
    deaf = find(actions.DEAF).keys
    assert {"f6", "f5", "less_than_sign"} <= set(deaf) and not {"r", "c", "space"} & set(deaf)


@pytest.mark.usefixtures("other_keys")
def test_sentences_name_the_keys_in_effect() -> None:
    view = View(experiment="double_spend")
    assert "F5 start, step by step · F6 run without" in narration.next_line(fold(opened()), view, 80).plain
    assert "NEXT 1  F5: A runs" in narration.next_line(fold([*opened(), *started()]), view, 80).plain
    running_alone = fold([*opened(), *started(stepped=False)])
    assert "< cancel" in narration.next_line(running_alone, view, 80).plain
    assert refusals.cannot_step(running_alone, view) == "It runs by itself; < ends it."
    assert refusals.cannot_play_on(running_alone, view) == "It runs by itself already; < ends it."
    assert refusals.needs_peace(running_alone, view) == "An experiment is running. < ends it."
    assert refusals.cannot_play_on(fold(whole_run()), view).startswith("Nothing is being stepped. F6 runs")
    assert keys_of("scroll.up", "lane.right") == "↑→"
    assert keys_of("step", "run") == "F5/F6"


def test_steps_are_not_promised_where_there_are_none() -> None:
    alone = replace(DOUBLE_SPEND, stepped=False)
    state = fold(
        [replace(event, experiments=(alone,)) if isinstance(event, LabOpened) else event for event in opened()]
    )
    line = narration.next_line(state, View(experiment="double_spend"), 80).plain
    assert "Space start: it runs by itself · e set up" in line and "step" not in line
    assert "no lane that could be stepped" in refusals.cannot_step_lane(state, View(experiment="double_spend"))
    run = fold([*opened(), *started(stepped=False)])
    run.lab = replace(run.lab, experiments=(alone,)) if run.lab else None
    past = View(experiment="double_spend", live=False, past=True, step=1, steps=2)
    assert "runs by itself" in refusals.cannot_run_to_here(run, past)
    assert refusals.cannot_run_to_here(state, View(experiment="double_spend")) == refusals.cannot_run_to_here(run, past)
    assert "run to here" not in narration.next_line(run, past, 80).plain


def spoken() -> Iterator[str]:
    """Every text in the code that names a key, docstrings left out."""
    for path in ROOT.rglob("*.py"):
        if path.name in FIXED:
            continue
        tree = ast.parse(path.read_text())
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                if SPOKEN.search(node.value):
                    yield f"{path.name}: {node.value}"
            elif isinstance(node, ast.Tuple) and len(node.elts) == 2:
                key, role = node.elts
                if isinstance(role, ast.Constant) and role.value == "key" and isinstance(key, ast.Constant):
                    yield f"{path.name}: {key.value!r}"


def test_no_other_text_names_a_key_that_can_be_changed() -> None:
    # What a window's remedy says is a key of the window.
    assert [text for text in spoken() if "opens the lab again" not in text] == []


@pytest.mark.usefixtures("other_keys")
async def test_other_keys_act_and_are_shown_everywhere() -> None:
    lab = Script(opened())
    async with running(lab) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT F5 start", "F3 keys", "F5 step", "F6 run")
        await pilot.press("r", "question_mark")
        await pilot.pause()
        assert not any(isinstance(command, RunExperiment) for command in lab.sent)
        await pilot.press("f3")
        await shows(pilot, "Keys", "Run the experiment without stopping.")
        assert re.search(r"│ F6 +Run the experiment", text_of(pilot))
        await pilot.press("f3")
        await pilot.press("colon")
        await shows(pilot, "(F5)")
        await pilot.press("escape", "f6")
        await until(pilot, lambda: any(isinstance(command, RunExperiment) for command in lab.sent))


@pytest.mark.parametrize("size", [(60, 16), (80, 24)])
async def test_the_list_of_keys_scrolls_to_its_end(size: tuple[int, int]) -> None:
    async with running(Script(opened()), size=size) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT")
        await pilot.press("question_mark")
        await shows(pilot, "more: ↓")
        last = [action for action in rebound({}).values() if action.scope == EVERYWHERE and not action.hidden][-1]
        assert last.key not in text_of(pilot)
        await pilot.press("end")
        await shows(pilot, last.key, last.tooltip.split()[-1])
