"""What the commands print for people, and the catalogue as data."""

from __future__ import annotations

from collections.abc import Callable
from io import TextIOWrapper
from typing import Any, BinaryIO

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from labs.catalogue import CATALOGUE, find_lab
from labs.stream.events import (
    EngineChanged,
    Event,
    ExperimentEnded,
    ExperimentSpec,
    ExperimentStarted,
    LabOpened,
    LabReset,
    Noted,
    ParameterSpec,
    RolledBack,
    SessionChanged,
    StatementEnded,
    StatementStarted,
    VerdictReached,
)


def catalogue_json() -> str:
    """The nine labs as one JSON array, as DESIGN of the command line has it in the README."""
    return msgspec.json.format(msgspec.json.encode(_catalogue()), indent=2).decode()


def catalogue_report() -> None:
    """The nine labs as a table."""
    table = Table(box=None, pad_edge=False)
    for heading in ("#", "lab", "experiment", "parameters"):
        table.add_column(heading)
    for lab in _catalogue():
        table.add_row(
            Text(str(lab["number"])),
            Text(lab["slug"]),
            Text(lab["question"] if lab["built"] else f"{lab['question']}  (not built yet)"),
        )
        for experiment in lab["experiments"]:
            parameters = "\n".join(_allowed(parameter) for parameter in experiment["parameters"])
            table.add_row("", "", Text(experiment["slug"]), Text(parameters))
    Console().print(table)


def _catalogue() -> list[dict[str, Any]]:
    return [
        {
            "number": entry.number,
            "slug": entry.slug,
            "title": entry.title,
            "question": entry.question,
            "built": entry.built,
            "experiments": [_experiment(declared.spec) for declared in find_lab(entry.slug).experiments().values()]
            if entry.built
            else [],
        }
        for entry in CATALOGUE
    ]


def _experiment(spec: ExperimentSpec) -> dict[str, Any]:
    return {
        "slug": spec.slug,
        "title": spec.title,
        "engines": list(spec.engines),
        "parameters": [_parameter(parameter) for parameter in spec.parameters],
    }


def _parameter(spec: ParameterSpec) -> dict[str, Any]:
    told: dict[str, Any] = {"name": spec.name, "type": spec.type, "default": spec.default}
    if spec.choices:
        told["choices"] = list(spec.choices)
    if spec.minimum is not None:
        told["minimum"] = spec.minimum
    if spec.maximum is not None:
        told["maximum"] = spec.maximum
    return told


def _allowed(parameter: dict[str, Any]) -> str:
    if "choices" in parameter:
        allowed = " | ".join(map(str, parameter["choices"]))
    else:
        allowed = f"{parameter['type']} {parameter.get('minimum', '')}…{parameter.get('maximum', '')}"
    return f"{parameter['name']}={parameter['default']}  ({allowed})"


def report_sink(stdout: BinaryIO) -> Callable[[Event], None]:
    """A reader of the stream that tells a run as it happens, on standard output."""
    console = Console(file=TextIOWrapper(stdout, "utf-8", errors="replace", write_through=True), highlight=False)
    narration = Console(stderr=True, highlight=False)
    expected: dict[str, ExperimentSpec] = {}
    texts: dict[int, StatementStarted] = {}

    def tell(event: Event) -> None:
        match event:
            case EngineChanged() if event.state != "ready":
                narration.print(Text(f"{event.engine}: {event.state} {event.detail}".rstrip()))
            case LabOpened():
                expected.update({spec.slug: spec for spec in event.experiments})
                narration.print(Text(f"{event.title} on {event.server_version}, schema {event.schema}"))
            case ExperimentStarted():
                texts.clear()
                given = ", ".join(f"{name}={value}" for name, value in event.parameters.items())
                console.print(Text(f"\n{expected[event.experiment].title}", "bold"), Text(f"  {given}"))
            case StatementStarted():
                texts[event.number] = event
            case SessionChanged() if event.state == "waiting":
                console.print(Text(f"{event.t:8.3f} {event.session}  … waits for {', '.join(event.waiting_for)}"))
            case StatementEnded():
                console.print(_statement(texts.pop(event.number), event))
            case VerdictReached():
                figures = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in event.evidence.items())
                mark, style = ("✓ holds        ", "blue") if event.holds else ("✗ does not hold", "bold yellow")
                console.print(Text("  "), Text(mark, style), Text(f"{event.claim}: {figures}"))
            case ExperimentEnded():
                spec = expected[event.experiment]
                hint = ", which is the point of it" if event.outcome == spec.expected == "failed" else ""
                console.print(Text(f"  {event.outcome} after {event.seconds:.2f} s{hint}"))
            case RolledBack():
                result = "rolled back, the fingerprint is back" if event.clean else "could not be rolled back"
                console.print(Text(" ".join([f"{event.experiment}: {result}.", *event.how, *event.differences])))
            case LabReset():
                console.print(Text(f"Rebuilt from seed {event.seed}, fingerprint {event.fingerprint}."))
            case Noted():
                console.print(Text(f"  {event.text}", "italic"))

    return tell


def _statement(started: StatementStarted, ended: StatementEnded) -> Text:
    line = Text(f"{started.t:8.3f} {started.session}  {' '.join(started.sql.split())}")
    if started.parameters:
        line.append(f"  {', '.join(map(str, started.parameters))}", "dim")
    if ended.sqlstate or ended.message:
        return line.append(f"  ✗ {ended.sqlstate or ''} {ended.message}", "bold yellow")
    if ended.preview:
        shown = "; ".join(", ".join(map(str, row)) for row in ended.preview)
        return line.append(f"  → {shown}", "blue")
    return line.append(f"  ok {ended.rows} rows", "blue") if ended.rows is not None else line
