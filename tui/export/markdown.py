"""A run as Markdown with its numbers: what was asked, who did what when, and what came of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from labs.stream.cycles import drawn
from labs.stream.events import RolledBack, TableSampled, Version
from labs.stream.figures import grouped, number, spread
from labs.stream.latency import stalls, usual
from tui.compare import differences
from tui.sqltext import exact, humanize
from tui.state import LabState, Run, Statement
from tui.text import clean, engine_name, milliseconds, plural, seconds, spaced, value

_SPECIAL = re.compile(
    r"[\\`*{}\[\]<>#|~&$^@!]"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"
    r"|:(?=[A-Za-z+_-]|//)|(?<=www)\."  # as in :smile:, and in what would become a link
    r"|^[-+=](?!\d)|^\d+[.)](?=\s|$)",
    re.IGNORECASE,
)
"""What the last character of would be markup."""
_OF_A_VERSION = ("valid_from", "valid_to", "system_from", "system_to", "who", "operation")
_LONGEST_CELL = 200
"""Of a value of a table; a statement is not cut."""


def markdown(state: LabState) -> str:
    """The run on the screen, and what it has found, as a page; of a lab in which nothing has run, its tables."""
    run = state.run
    parts = [
        _heading(state, run),
        _lanes(state, run) if run is not None and run.statements else [],
        _verdicts(state),
        _orders(state),
        _anomalies(state),
        _figures(state),
        _latencies(state),
        _tables(state),
        _versions(state),
        _said(state),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def text(words: str) -> str:
    """Text that a page shows as it is: no markup, no HTML, no link."""
    return _SPECIAL.sub(lambda match: f"{match[0][:-1]}\\{match[0][-1]}", clean(words).strip())


def code(words: str) -> str:
    """Text in the type of code, also in a table: what could be Markdown in it stands as a reference."""
    shown = _SPECIAL.sub(lambda match: f"{match[0][:-1]}&#{ord(match[0][-1])};", clean(words).strip())
    return f"<code>{shown}</code>" if shown else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table; its cells are Markdown already."""
    return [_row(head), _row(["---"] * len(head)), *map(_row, rows)]


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _heading(state: LabState, run: Run | None) -> list[str]:
    lab = state.lab
    spec = state.experiment(run.experiment) if run is not None else None
    title = state.title(run.experiment) if run is not None else "no experiment has run"
    lines = [f"# {text(lab.title if lab else '')} › {text(title)}", ""]
    if spec is not None:
        lines += [text(spec.question), ""]
    facts: list[tuple[str, str]] = []
    if lab is not None:
        facts.append(("server", lab.server_version or engine_name(lab.engine)))
        facts.append(("isolation by default", lab.isolation_default))
    if run is not None:
        facts += [(spaced(name), value(setting)) for name, setting in run.parameters.items()]
        facts.append(("stepped", "by hand" if run.stepped else "by itself"))
        facts.append(("outcome", f"{run.ended.outcome} after {seconds(run.ended.seconds)}" if run.ended else "running"))
    if state.stream is not None:
        facts.append(("stream began", state.stream.started_at))
        facts.append(("recorded by", state.stream.program))
    return lines + table(("", ""), [(text(name), text(fact)) for name, fact in facts])


def _lanes(state: LabState, run: Run) -> list[str]:
    """A line a statement, in the order in which they started, each in its session's column."""
    names = list(dict.fromkeys(one.session for one in run.statements))
    marks = {one.statement.number: one.before for one in differences(state)}
    rows = []
    for one in run.statements:
        if one.index in run.parts:
            rows.append(["", *[f"*{text(run.parts[one.index])}*", *[""] * (len(names) - 1)], ""])
        cells = ["" for _ in names]
        cells[names.index(one.session)] = code(humanize(one.sql, one.parameters, state.schema))
        told = _outcome(one)
        if before := marks.get(one.number):
            told += f" ≠ before: {text(before)}"
        rows.append([f"{one.started_at - run.started_at:.3f}", *cells, told])
    head = ("s", *map(text, names), "answer")
    return ["## Sessions", "", *table(head, rows)]


def _outcome(one: Statement) -> str:
    """Rows, milliseconds, what was waited for, the server's code."""
    parts = []
    if one.begins:
        return ""
    if one.running:
        parts.append("no answer yet")
    elif one.failed:
        parts.append(f"✗ {text(one.sqlstate or 'error')} {text(one.message)}")
    elif one.rows is not None:
        parts.append(plural(one.rows, "row"))
        if one.preview and one.rows == 1:
            parts[-1] += " → " + text(", ".join(value(cell, 40) for cell in one.preview[0]))
    if one.waited_since is not None:
        parts.append(f"waited for {text(', '.join(one.waited_for)) or 'a lock'}")
    if one.milliseconds is not None:
        parts.append(milliseconds(one.milliseconds))
    return ", ".join(parts)


def _verdicts(state: LabState) -> list[str]:
    lines = []
    for verdict in state.verdicts:
        told = ", ".join(f"{text(spaced(name))} {text(value(figure))}" for name, figure in verdict.evidence.items())
        mark = "✓ holds" if verdict.holds else "✗ **does not hold**"
        lines.append(f"- {mark}: {text(verdict.claim)}" + (f" ({told})" if told else ""))
    settled = {verdict.claim for verdict in state.verdicts}
    for claim, sampled in state.invariants.items():
        if claim not in settled:
            told = ", ".join(f"{text(spaced(name))} {text(value(it))}" for name, it in sampled.evidence.items())
            lines.append(f"- now {'✓' if sampled.holds else '✗'}: {text(claim)}" + (f" ({told})" if told else ""))
    return ["## Verdict", "", *lines] if lines else []


