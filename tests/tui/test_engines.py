"""Two engines on one screen: the key that changes between them, and what is told of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec
import pytest

from labs.stream.commands import AnyCommand, OpenLab, RunExperiment, UseEngine
from labs.stream.events import AnyEvent, EngineChanged, ErrorReported, LabOpened, LockHeld, LocksSampled
from tests.tui.screens import plain, running, shows, text_of, until
from tests.tui.streams import (
    DOUBLE_SPEND,
    ROW_LOCK,
    Script,
    accounts,
    fold,
    opened,
    opened_on,
    opening,
    started,
    whole_run,
)
from tui import header, narration, refusals
from tui.app import NinelabsApp
from tui.view import View
from tui.widgets import lanes, locks

VIEW = View(experiment="double_spend")
ABSENT = ErrorReported(
    t=9, title="MariaDB is not installed", cause="No mariadbd was found.", remedy="apt install mariadb-server-core"
)
LACKING = msgspec.structs.replace(ROW_LOCK, lacking={"mariadb": "It has no exclusion constraints."})


def lab(change: Callable[[], Iterable[AnyEvent]] = lambda: opened_on("mariadb", 9), *more: AnyEvent) -> Script:
    def answer(command: AnyCommand) -> Iterable[AnyEvent]:
        if isinstance(command, OpenLab):
            return [*opened()[3:], *more]
        return change() if isinstance(command, UseEngine) else []

    return Script(opening(), answer=answer)


def test_another_engine_resets_what_was_the_former_ones() -> None:
    state = fold([*whole_run(), *opened_on("mariadb", 20)])
    assert state.lab is not None and state.lab.engine == "mariadb"
    assert state.run is None and state.upkeep is None and state.locks is None and state.undoable == ""
    assert not (state.sessions or state.statements or state.tables or state.invariants or state.verdicts or state.notes)
    state.apply(accounts(21, 100))
    assert list(state.tables) == ["accounts"]


def test_the_same_lab_opened_again_on_its_engine_keeps_its_run() -> None:
    assert fold([*whole_run(), *opened_on("postgres", 20)]).run is not None


def test_a_level_that_the_other_engine_has_not_becomes_the_closest_one() -> None:
    view = View(experiment="double_spend", parameters={"isolation": "SERIALIZABLE, snapshot off", "amount": 10})
    view.follow(fold(opened()))
    assert view.parameters == {"isolation": "SERIALIZABLE", "amount": 10}
    view = View(experiment="double_spend", parameters={"isolation": "CHAOS"})
    view.follow(fold(opened()))
    assert view.parameters == {}


async def test_E_goes_to_the_other_engine_and_back() -> None:
    script = lab()
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "PostgreSQL 18.6", "E engine")
        await pilot.press("E")
        await shows(pilot, "MariaDB 10.11.14", "read committed", "snapshot off", "NEXT Space start")
        await pilot.press("E")
        await until(pilot, lambda: script.sent[-1] == UseEngine(engine="postgres"))


async def test_an_engine_that_is_not_installed_leaves_the_lab_where_it_is() -> None:
    back = EngineChanged(t=9, engine="postgres", state="ready", server_version="18.6")
    script = lab(lambda: [EngineChanged(t=9, engine="mariadb", state="starting"), back, ABSENT])
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT Space start")
        await pilot.press("E")
        await shows(pilot, "MariaDB is not installed", "apt install mariadb-server-core")
        await pilot.press("enter")
        await shows(pilot, "PostgreSQL 18.6", "NEXT Space start")
        await pilot.press("r")
        await until(pilot, lambda: isinstance(script.sent[-1], RunExperiment))


async def test_E_waits_for_a_run_to_end() -> None:
    script = lab(lambda: opened_on("mariadb", 9), *started())
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT 1")
        await pilot.press("E")
        await shows(pilot, "An experiment is running. c ends it")
        assert script.sent == [OpenLab(lab="races")]


async def test_while_the_other_engine_is_on_its_way_nothing_else_is_started() -> None:
    script = lab(list)
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT Space start")
        await pilot.press("E")
        await shows(pilot, "… changing to MariaDB")
        await pilot.press("r")
        await shows(pilot, "The lab is changing to MariaDB; that comes first.")
        assert script.sent == [OpenLab(lab="races"), UseEngine(engine="mariadb")]


async def test_on_the_catalogue_E_changes_the_server_that_labs_are_opened_on() -> None:
    ready = EngineChanged(t=2, engine="mariadb", state="ready", server_version="10.11.14")
    script = lab(lambda: [ready])
    async with running(script) as pilot:
        await shows(pilot, "PostgreSQL 18.6 ready", "E engine")
        await pilot.press("E")
        await shows(pilot, "MariaDB 10.11.14 ready")
        assert script.sent == [UseEngine(engine="mariadb")]


async def test_the_next_labs_process_is_on_the_engine_of_the_one_before() -> None:
    asked: list[str] = []
    scripts = [lab(), Script()]

    def open_runner(engine: str) -> Script:
        asked.append(engine)
        return scripts[len(asked) - 1]

    app = NinelabsApp(open_runner)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "PostgreSQL 18.6 ready")
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT Space start")
        await pilot.press("E")
        await shows(pilot, "MariaDB 10.11.14")
        await pilot.press("escape")
        await until(pilot, lambda: asked == ["", "mariadb"])
    await app.sources.close()


async def test_i_runs_the_same_order_at_the_next_level() -> None:
    script = lab(list, *whole_run()[len(opened()) :])
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "✗ failed", "i next level")
        await pilot.press("i")
        await until(pilot, lambda: isinstance(script.sent[-1], RunExperiment))
        assert script.sent[-1] == RunExperiment(
            experiment="double_spend", parameters={"isolation": "REPEATABLE READ"}, stepped=False
        )


def test_the_level_after_the_last_is_the_first() -> None:
    state = fold(opened())
    assert (
        View(experiment="double_spend", parameters={"isolation": "SERIALIZABLE"}).next_level(state) == "READ COMMITTED"
    )


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_header_tells_version_level_default_and_snapshots(width: int) -> None:
    state = fold([*opened(), *opened_on("mariadb", 9)])
    text = header.header_line(state, VIEW, width).plain
    assert len(text) == width
    for word in ("MariaDB 10.11.14", "read committed", "snapshot off", "LIVE"):
        assert word in text
    assert ("default repeatable read, snapshot off" in text) == (width > 80)


def test_a_default_that_is_what_runs_is_said_once() -> None:
    text = header.header_line(fold(opened()), VIEW, 200).plain
    assert "default" not in text and text.count("read committed") == 1


def lacking() -> list[AnyEvent]:
    events = opened_on("mariadb", 9)
    lab_opened = next(event for event in events if isinstance(event, LabOpened))
    return [*opened(), events[0], msgspec.structs.replace(lab_opened, experiments=(DOUBLE_SPEND, LACKING))]


async def test_an_experiment_that_an_engine_cannot_run_says_why_and_is_not_run() -> None:
    script = Script(opening(), answer=lambda command: lacking()[3:] if isinstance(command, OpenLab) else [])
    async with running(script) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "MariaDB 10.11.14")
        await pilot.press("n")
        await shows(pilot, "✗ does not run on MariaDB", "E other engine", "It has no exclusion constraints.")
        for key in ("r", "space", "i"):
            await pilot.press(key)
            await pilot.pause()
        assert script.sent == [OpenLab(lab="races")]
        await pilot.press("E")
        await until(pilot, lambda: script.sent[-1] == UseEngine(engine="postgres"))


def test_what_is_lacking_is_a_sentence_about_experiment_and_engine() -> None:
    state, view = fold(lacking()), View(experiment="row_lock")
    assert refusals.cannot_run(state, view) == "Lock the row does not run on MariaDB: It has no exclusion constraints."
    assert refusals.lacking(state, VIEW) == ""
    assert "It has no exclusion constraints." in plain(narration.message_lines(state, view, 80, 2))


def test_innodbs_locks_mean_what_innodb_means_by_them() -> None:
    state = fold([*opened_on("mariadb", 1), *started()])
    held = (
        LockHeld(session="A", mode="X,REC_NOT_GAP", object="row 1 of accounts"),
        LockHeld(session="A", mode="X,GAP", object="row 3 of accounts"),
        LockHeld(session="B", mode="IX", object="table accounts"),
        LockHeld(session="B", mode="SHARED_WRITE", object="definition of accounts"),
    )
    state.apply(LocksSampled(t=3, waits=(), held=held))
    text = plain(locks.lines(state, VIEW, 100))
    assert "row 1 of accounts: X,REC_NOT_GAP, to change, without the gap before it" in text
    assert "nobody may insert there" in text and "queue" not in text
    assert "table accounts: IX, has rows locked to change them" in text
    assert "definition" not in text, "every writer has that one"


async def test_a_lab_by_url_says_why_there_is_no_other_engine() -> None:
    no_other = ErrorReported(
        t=9, title="There is no MariaDB here", cause="This session works on one server.", remedy="Leave out --url."
    )
    async with running(lab(lambda: [no_other])) as pilot:
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT Space start")
        await pilot.press("E")
        await shows(pilot, "There is no MariaDB here", "one server", "Leave out --url.")
        await pilot.press("enter")
        await shows(pilot, "NEXT Space start", "[Sessions]")
        assert "MariaDB" not in text_of(pilot)


def test_lanes_of_a_server_without_begin_show_every_statement() -> None:
    state = fold([*opened_on("mariadb", 1), *whole_run()[len(opened()) :]])
    assert "COMMIT" in plain(lanes.lines(state, VIEW, 80))


async def test_what_went_wrong_on_the_catalogue_is_not_explained_again_in_the_lab() -> None:
    script = lab(lambda: [ABSENT])
    async with running(script) as pilot:
        await shows(pilot, "PostgreSQL 18.6 ready")
        await pilot.press("E")
        await shows(pilot, "MariaDB is not installed", "PostgreSQL 18.6 ready")
        await pilot.press("5", "enter")
        await shows(pilot, "NEXT Space start")
        assert "not installed" not in text_of(pilot)
