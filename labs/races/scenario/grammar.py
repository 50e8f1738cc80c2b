"""The format of PostgreSQL's isolation tests, as its src/test/isolation/README describes it: from text to `Spec`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NoReturn

from labs.races.scenario.spec import (
    AfterNotices,
    AfterStep,
    Marker,
    Permutation,
    ReportedLate,
    Session,
    Spec,
    Step,
    Turn,
)
from labs.workbench.errors import USAGE, LabError

KEYWORDS = frozenset({"notices", "permutation", "session", "setup", "step", "teardown"})

_TOKEN = re.compile(
    r"""
      (?P<blank>   [ \t\r\f\v\n]+ | \#[^\r\n]* )
    | (?P<word>    (?:[A-Za-z_]|[^\x00-\x7f]) (?:[A-Za-z_0-9$]|[^\x00-\x7f])* )
    | "(?P<quoted> (?:[^"\n]|"")* )"
    | \{[ \t\r\f\v]* (?P<sql> [^}]*? ) [ \t\r\f\v]*\}
    | (?P<number>  [0-9]+ )
    | (?P<mark>    [,()*] )
    """,
    re.VERBOSE,
)

_NEVER_CLOSED = {'"': "a quoted name that its line does not close", "{": "SQL in braces that are never closed"}

Kind = Literal["keyword", "name", "sql", "number", "mark", "end"]

_CALLED: dict[Kind, str] = {"name": "a name", "sql": "SQL in { }", "number": "a number"}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: Kind
    text: str
    at: int
    """Where it begins, in characters from the start of the file."""

    @property
    def shown(self) -> str:
        if self.kind == "end":
            return "the end of the file"
        return "SQL in braces" if self.kind == "sql" else f"`{self.text}`"


def parse(text: str, file: str) -> Spec:
    """Read a scenario.

    Args:
        file: how errors call it.

    Raises:
        LabError: it breaks the format, or names a step that is not there; with line and column.
    """
    return _Parser(text, file).spec()


class _Parser:
    """Recursive descent, a method for each rule of the format's grammar."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file
        self._tokens = self._scanned()
        self._here = next(self._tokens)
        self._steps: dict[str, Step] = {}

    def spec(self) -> Spec:
        setups = tuple(self._scripts("setup"))
        teardown = self._script("teardown")
        sessions: dict[str, Session] = {}
        while not sessions or self._stands("keyword", "session"):
            at = self._here
            session = self._session()
            if session.name in sessions:
                self._refuse(at, f"a second session `{session.name}`")
            sessions[session.name] = session
        permutations: list[Permutation] = []
        while self._stands("keyword", "permutation"):
            permutations.append(self._permutation())
        self._take("end", expected="`session`, `permutation` or the end" if not permutations else "")
        return Spec(setups, teardown, tuple(sessions.values()), tuple(permutations))

    def _scripts(self, keyword: str) -> Iterator[str]:
        while (script := self._script(keyword)) is not None:
            yield script

    def _script(self, keyword: str) -> str | None:
        if not self._stands("keyword", keyword):
            return None
        self._advance()
        return self._take("sql").text

    def _session(self) -> Session:
        self._take("keyword", "session")
        name = self._take("name").text
        setup = self._script("setup")
        steps: list[Step] = []
        while not steps or self._stands("keyword", "step"):
            steps.append(self._step(name))
        return Session(name, setup, tuple(steps), self._script("teardown"))

    def _step(self, session: str) -> Step:
        self._take("keyword", "step")
        name = self._take("name")
        if name.text in self._steps:
            self._refuse(name, f"a second step `{name.text}`: every step needs a name of its own")
        self._steps[name.text] = step = Step(name.text, session, self._take("sql").text)
        return step

    def _permutation(self) -> Permutation:
        self._take("keyword", "permutation")
        taken: list[tuple[_Token, list[tuple[_Token, int | None]]]] = []
        while not taken or self._stands("name"):
            name = self._take("name")
            taken.append((name, list(self._blockers()) if self._stands("mark", "(") else []))
        steps = [self._known(name) for name, _ in taken]
        return tuple(
            Turn(step, tuple(self._marker(step, blocker, notices, steps) for blocker, notices in blockers))
            for step, (_, blockers) in zip(steps, taken, strict=True)
        )

    def _blockers(self) -> Iterator[tuple[_Token, int | None]]:
        """What stands in parentheses behind a step: ``*`` or the name of another, and of how many notices."""
        self._advance()
        while True:
            if self._stands("mark", "*"):
                yield self._advance(), None
            else:
                name = self._take("name", expected="`*` or a step's name")
                notices = None
                if self._stands("keyword", "notices"):
                    self._advance()
                    notices = int(self._take("number").text)
                yield name, notices
            if not self._stands("mark", ","):
                break
            self._advance()
        self._take("mark", ")", expected="`,` or `)`")

    def _marker(self, step: Step, blocker: _Token, notices: int | None, steps: list[Step]) -> Marker:
        if blocker.kind == "mark":
            return ReportedLate()
        other = self._known(blocker)
        if other not in steps:
            self._refuse(blocker, f"`{other.name}`, which this permutation never takes: it cannot be waited for")
        if other.session == step.session:
            self._refuse(blocker, f"`{other.name}` of the same session, for which `{step.name}` cannot wait")
        return AfterStep(other) if notices is None else AfterNotices(other, notices)

    def _known(self, name: _Token) -> Step:
        if name.text not in self._steps:
            self._refuse(name, f"`{name.text}`, but there is no such step")
        return self._steps[name.text]

    # Tokens -------------------------------------------------------------------------------------------------

    def _scanned(self) -> Iterator[_Token]:
        at = 0
        while at < len(self._text):
            found = _TOKEN.match(self._text, at)
            if found is None:
                character = self._text[at]
                self._refuse(at, _NEVER_CLOSED.get(character, f"the unexpected character {character!r}"))
            if (kind := found.lastgroup) == "word":
                yield _Token("keyword" if found["word"] in KEYWORDS else "name", found["word"], at)
            elif kind == "quoted":
                yield _Token("name", found["quoted"].replace('""', '"'), at)
            elif kind == "sql":
                yield _Token("sql", found["sql"], at)
            elif kind == "number":
                yield _Token("number", found["number"], at)
            elif kind == "mark":
                yield _Token("mark", found["mark"], at)
            at = found.end()
        yield _Token("end", "", at)

    def _stands(self, kind: Kind, text: str | None = None) -> bool:
        return self._here.kind == kind and text in {None, self._here.text}

    def _advance(self) -> _Token:
        token, self._here = self._here, next(self._tokens, self._here)
        return token

    def _take(self, kind: Kind, text: str | None = None, *, expected: str = "") -> _Token:
        if not self._stands(kind, text):
            wanted = expected or (f"`{text}`" if text else _CALLED.get(kind, "the end of the file"))
            self._refuse(self._here, f"{self._here.shown}, where {wanted} is expected")
        return self._advance()

    def _refuse(self, at: _Token | int, found: str) -> NoReturn:
        offset = at if isinstance(at, int) else at.at
        line = self._text.count("\n", 0, offset) + 1
        column = offset - self._text.rfind("\n", 0, offset)
        raise LabError(
            f"{self._file} cannot be read as a scenario",
            f"Line {line}, column {column} has {found}.",
            "Correct it; the format is that of PostgreSQL's isolation tests, described in src/test/isolation/README.",
            exit_status=USAGE,
        )
