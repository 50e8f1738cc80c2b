"""Scenario files: somebody else's sessions and orders, run in the lanes."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec

from labs.races.scenario import grammar
from labs.races.scenario.spec import Permutation, Spec
from labs.races.scenario.tester import BrokenOffError, Tally, Tester
from labs.races.scenario.transcript import Transcript, difference, only
from labs.workbench.bench import Bench
from labs.workbench.errors import USAGE, LabError
from labs.workbench.lab import Watched, experiment

SYNTAX_ERRORS = frozenset({"42601", "1064"})
"""PostgreSQL's and MariaDB's codes. A slip of the pen teaches nothing about isolation."""

EXAMPLES = files(__package__) / "examples"
"""A folder for each engine."""

SUFFIX = ".spec"

LARGEST_FILE = 1_000_000
"""In bytes. PostgreSQL's own scenarios have a few thousand."""

MOST_PERMUTATIONS = 100_000
"""Generated from a file that names none; at some hundred a second nobody sits through more."""


class ScenarioFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which file, and how much of it."""

    file: Annotated[
        str,
        msgspec.Meta(
            description="a scenario's path, from the current folder, or the name of one that comes with the lab"
        ),
    ] = "write_skew"
    permutation: Annotated[
        int, msgspec.Meta(ge=0, le=MOST_PERMUTATIONS, description="the number of the only one to run; 0 for all")
    ] = 0


class Scenarios:
    """The experiment that runs a file of one's own."""

    @experiment(
        "Scenario file",
        watched=Watched(),
        question="What does this server make of the orders in a file of one's own?",
        why="""
        A scenario names sessions, the steps that each can take, and permutations: the orders in which to take them.
        The format is that of PostgreSQL's own isolation tests, so those run here unchanged. A file without
        permutations means every order. Give it with -p file=PATH, from the current folder.

        A step is sent once the one before has ended or waits for a lock of another session; the server says which.
        When the session whose turn it is waits for one that is idle, the order cannot happen: its step is cancelled.

        A scenario brings tables of its own. It gets the lab's schema for them, empty; when it ends, however it ends,
        the lab's tables are built there again from the seed, so a rollback finds nothing left to undo. SQL that names
        another schema reaches that one, as it would anywhere.

        With --isolation-output the command line prints what PostgreSQL's isolationtester would.
        """,
    )
    async def scenario(self, bench: Bench, parameters: ScenarioFile) -> None:
        """Run the permutations of a file, and compare with the output that stands beside it, if there is one."""
        path = find(parameters.file, bench.server.name)
        spec = grammar.parse(read(path), path.name)
        chosen = choose(spec, parameters.permutation)
        if spec.unused:
            bench.note(f"No permutation takes {', '.join(spec.unused)}.")
        transcript, tally = Transcript(bench.transcribe), Tally()
        transcript.parsed(len(spec.sessions))
        ran, broken_off = 0, ""
        names = [session.name for session in spec.sessions]
        # The name that PostgreSQL's own test runner gives its connections: some scenarios look for it.
        async with bench.scripts(*names, application=f"isolation/{path.name.removesuffix(SUFFIX)}") as scripts:
            tester = Tester(spec, scripts, transcript, bench.note, tally)
            try:
                for number, permutation in chosen:
                    ran = number
                    steps = " ".join(turn.step.name for turn in permutation)
                    bench.note(f"Permutation {number} of {spec.count}: {steps}")
                    await tester.run(number, permutation)
            except BrokenOffError as error:
                broken_off = f"permutation {ran}: {error}"
                bench.note(f"The run ends in {broken_off}")
        bench.note("The lab's own tables stand again, built from the seed.")
        self._judge(bench, spec, tally, 1 if parameters.permutation else spec.count, broken_off)
        expected = expected_output(path)
        if expected is not None:
            self._compare(bench, expected, transcript.text, parameters.permutation)

    def _judge(self, bench: Bench, spec: Spec, tally: Tally, meant: int, broken_off: str) -> None:
        """A file that names its permutations says that they can happen; of all that there are, some never can."""
        figures: dict[str, str | int] = {"permutations": meant, "ended": tally.ended, "waits": tally.waits}
        figures["refused"] = ", ".join(f"{count}× {code}" for code, count in sorted(tally.refusals.items())) or "none"
        if tally.impossible:
            figures["cannot_happen"] = ", ".join(map(str, tally.impossible))
        if broken_off:
            figures["broken_off"] = broken_off
        if spec.written:
            bench.verdict("Every permutation ran to its end", tally.ended == meant, **figures)
        else:
            holds = tally.ended > 0 and tally.ended + len(tally.impossible) == meant
            bench.verdict("Every permutation that can happen ran to its end", holds, **figures)
        unread = {code: count for code, count in tally.refusals.items() if code in SYNTAX_ERRORS}
        bench.verdict("The server could read every statement", not unread, syntax_errors=sum(unread.values()))

    def _compare(self, bench: Bench, expected: dict[str, str], got: str, permutation: int) -> None:
        """One of several expected outputs must be met; otherwise the one met furthest is the evidence."""
        if permutation:
            expected = {name: only(permutation, text) for name, text in expected.items()}
        differences = {name: difference(text, got) for name, text in expected.items()}
        met = next((name for name, found in differences.items() if found is None), None)
        if met is not None:
            bench.verdict("The output is the expected one", True, file=met, lines=got.count("\n"))
            return
        name, found = max(differences.items(), key=lambda one: one[1] or (0, "", ""))
        line, wanted, there = found or (0, "", "")
        bench.verdict("The output is the expected one", False, file=name, line=line, expected=wanted, got=there)


