"""What the commands print for people, and the catalogue as data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import msgspec
from rich.text import Text

from labs.catalogue import Entry, all_labs, find_lab
from labs.paper import Paper
from labs.signals import say
from labs.stream.cycles import drawn
from labs.stream.events import (
    AnomalyMeasured,
    EngineChanged,
    Event,
    ExperimentEnded,
    ExperimentStarted,
    LabOpened,
    LabReset,
    LatencySampled,
    Measured,
    Noted,
    OrdersExplored,
    ProgressAdvanced,
    RolledBack,
    SessionChanged,
    StatementEnded,
    StatementStarted,
    TranscriptWritten,
    VerdictReached,
)
from labs.stream.figures import alike, grouped, number, spread
from labs.stream.latency import stalls, usual
from labs.stream.pipe import write_all
from labs.stream.specs import ExperimentSpec, ParameterSpec, listed
from labs.stream.visible import clean

INDENT = "   "
PROGRESS_S = 5.0
"""Seconds of the stream between two lines on how far something has come."""
SLUG = 21
"""Columns for the name of a lab or an experiment, and the gap after it."""


def catalogue_json() -> str:
    """All labs as one JSON array, built or not, with what each experiment can be given; of a broken one, why it is."""
    labs = []
    for entry in all_labs():
        specs, problem = _experiments(entry)
        told = {
            "number": entry.number,
            "slug": entry.slug,
            "title": entry.title,
            "question": entry.question,
            "built": entry.built and not problem,
            "experiments": [_experiment(spec) for spec in specs],
        }
        labs.append(told | ({"problem": problem} if problem else {}))
    return msgspec.json.format(msgspec.json.encode(labs), indent=2).decode()


def print_catalogue() -> None:
    """All labs for people: each with its question, its experiments, and what these can be given."""
    paper = Paper()
    for entry in all_labs():
        specs, problem = _experiments(entry)
        if problem:
            question = Text(f"✗ {problem}", "bold yellow")
        elif entry.built:
            question = Text(entry.question)
        else:
            question = Text(f"{entry.question}  (not built yet)", "dim")
        paper.print(question, Text.assemble(f"{entry.number:<3}", (f"{entry.slug:<{SLUG}}", "bold")))
        for spec in specs:
            paper.print()
            paper.print(spec.question, Text(f"{INDENT}{spec.slug:<{SLUG}}", "bold"))
            for parameter in spec.parameters:
                paper.print(_allowed(parameter), f"{INDENT}{'':<{SLUG}}{parameter.name}={parameter.default}  ")
        if entry.built:
            paper.print()


def _experiments(entry: Entry) -> tuple[Sequence[ExperimentSpec], str]:
    """Its experiments; and if it is another package's and broken, why."""
    from labs.workbench.errors import LabError

    if not entry.built:
        return (), entry.problem
    try:
        return [declared.spec for declared in find_lab(entry.slug).experiments().values()], ""
    except LabError as error:
        return (), error.sentence


def _experiment(spec: ExperimentSpec) -> dict[str, Any]:
    return {
        "slug": spec.slug,
        "title": spec.title,
        "engines": spec.engines,
        "parameters": [_parameter(parameter) for parameter in spec.parameters],
    }


def _parameter(spec: ParameterSpec) -> dict[str, Any]:
    told: dict[str, Any] = {"name": spec.name, "type": spec.type, "default": spec.default}
    if spec.choices:
        told["choices"] = spec.choices
    if spec.minimum is not None:
        told["minimum"] = spec.minimum
    if spec.maximum is not None:
        told["maximum"] = spec.maximum
    return told


def _allowed(spec: ParameterSpec) -> Text:
    if spec.choices:
        return Text(f"or {listed([choice for choice in spec.choices if choice != spec.default])}", "dim")
    if spec.minimum is not None and spec.maximum is not None:
        meaning = f"; {spec.help}" if spec.help else ""
        return Text(f"from {spec.minimum:,.12g} to {spec.maximum:,.12g}{meaning}", "dim")
    return Text(spec.allowed, "dim")


def report_sink(stdout: BinaryIO) -> Callable[[Event], None]:
    """A reader of the stream that tells a run as it happens, on standard output; raises `OSError`."""
    paper = Paper(stdout, whole_lines=True)
    known: dict[str, ExperimentSpec] = {}
    started: dict[int, StatementStarted] = {}
    measured: dict[tuple[str, str], Measured] = {}
    strips: dict[tuple[str, str], list[LatencySampled]] = {}
    progress_due = PROGRESS_S

    def tell(event: Event) -> None:
        nonlocal progress_due
        match event:
            case EngineChanged() if event.state in {"starting", "recovering"}:
                say(f"{event.engine}: {event.state}{event.detail and ', '}{event.detail}")
            case LabOpened():
                known.update({spec.slug: spec for spec in event.experiments})
                say(f"{event.title} on {event.server_version}, schema {event.schema}")
            case ExperimentStarted():
                started.clear()
                measured.clear()
                strips.clear()
                given = ", ".join(f"{name}={value}" for name, value in event.parameters.items())
                paper.print()
                paper.print(given, Text(f"{known[event.experiment].title}  ", "bold"))
            case StatementStarted():
                started[event.number] = event
            case SessionChanged() if event.state == "waiting":
                paper.print(f"… waits for {', '.join(event.waiting_for)}", f"{event.t:9.3f} {event.session}  ")
            case StatementEnded():
                start = started.pop(event.number)
                paper.print(_statement(start, event), f"{event.t:9.3f} {start.session}  ")
            case VerdictReached():
                figures = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in event.evidence.items())
                mark, style = ("✓ holds          ", "blue") if event.holds else ("✗ does not hold  ", "bold yellow")
                paper.print(f"{event.claim}: {figures}", Text(f"{INDENT}{mark}", style))
            case ProgressAdvanced() if event.t >= progress_due:
                progress_due = event.t + PROGRESS_S
                say(f"{INDENT}{_progress(event)}")
            case Measured():
                measured[event.metric, event.variant] = event
            case LatencySampled():
                strips.setdefault((event.operation, event.variant), []).append(event)
            case ExperimentEnded():
                for line in [*_measured(measured.values()), *_latencies(strips)]:
                    paper.print(line, INDENT)
                spec = known[event.experiment]
                hint = ", which is the point of it" if event.outcome == spec.expected == "failed" else ""
                paper.print(f"{event.outcome} after {event.seconds:.2f} s{hint}", INDENT)
            case RolledBack():
                result = "rolled back, the fingerprint is back" if event.clean else "could not be rolled back"
                paper.print(" ".join([f"{event.experiment}: {result}.", *event.how, *event.differences]))
            case LabReset():
                paper.print(f"Rebuilt from seed {event.seed}, fingerprint {event.fingerprint}.")
            case AnomalyMeasured():
                paper.print(_anomaly(event), INDENT)
            case OrdersExplored():
                paper.print(_cell(event), INDENT)
            case Noted():
                paper.print(Text(event.text, "italic"), INDENT)

    return tell


