"""A lab of somebody else's, in a folder of its own and named once: all that the nine have, it has."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from labs.stream.engines import ENGINES
from labs.stream.events import (
    ExperimentEnded,
    LabReset,
    Noted,
    ProgressAdvanced,
    RolledBack,
    TableSampled,
    VerdictReached,
)
from tests.conftest import without_mariadbd
from tests.labs.program import NINELABS, Ended, ninelabs, one_sentence
from tests.terminal import Terminal

LAB = Path(__file__).parent / "tenth"
NAMED = "tenth = tenth.lab:Tenth"
SOLUTION = ".with_for_update()"
SIZE = (80, 24)


def package(folder: Path, name: str, *named: str) -> None:
    """What an installed package leaves for others to find it by."""
    about = folder / f"{name}-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\nSummary: Is {name} counted?\n")
    (about / "entry_points.txt").write_text("\n".join(["[ninelabs.labs]", *named, ""]))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the tenth lab, where Python finds it."""
    shutil.copytree(LAB, tmp_path / "tenth", ignore=shutil.ignore_patterns("__pycache__"))
    package(tmp_path, "tenth", NAMED)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def listed() -> list[dict[str, object]]:
    """The catalogue, as the program tells it."""
    ended = ninelabs("list", "--json")
    assert ended.status == 0, ended.stderr
    found: list[dict[str, object]] = json.loads(ended.stdout)
    return found


def figures(ended: Ended) -> list[dict[str, object]]:
    """The counter, each time it was looked at."""
    return [dict(zip(one.columns, row, strict=True)) for one in ended.of(TableSampled) for row in one.rows]


def test_it_is_under_60_lines() -> None:
    assert sum(len(file.read_text().splitlines()) for file in LAB.rglob("*.py")) < 60


def test_it_is_the_last_of_ten_and_only_while_it_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labs = listed()
    assert [lab["number"] for lab in labs] == [*range(1, 11)]
    tenth = labs[-1]
    assert (tenth["slug"], tenth["title"], tenth["question"]) == ("tenth", "Tenth", "Is tenth counted?")
    assert tenth["built"] is True
    assert "problem" not in tenth
    assert "10 tenth " in ninelabs("list").stdout
    monkeypatch.delenv("PYTHONPATH")
    assert listed() == labs[:9]


@pytest.mark.parametrize("engine", list(ENGINES))
def test_it_runs_is_rolled_back_and_reset(engine: str, folder: Path) -> None:
    if engine == "mariadb":
        without_mariadbd()
    given = ("--json", "--engine", engine)
    ran = ninelabs("run", "tenth/together", "-p", "rounds=3", *given)
    assert ran.status == 0, ran.stderr
    assert [(one.task, one.done, one.total) for one in ran.of(ProgressAdvanced)][-1] == ("Count", 3, 3)
    assert [(one.claim, one.holds, one.evidence) for one in ran.of(VerdictReached)] == [
        ("Each is counted", True, {"counted": 6})
    ]
    assert "Both have counted." in [one.text for one in ran.of(Noted)]
    assert [figures(ran)[at] for at in (0, -1)] == [{"id": 1, "value": 0}, {"id": 1, "value": 6}]

    back = ninelabs("rollback", "tenth", *given)
    assert back.status == 0
    assert [(one.clean, one.how) for one in back.of(RolledBack)] == [(True, ("The counter is back at nought.",))]
    assert [figures(back)[at]["value"] for at in (0, -1)] == [6, 0]

    assert ninelabs("run", "10", *given).status == 0
    built = ninelabs("reset", "tenth", *given)
    assert built.status == 0
    assert len(built.of(LabReset)) == 1
    assert figures(built)[-1]["value"] == 0
    assert not ninelabs("rollback", "tenth", *given).of(RolledBack)


def test_the_verdict_falls_with_the_solution(folder: Path) -> None:
    lab = folder / "tenth" / "lab.py"
    code = lab.read_text()
    assert SOLUTION in code
    lab.write_text(code.replace(SOLUTION, ""))
    ended = ninelabs("run", "tenth/together", "--json")
    assert ended.status == 4
    assert [one.outcome for one in ended.of(ExperimentEnded)] == ["failed"]
    assert [(one.holds, one.evidence) for one in ended.of(VerdictReached)] == [(False, {"counted": 5})]


