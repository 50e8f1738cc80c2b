"""What a lab is: a seeded schema, experiments with bounded parameters, claims that are measured, a way back."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args, get_type_hints

import msgspec
from msgspec.structs import replace
from sqlalchemy import MetaData, Select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import DeclarativeBase

from labs.stream.engines import ENGINES
from labs.stream.specs import Cell, ExperimentSpec, Outcome, ParameterSpec
from labs.workbench.engines.engine import Engine
from labs.workbench.errors import USAGE, LabError

if TYPE_CHECKING:
    from labs.workbench.bench import Bench

SEED = 9
"""What `Lab.seed` is given unless a person says otherwise."""

ISOLATION = "isolation"
"""The name of the parameter whose choices are isolation levels, which not every server has."""

_TYPE_NAMES: dict[type, Literal["int", "float", "str", "bool"]] = {
    int: "int",
    float: "float",
    str: "str",
    bool: "bool",
}


Rows = Select[*tuple[Any, ...]]
"""A query, whatever its columns."""


@dataclass(frozen=True, slots=True)
class Invariant:
    """What must always hold, as a query that the server answers.

    The query yields one row: a boolean ``holds`` first, and then the evidence, a column a figure.
    """

    claim: str
    query: Rows


@dataclass(frozen=True, slots=True)
class Watched:
    """What of a lab an experiment is about, so that the screen shows no more than that."""

    tables: tuple[type[DeclarativeBase], ...] = ()
    """None where it has tables of its own, which are gone when it ends."""
    invariants: tuple[Invariant, ...] = ()


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment as declared on a lab's method by `experiment`."""

    spec: ExperimentSpec
    parameters: type[msgspec.Struct]
    dials: type[msgspec.Struct]
    method: Callable[[Any, Bench, Any], Awaitable[None]]

    def on(self, server: Engine) -> Experiment:
        """The same, with only the isolation levels that a server has."""
        parameters = tuple(
            replace(one, choices=tuple(level for level in one.choices if server.accepts(str(level))))
            if one.name == ISOLATION
            else one
            for one in self.spec.parameters
        )
        return dataclasses.replace(self, spec=replace(self.spec, parameters=parameters))

    def must_run_on(self, server: Engine) -> None:
        """Raise `LabError` when that kind of server lacks what the experiment is about."""
        if server.name in self.spec.lacking:
            raise LabError(
                f"{self.spec.title} does not run on {ENGINES[server.name]}",
                self.spec.lacking[server.name],
                f"Run it with --engine {' or '.join(self.spec.engines)}.",
                exit_status=USAGE,
            )

    def parse(self, given: Mapping[str, Cell]) -> msgspec.Struct:
        """The parameters given, completed by defaults; numbers may come as text.

        Raises:
            LabError: an unknown parameter, or one out of its bounds.
        """
        return self._parse("parameter", self.spec.parameters, self.parameters, given)

    def dial(self, name: str, value: Cell) -> Cell:
        """What that dial is turned to by the value given; raises `LabError` as `parse` does."""
        turned: Cell = getattr(self._parse("dial", self.spec.dials, self.dials, {name: value}), name)
        return turned

    def _parse(
        self, kind: str, specs: Sequence[ParameterSpec], struct: type[msgspec.Struct], given: Mapping[str, Cell]
    ) -> msgspec.Struct:
        known = {spec.name: spec for spec in specs}
        for name in given:
            if name not in known:
                raise LabError(
                    f"{self.spec.slug} has no {kind} {name!r}",
                    f"It takes {', '.join(known) or 'none'}.",
                    f"Name one that is there, or leave the {kind} as it is.",
                    exit_status=USAGE,
                )
        plain = {name: known[name].recognised(value) for name, value in given.items()}
        for name, value in plain.items():
            if known[name].choices and value not in known[name].choices:
                raise _impossible(known[name], given[name])
        try:
            return msgspec.convert(plain, struct, strict=False)
        except msgspec.ValidationError as error:
            spec = known[str(error).rpartition(" - at `$.")[2].rstrip("`")]
            raise _impossible(spec, given[spec.name]) from error


class NoDials(msgspec.Struct, frozen=True):
    """Nothing can be changed while it runs."""


def _impossible(spec: ParameterSpec, value: Cell) -> LabError:
    return LabError(f"{spec.name}={value} is not possible", "", f"{spec.name} is {spec.allowed}.", exit_status=USAGE)