def _progress(event: ProgressAdvanced) -> str:
    told = f"{event.task}: {event.done:,.0f} of {event.total:,.0f} {event.unit}"
    if event.rate:
        told += f", {event.rate:,.0f} a second"
    return told + (f", {event.eta_s:,.0f} s to go" if event.eta_s else "")


def transcript_sink(stdout: BinaryIO) -> Callable[[Event], None]:
    """A reader of the stream that writes the transcript, as it is where no terminal obeys it; raises `OSError`."""
    terminal = stdout.isatty()

    def write(event: Event) -> None:
        if isinstance(event, TranscriptWritten):
            lines = event.text.split("\n")
            shown = "\n".join(clean(line.expandtabs()) for line in lines) if terminal else event.text
            write_all(stdout, shown.encode())

    return write


def _cell(cell: OrdersExplored) -> Text:
    what = f"{cell.variant}, {cell.isolation}: {counted(cell.orders, 'order')}, "
    line = Text(what + ("broken in none" if not cell.violations else f"broken in {cell.violations}"))
    if cell.failing is not None:
        line.append(f", shortest {cell.failing or 'serial'}", "bold yellow")
    refused = ", ".join(f"{count}× {code}" for code, count in cell.refusals.items()) or "none"
    line.append(f"; waits {cell.waits}, refused {refused}, pruned {cell.pruned}, blocked {cell.blocked}", "dim")
    if cell.sampled:
        line.append(f", partly drawn by lot from seed {cell.seed}", "dim")
    if cell.raced:
        line.append(f", {counted(cell.raced, 'order')} undecided by a race on the server", "bold yellow")
    return line.append(f", {cell.milliseconds:.0f} ms", "dim")


def _anomaly(cell: AnomalyMeasured) -> Text:
    line = Text(f"{cell.isolation}: {cell.anomaly} ({cell.code}) ")
    if cell.occurred:
        line.append("occurs", "bold yellow")
    else:
        line.append("does not occur" + (f": {cell.prevented_by}" if cell.prevented_by else ""), "blue")
    return line.append(f"  {drawn(cell.cycle)}" if cell.cycle else "", "dim")


def _measured(measured: Iterable[Measured]) -> Iterator[Text]:
    """A group of lines a metric, a line a variant."""
    shown, alike_found = list(measured), False
    name = max((len(one.variant) for one in shown), default=0)
    value = max((len(number(one.value)) for one in shown), default=0)
    wide = max((len(spread(one)) for one in shown), default=0)
    for (metric, unit), group in grouped(shown).items():
        yield Text.assemble((metric, "bold"), (f", {unit}", "dim"))
        for one in group:
            same = one is not group[0] and alike(one, group[0])
            line = Text(f"  {one.variant:<{name}}  {number(one.value):>{value}}")
            yield line.append(f"  {spread(one):<{wide}}  {'≈' * same}".rstrip(), "dim")
            alike_found = alike_found or same
    if alike_found:
        yield Text(f"≈ no difference from {shown[0].variant}: each lies within the other's spread", "dim")


def _latencies(strips: Mapping[tuple[str, str], Sequence[LatencySampled]]) -> Iterator[Text]:
    """A line a strip."""
    name = max((len(f"{operation}, {variant}") for operation, variant in strips), default=0)
    for (operation, variant), columns in strips.items():
        worst = max(column.worst for column in columns)
        line = Text(f"{f'{operation}, {variant}':<{name}}")
        line.append(f"  median {number(usual(columns))} ms, worst {number(worst)} ms", "dim")
        found = stalls(columns)
        yield line.append(f", {counted(len(found), 'stall')}" if found else "", "bold yellow")


def _statement(started: StatementStarted, ended: StatementEnded) -> Text:
    line = Text(" ".join(started.sql.split()))
    if started.parameters:
        line.append(f"  [{', '.join(map(str, started.parameters))}]", "dim")
    if ended.sqlstate or ended.message:
        return line.append(f"  ✗ {ended.sqlstate or ''} {ended.message}", "bold yellow")
    if ended.preview:
        shown = "; ".join(", ".join(map(str, row)) for row in ended.preview)
        return line.append(f"  → {shown}", "blue")
    return line.append(f"  ok {counted(ended.rows, 'row')}", "blue") if ended.rows is not None else line


def counted(number: int, thing: str) -> str:
    """A number of things."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
