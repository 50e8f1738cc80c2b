"""Free texts in the form: what is typed is taken letter by letter, and checked."""

from __future__ import annotations

import msgspec

from labs.stream.commands import OpenLab, RunExperiment
from labs.stream.events import LabOpened
from labs.stream.specs import ExperimentSpec, ParameterSpec
from tests.terminal import Terminal
from tests.tui.program import ROOT, program
from tests.tui.screens import running, shows, until
from tests.tui.streams import DOUBLE_SPEND, Script, opened, opening
from tui.form import Form


def test_a_text_is_typed_and_refused_where_it_does_not_fit() -> None:
    order = ParameterSpec(
        name="order", type="str", default="AB", help="whose turn it is", pattern="^(serial|[A-D]{1,60})$"
    )
    form = Form((ExperimentSpec(slug="s", title="S", question="?", why="", engines=(), parameters=(order,)),))
    form.move(1)
    assert form.writing
    form.type("A")
    form.type("X")
    assert form.problem == "order is not AX, but whose turn it is." and form.values == {"order": "A"}
    form.move(-1)
    assert form.writing, "it is put right first"
    form.erase()
    assert not form.problem
    for letter in "BAB":
        form.type(letter)
    assert form.values == {"order": "ABAB"} and not form.problem


async def test_every_letter_of_a_text_is_taken_also_those_that_are_keys_elsewhere() -> None:
    order = ParameterSpec(name="order", type="str", default="AB", help="whose turn it is", pattern="serial|[A-D]+")
    spec = msgspec.structs.replace(DOUBLE_SPEND, parameters=(order,))
    events = [msgspec.structs.replace(e, experiments=(spec,)) if isinstance(e, LabOpened) else e for e in opened()]
    script = Script(opening(), answer=lambda command: events[3:] if isinstance(command, OpenLab) else [])
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT Space start")
        await pilot.press("e", "down", *"seria")
        await shows(pilot, "✗ order is not seria, but whose turn it is.", "type it")
        await pilot.press("enter")
        await shows(pilot, "Set up")
        await pilot.press("l", "enter")
        await shows(pilot, "order=serial")
        await pilot.press("r")
        await until(pilot, lambda: isinstance(script.sent[-1], RunExperiment))
        assert script.sent[-1] == RunExperiment(
            experiment="double_spend", parameters={"order": "serial"}, stepped=False
        )


LAB = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from labs.stream.lines import encode
from tests.tui.streams import opened

def say(events):
    sys.stdout.buffer.writelines(map(encode, events))
    sys.stdout.buffer.flush()

say(opened()[1:3])
for line in sys.stdin:
    if "OpenLab" in line:
        say(opened()[3:])
    if "Close" in line:
        break
"""


def test_what_comes_in_one_go_is_taken_in_its_order() -> None:
    with Terminal(program(runner=LAB)) as terminal:
        terminal.until("ready")
        terminal.press("5\r")
        terminal.until("Space start")
        terminal.press("e")
        terminal.until("► experiment")
        terminal.press("\x1b[B\x1b[B42")
        terminal.until("← 42 →")