def experiment(
    title: str,
    *,
    question: str,
    why: str,
    watched: Watched | None = None,
    lacking: Mapping[str, str] | None = None,
    expected: Outcome = "passed",
    stepped: bool = True,
    dials: type[msgspec.Struct] = NoDials,
) -> Callable[[Callable[[Any, Any, Any], Awaitable[None]]], Experiment]:
    """Declare a lab's method an experiment; its third argument is annotated with the parameters' struct.

    Args:
        question: what it answers.
        why: paragraphs for the person who watches it.
        watched: what to show of the lab's tables; by default all.
        lacking: engines on which it cannot run, each with a sentence that says what is not there.
        expected: how it ends with default parameters.
        stepped: whether it plays its transactions a statement at a time, so that a person can; see `Bench.play`.
        dials: what can be changed while it runs; see `Bench.turned_by`.
    """

    def declare(method: Callable[[Any, Any, Any], Awaitable[None]]) -> Experiment:
        parameters = get_type_hints(method, localns={"Bench": object})["parameters"]
        spec = ExperimentSpec(
            slug=method.__name__,
            title=title,
            question=question,
            why="\n".join(line.strip() for line in why.strip().splitlines()),
            engines=tuple(engine for engine in ENGINES if engine not in (lacking or {})),
            lacking=dict(lacking or {}),
            tables=tuple(table.__tablename__ for table in watched.tables) if watched else None,
            claims=tuple(invariant.claim for invariant in watched.invariants) if watched else (),
            parameters=_parameter_specs(parameters),
            dials=_parameter_specs(dials),
            expected=expected,
            stepped=stepped,
        )
        return Experiment(spec, parameters, dials, method)

    return declare


def _parameter_specs(parameters: type[msgspec.Struct]) -> tuple[ParameterSpec, ...]:
    info = msgspec.inspect.type_info(parameters)
    if not isinstance(info, msgspec.inspect.StructType):
        raise TypeError(f"{parameters} is no msgspec.Struct")
    annotations = get_type_hints(parameters)
    return tuple(_parameter_spec(field, annotations[field.name]) for field in info.fields)


def _parameter_spec(field: msgspec.inspect.Field, annotation: Any) -> ParameterSpec:
    kind: Any = field.type
    help_text = ""
    if isinstance(kind, msgspec.inspect.Metadata):
        help_text = (kind.extra_json_schema or {}).get("description", "")
        kind = kind.type
    minimum = getattr(kind, "ge", None)
    maximum = getattr(kind, "le", None)
    # As written; msgspec would sort them.
    choices = get_args(annotation) if isinstance(kind, msgspec.inspect.LiteralType) else ()
    return ParameterSpec(
        name=field.name,
        type=_TYPE_NAMES[type(field.default)],
        default=field.default,
        help=help_text,
        minimum=minimum,
        maximum=maximum,
        choices=choices,
        pattern=getattr(kind, "pattern", None) or "",
    )


class Lab(ABC):
    """A lab. Its code knows SQLAlchemy and the `Bench`, and nothing of screens or events."""

    slug: ClassVar[str]
    title: ClassVar[str]
    metadata: ClassVar[MetaData]
    """The lab's tables; each is shown on the screen."""
    invariants: ClassVar[Sequence[Invariant]] = ()

    @classmethod
    def experiments(cls) -> dict[str, Experiment]:
        """The experiments by slug, class after class in the order in which they are written."""
        written = chain.from_iterable(vars(kind).values() for kind in cls.__mro__)
        return {value.spec.slug: value for value in written if isinstance(value, Experiment)}

    @classmethod
    def declared(cls, slug: str) -> Experiment:
        """The experiment of that name; raises `LabError` when there is none."""
        experiments = cls.experiments()
        if slug not in experiments:
            meant = get_close_matches(slug, experiments, 1)
            raise LabError(
                f"{cls.slug} has no experiment {slug!r}",
                f"It has {', '.join(experiments)}.",
                f"Did you mean {meant[0]}?" if meant else "`ninelabs list` names every experiment.",
                exit_status=USAGE,
            )
        return experiments[slug]

    @abstractmethod
    async def seed(self, connection: AsyncConnection, seed: int) -> None:
        """Fill the fresh tables; the same seed must give the same bytes everywhere."""

    def state(self) -> dict[str, Rows]:
        """What the lab's data amounts to: a query for each thing that a rollback must bring back.

        By default every row of every table. A lab with an append-only table says here what its rows add up to.
        """
        return {table.name: table.select() for table in self.metadata.sorted_tables}

    async def watermark(self, connection: AsyncConnection) -> int:
        """Where the data stands before an experiment, in a form that `compensate` understands."""
        return 0

    @abstractmethod
    async def compensate(self, connection: AsyncConnection, watermark: int) -> Sequence[str]:
        """Undo what has been committed since the watermark, as production would; one sentence for each thing done."""