def find(name: str, engine: str) -> Traversable:
    """The file that a parameter names; raises `LabError`."""
    given = Path(name).expanduser()
    if given.exists():
        return given
    shipped = EXAMPLES / engine
    if Path(name).name == name and (shipped / f"{name.removesuffix(SUFFIX)}{SUFFIX}").is_file():
        return shipped / f"{name.removesuffix(SUFFIX)}{SUFFIX}"
    names = sorted(one.name.removesuffix(SUFFIX) for one in shipped.iterdir() if one.name.endswith(SUFFIX))
    raise _unusable(name, f"There is no such file in {Path.cwd()}", f"With the lab come {', '.join(names)}.")


def read(path: Traversable) -> str:
    """The text of a scenario; raises `LabError` for what cannot be one."""
    try:
        if not path.is_file():
            raise _unusable(path.name, "It is no file", "Name a file that ends in .spec.")
        with path.open("rb") as file:
            raw = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise _unusable(path.name, f"It cannot be read: {error.strerror}", "Look at its owner and mode.") from error
    if len(raw) > LARGEST_FILE:
        raise _unusable(path.name, f"It has more than {LARGEST_FILE:,} bytes", "Split it.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _unusable(path.name, f"Line {line} is not in UTF-8", "Save it in that encoding.") from error
    if "\0" in text:
        raise _unusable(path.name, f"Line {text[: text.index(chr(0))].count(chr(10)) + 1} has a NUL byte", "Remove it.")
    return text


def choose(spec: Spec, number: int) -> Iterator[tuple[int, Permutation]]:
    """The permutations to run, each with its number counted from 1; raises `LabError`."""
    if number > spec.count:
        raise _unusable(f"Permutation {number}", f"There are only {spec.count}", "Choose one of these, or 0 for all.")
    if number:
        return islice(enumerate(spec.permutations(), 1), number - 1, number)
    if spec.count > MOST_PERMUTATIONS:
        raise _unusable(
            "The scenario", f"Its steps have {spec.count:,} orders", "Write down the permutations that you mean."
        )
    return enumerate(spec.permutations(), 1)


def expected_output(path: Traversable) -> dict[str, str] | None:
    """What is expected, by file name: ``X.out`` and its variants ``X_1.out`` beside ``X.spec`` or in ``expected``.

    In PostgreSQL's source the folder ``expected`` stands beside that of the scenarios.
    """
    if not isinstance(path, Path):
        return None
    stem = path.name.removesuffix(SUFFIX)
    names = (f"{stem}.out", *(f"{stem}_{number}.out" for number in range(10)))
    for folder in (path.parent, path.parent / "expected", path.parent.parent / "expected"):
        if found := [folder / name for name in names if (folder / name).is_file()]:
            return {one.name: one.read_text("utf-8", "replace") for one in found}
    return None


def _unusable(what: str, why: str, remedy: str) -> LabError:
    return LabError(f"{what} cannot be run", f"{why}.", remedy, exit_status=USAGE)