def _orders(state: LabState) -> list[str]:
    rows = [
        [
            text(cell.variant),
            text(engine_name(cell.engine)),
            text(cell.isolation),
            f"{'✗' if cell.violations else '✓'} {cell.violations} of {cell.orders}",
            str(cell.waits),
            str(cell.retries),
            text(", ".join(f"{count}× {code_}" for code_, count in sorted(cell.refusals.items()))),
            text(cell.failing or ""),
        ]
        for cell in state.orders.cells.values()
    ]
    head = ("variant", "engine", "isolation", "orders broken", "waits", "retries", "refused", "shortest that breaks")
    return ["## Every order", "", *table(head, rows)] if rows else []


def _anomalies(state: LabState) -> list[str]:
    """An engine a table, a level a column; then the circles."""
    lines: list[str] = []
    cells = state.anomalies.cells
    for engine in dict.fromkeys(key[1] for key in cells):
        levels = list(dict.fromkeys(key[2] for key in cells if key[1] == engine))
        rows = []
        for name in dict.fromkeys(key[0] for key in cells if key[1] == engine):
            found = [cells.get((name, engine, level)) for level in levels]
            told = [
                "" if cell is None else "✗ occurs" if cell.occurred else f"✓ no {text(cell.prevented_by)}".rstrip()
                for cell in found
            ]
            rows.append([text(name), *told])
        lines += [f"## Anomalies on {text(engine_name(engine))}", "", *table(("", *map(text, levels)), rows), ""]
        circles = [cell for key, cell in cells.items() if key[1] == engine and cell.cycle]
        lines += [f"- {text(one.anomaly)}, {text(one.isolation)}: {text(drawn(one.cycle))}" for one in circles]
        lines += [""] if circles else []
    return lines[:-1]


def _figures(state: LabState) -> list[str]:
    lines: list[str] = []
    cells = state.measured.figures.cells
    by_engine = sorted(cells.items(), key=lambda entry: entry[0][1])
    for engine, entries in groupby(by_engine, key=lambda entry: entry[0][1]):
        for (metric, unit), group in grouped(figure for _, figure in entries).items():
            rows = [[text(one.variant), number(one.value), spread(one), str(one.samples or "")] for one in group]
            where = f" on {text(engine_name(engine))}" if engine else ""
            head = ("", text(unit), "lowest–highest", "samples")
            lines += [f"## {text(metric)}{where}", "", *table(head, rows), ""]
    return lines[:-1]


def _latencies(state: LabState) -> list[str]:
    """A line a strip: what was usual in it, and what was not."""
    rows = []
    for (operation, engine, variant), strip in state.measured.latencies.cells.items():
        found = stalls(strip.columns)
        rows.append(
            [
                text(operation),
                text(engine_name(engine) if engine else ""),
                text(variant),
                number(usual(strip.columns)),
                number(max(column.worst for column in strip.columns)),
                str(len(found)),
                number(max(found)) if found else "",
                seconds(sum(column.seconds for column in strip.columns)),
            ]
        )
    head = ("", "engine", "variant", "median, ms", "worst, ms", "stalls", "longest stall, ms", "over")
    return ["## Latencies", "", *table(head, rows)] if rows else []


def _tables(state: LabState) -> list[str]:
    """Those that the run is about."""
    spec = state.experiment(state.run.experiment) if state.run is not None else None
    wanted = spec.tables if spec is not None else None
    lines: list[str] = []
    for one in state.tables.values():
        if wanted is None or one.table in wanted:
            lines += [*_table(one), ""]
    return ["## Tables, as committed", "", *lines[:-1]] if lines else []


def _table(one: TableSampled) -> list[str]:
    rows = [[text(value(cell, _LONGEST_CELL)) for cell in row] for row in one.rows]
    lines = [f"### {text(one.table)}, {plural(one.row_count, 'row')}", ""]
    lines += table([text(column) for column in one.columns], rows)
    if one.row_count > len(one.rows):
        lines += ["", f"… {plural(one.row_count - len(one.rows), 'row')} more"]
    return lines


def _versions(state: LabState) -> list[str]:
    """A table an entity, with the columns of time that any of its versions has."""
    lines: list[str] = []
    for one in state.versions.cells.values():
        told = [name for name in _OF_A_VERSION if any(_told(version, name) for version in one.versions)]
        rows = []
        for version in one.versions:
            values = [value(cell, _LONGEST_CELL) for cell in version.values]
            values += [""] * (len(one.columns) - len(values))
            rows.append([*map(text, values[: len(one.columns)]), *(text(_told(version, name)) for name in told)])
        key = ", ".join(value(cell, _LONGEST_CELL) for cell in one.key)
        head = [*map(text, one.columns), *map(spaced, told)]
        lines += [f"### {text(f'{one.entity} {key}')}", "", *table(head, rows), ""]
    return ["## Versions", "", *lines[:-1]] if lines else []


def _told(version: Version, name: str) -> str:
    found = getattr(version, name)
    return "" if found is None else str(found)


def _said(state: LabState) -> list[str]:
    """Notes, errors, and what became of the run afterwards."""
    lines = [f"- {text(note.text)}" for note in state.notes]
    for error in state.errors:
        lines.append(f"- ✗ {text(f'{error.title}: {error.cause} {error.remedy}')}")
        told = [text(error.sqlstate or ""), code(exact(error.sql))]
        lines[-1] += "".join(f" {part}" for part in told if part)
    if isinstance(state.upkeep, RolledBack):
        done = "rolled back" if state.upkeep.clean else "not rolled back"
        lines.append(f"- {text(state.title(state.upkeep.experiment))} {done}: {text(' '.join(state.upkeep.how))}")
    return ["## Notes", "", *lines] if lines else []