def test_on_the_screen_it_is_chosen_run_rolled_back_and_reset(folder: Path) -> None:
    with Terminal(NINELABS, size=SIZE) as terminal:
        terminal.shows("PostgreSQL 18", "9  Scale", "10 Tenth", "Is tenth counted?")
        terminal.press("9j")
        terminal.until("▌ 10 Tenth")
        terminal.press("\r")
        terminal.shows("Tenth › Together", "Space start")
        terminal.press("r")
        terminal.shows("▰", "of 5 rounds")
        terminal.shows("✓ passed", "✓ HOLDS  Each is counted", "counted 10")
        terminal.press("t")
        terminal.shows("[Table]", " counters  1 row", "1     10")
        terminal.press("u")
        terminal.until("Roll back")
        terminal.press("y")
        terminal.shows("ROLLED BACK", "The counter is back at nought.", "The fingerprint from before")
        terminal.press("t")
        terminal.shows("[Table]", "1      0")
        terminal.press("R")
        terminal.until("Reset")
        terminal.press("r")
        terminal.shows("RESET", "from seed 9")
        terminal.press("q")
        assert terminal.wait() == 0


def test_a_broken_one_says_so_in_its_row_and_is_in_nobodys_way(tmp_path: Path, folder: Path) -> None:
    (folder / "faulty.py").write_text("raise RuntimeError('it is raining')\n")
    package(
        folder,
        "broken",
        "faulty = faulty:Lab",
        "gone = nowhere.lab:Lab",
        "nameless = tenth.lab",
        "races = tenth.lab:Tenth",
        "Shouting = tenth.lab:Tenth",
        "twelfth = tenth.lab:Tenth",
    )
    labs = listed()
    assert [lab["number"] for lab in labs] == [*range(1, 17)]
    assert labs[4]["title"] == "Races" and labs[4]["built"]
    problems = {lab["slug"]: str(lab.get("problem", "")) for lab in labs[9:]}
    assert problems.pop("tenth") == ""
    for slug, reason in (
        ("faulty", "RuntimeError: it is raining."),
        ("gone", "There is no module nowhere.lab"),
        ("nameless", "'tenth.lab' is not of the form module:class"),
        ("races", "Another lab has this name"),
        ("Shouting", "small letters"),
        ("twelfth", "tenth.lab:Tenth is no Lab whose slug is twelfth."),
    ):
        assert reason in problems.pop(slug)
    assert not problems
    for slug in ("faulty", "gone"):
        refused = ninelabs("run", slug)
        assert refused.status == 1
        assert one_sentence(refused.stderr).startswith(f"The lab {slug} cannot be used. ")
    with Terminal(NINELABS, size=(60, 16)) as terminal:
        terminal.shows("PostgreSQL 18", "1  Migrations")
        assert "Twelfth" not in terminal.text
        terminal.press("9jjj")
        terminal.shows("▌ 12 Gone", "✗ broken", "9  Scale")
        terminal.press("\r")
        terminal.until("Gone is broken, so it cannot be opened.")
        terminal.press("jjj")
        terminal.press("j")
        terminal.until("▌ 16 Twelfth")
        assert "1  Migrations" not in terminal.text
        terminal.press("q")
        assert terminal.wait() == 0


def test_a_malformed_file_of_some_package_takes_nothing_from_the_nine(folder: Path) -> None:
    package(folder, "malformed", "no assignment")
    with Terminal(NINELABS, size=SIZE) as terminal:
        terminal.shows(
            "PostgreSQL 18", "9  Scale", "10 Others", "✗ broken", "The entry points of the installed packages"
        )
        terminal.press("5\r")
        terminal.shows("Races › ", "Space start")


def test_help_looks_for_no_labs_and_the_catalogue_imports_none(folder: Path) -> None:
    def loaded(statement: str, *names: str) -> list[str]:
        program = f"import sys\n{statement}\nprint(*[name for name in {names!r} if name in sys.modules])"
        return ninelabs(command=(sys.executable, "-P", "-c", program)).stdout.split()

    asked = "from tui.__main__ import cli\ncli(['--help'], standalone_mode=False)"
    assert not {"importlib.metadata", "tenth"} & {*loaded(asked, "importlib.metadata", "tenth")}
    named = "from labs.catalogue import all_labs\nassert len(all_labs()) == 10 and all_labs()[9].built"
    assert loaded(named, "importlib.metadata", "tenth", "sqlalchemy") == ["importlib.metadata"]
