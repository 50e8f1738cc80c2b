"""A run as SQL files, one a session, for as many terminals: each says when to change to the other one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from labs.stream.events import TableSampled
from tui.export.clients import Client, Mariadb, Psql
from tui.export.literals import MARIADB, ScriptError, identifier, literal, statement
from tui.sqltext import exact
from tui.state import LabState, Run, Statement
from tui.text import clean, engine_name, milliseconds, value

SERIAL = re.compile(r"\b(SERIAL|IDENTITY|AUTO_INCREMENT)\b", re.IGNORECASE)
_ENDS = ("COMMIT", "ROLLBACK")


def script(state: LabState) -> dict[str, str]:
    """The files of the run on the screen, by name. The first one to be started builds the tables.

    Each stops where the recorded order goes to another session, until Enter is pressed; so a statement that waited
    waits again.

    Raises:
        ScriptError: it cannot be made, as where the recording does not tell how the tables are built.
    """
    run = _scriptable(state)
    client = Mariadb() if run.engine == MARIADB else Psql()
    sessions = list(dict.fromkeys(one.session for one in run.statements))
    files = _file_names(sessions)
    schema = "ninelabs_script_" + (re.sub(r"[^a-z0-9_]+", "_", run.experiment.lower())[:40] or "run")
    written = {}
    for session, file in files.items():
        first = session == sessions[0]
        lines = [*_header(state, run, client, files, session, schema), *client.settings()]
        if first:
            lines += [*client.create(schema), *_tables(state, run, schema)]
        else:
            lines += ["", client.pause(f"This is {_name(session)}. Press Enter when {_name(sessions[0])} says so: ")]
            lines += client.use(schema)
        lines += [*client.aloud(), "", *_statements(state, run, client, session)]
        if first:
            lines += ["", "-- When every session has ended, this removes what was built:", f"-- {client.drop(schema)}"]
        written[file] = "\n".join(lines) + "\n"
    return written


def _scriptable(state: LabState) -> Run:
    run, lab = state.run, state.lab
    if run is None or lab is None:
        raise ScriptError("No script: no experiment has run yet.")
    spec = state.experiment(run.experiment)
    if spec is not None and spec.tables == ():
        raise ScriptError("No script: a scenario file is its own, which PostgreSQL's isolationtester runs as it is.")
    if not run.statements:
        raise ScriptError(
            "No script: of this run figures were kept, not statements. Enter on a cell shows a run of them."
        )
    if not lab.ddl:
        raise ScriptError("No script: this recording does not tell how its tables are built. Run the experiment again.")
    if any("(redacted)" in one.parameters for one in run.statements):
        raise ScriptError("No script: some values were kept out of the recording, as secrets.")
    for table in run.tables.values():
        if table.cut:
            raise ScriptError(f"No script: {clean(table.table)} has longer texts than the recording has of them.")
    return run


def _file_names(sessions: Sequence[str]) -> dict[str, str]:
    """By session, the name of its file, of harmless characters."""
    files: dict[str, str] = {}
    for session in sessions:
        plain = re.sub(r"[^A-Za-z0-9_-]+", "_", session)[:40] or "session"
        while f"{plain}.sql".lower() in map(str.lower, files.values()):
            plain += "_"
        files[session] = f"{plain}.sql"
    return files


def _header(state: LabState, run: Run, client: Client, files: dict[str, str], session: str, schema: str) -> list[str]:
    lab = state.lab
    version = lab.server_version if lab is not None else ""
    others = [file for name, file in files.items() if name != session]
    told = [
        f"Session {_name(session)} of {clean(state.title(run.experiment))}, as it ran on {clean(version)}.",
        "",
        f"In the folder of these files, a terminal each for {', '.join(files.values())}, on a "
        f"{engine_name(run.engine)} server of yours; start {next(iter(files.values()))} first:",
        *(f"    {client.command.format(file=file)}" for file in files.values()),
        "How ninelabs' own server is reached, while it is open, `ninelabs doctor` says.",
        f"It drops and rebuilds {schema}, which nothing else uses. Each stops where it is another one's turn.",
    ]
    if not others:
        told[2] = f"In the folder of this file, on a {engine_name(run.engine)} server of yours:"
    victims = [_name(one.session) for one in run.statements if one.sqlstate in ("40P01", "1213")]
    if victims:
        told.append(f"Which session a deadlock ends, the server decides; here it was {', '.join(victims)}. If it is")
        told.append("another one this time, the rest does not fit: each script ends where it sees that. Start anew.")
    for verdict in state.verdicts if session == run.statements[0].session else ():
        evidence = ", ".join(f"{clean(name)} {value(figure)}" for name, figure in verdict.evidence.items())
        told.append(f"Measured: {clean(verdict.claim)}: {'holds' if verdict.holds else 'does not hold'}. {evidence}")
    return [f"-- {line}".rstrip() for line in told] + [""]


def _tables(state: LabState, run: Run, schema: str) -> list[str]:
    """Every table of the lab, with the rows that it had before the run."""
    ddl = state.lab.ddl if state.lab is not None else ()
    lines = [statement(one, (), run.engine) for one in ddl]
    for table in run.tables.values():
        lines += _rows(table, run.engine)
        lines += _numbering(table, run, ddl)
    return lines


def _rows(table: TableSampled, engine: str) -> list[str]:
    lines = []
    if table.row_count > len(table.rows):
        lines.append(
            f"-- Of {table.row_count} rows of {clean(table.table)}, the recording has these {len(table.rows)}:"
        )
    if table.rows:
        columns = ", ".join(identifier(column, engine) for column in table.columns)
        rows = [f"  ({', '.join(literal(cell, engine) for cell in row)})" for row in table.rows]
        lines.append(f"INSERT INTO {identifier(table.table, engine)} ({columns}) VALUES")
        lines += [f"{row}," for row in rows[:-1]] + [f"{rows[-1]};"]
    return lines


def _put_back(run: Run, one: Statement) -> list[str]:
    """What the run did between two of its parts, outside its sessions."""
    lines = []
    for name in run.put_back.get(one.index, ()):
        if name not in run.tables:
            raise ScriptError(f"No script: the run puts {clean(name)} back, and the recording has not its rows.")
        lines.append(statement(f"DELETE FROM {identifier(name, run.engine)}", (), run.engine))  # noqa: S608 (quoted)
        lines += _rows(run.tables[name], run.engine)
    return ["BEGIN;", *lines, "COMMIT;"] if lines else []


def _numbering(table: TableSampled, run: Run, ddl: Sequence[str]) -> list[str]:
    """Have the server go on counting keys where it did: statements of the run name them."""
    head = re.compile(rf'CREATE TABLE ["`]?{re.escape(table.table)}["`]?\s')
    if len(table.key) != 1 or not any(head.match(one) and SERIAL.search(one) for one in ddl):
        return []
    key = table.key[0]
    inserts = re.compile(
        rf"INSERT INTO \W?{re.escape(table.table)}\b.*RETURNING (\S+\.)?\W?{re.escape(key)}\W?$", re.DOTALL
    )
    given = [one.preview[0][0] for one in run.statements if one.preview and inserts.match(exact(one.sql))]
    place = table.columns.index(key) if key in table.columns else 0
    there = [row[place] for row in table.rows]
    numbers = [number for number in given if isinstance(number, int)]
    known = [number for number in there if isinstance(number, int)]
    following = min(numbers) if numbers else max(known, default=0) + 1
    name = identifier(table.table, run.engine)
    if run.engine == MARIADB:
        return [f"ALTER TABLE {name} AUTO_INCREMENT = {following};"]
    serial = f"pg_get_serial_sequence({literal(name, run.engine)}, {literal(key, run.engine)})"
    return [f"SELECT setval({serial}, {following}, false);"]


def _statements(state: LabState, run: Run, client: Client, session: str) -> list[str]:
    """The session's statements, with a stop wherever others go on before it."""
    lines: list[str] = []
    ordered = run.statements
    mine = [one for one in ordered if one.session == session]
    level = ""
    for number, one in enumerate(mine):
        before = ordered[one.index - 1] if one.index else None
        if number and before is not None and before.session != session:
            lines += ["", client.pause(f"Press Enter when {_name(before.session)} says so: ")]
        lines += [f"-- {clean(run.parts[one.index])}"] if one.index in run.parts else []
        lines += _put_back(run, one)
        if one.isolation != level:
            level = one.isolation
            lines += client.isolation(level)
        lines += _statement(state, run, client, one)
    if _left_open(mine):
        lines += ["-- The recording ends here, with the transaction open.", "ROLLBACK;"]
    return lines


def _statement(state: LabState, run: Run, client: Client, one: Statement) -> list[str]:
    """A statement, what came of it, and whose turn it is then."""
    following = run.statements[one.index + 1] if one.index + 1 < len(run.statements) else None
    turn = _name(following.session) if following is not None and following.session != one.session else ""
    lines = []
    if one.waited_since is not None:
        blockers = ", ".join(map(_name, one.waited_for)) or "a lock"
        took = f" It took {milliseconds(one.milliseconds)} in the recording." if one.milliseconds else ""
        lines.append(client.say(f"This one waits for {blockers}{f': change to {turn}' if turn else ''}.{took}"))
    if one.failed:
        lines.append(client.say(f"The server refuses this one: {clean(one.sqlstate or '')} {clean(one.message)}"))
    sent = _sent(one, run.engine, state.schema)
    lines += client.refused(sent) if one.failed else sent
    if one.waited_since is None and turn:
        lines.append(client.say(f"Now change to {turn}, and press Enter there."))
    if following is None:
        lines.append(client.say("That was the last statement of the run."))
    return lines


def _sent(one: Statement, engine: str, schema: str) -> list[str]:
    """What went to the server: a statement, or one for each of many rows."""
    sql = _without_schema(one.sql, schema)
    if one.parameters and all(isinstance(row, list | tuple) for row in one.parameters):
        return [statement(sql, row, engine) for row in one.parameters]
    return [statement(sql, one.parameters, engine)]


def _without_schema(sql: str, schema: str) -> str:
    """Names looked for where the script has its tables, not in the lab's own schema."""
    if not schema:
        return sql
    pieces = re.split(r"('(?:[^']|'')*')", sql)
    pieces[::2] = [re.sub(rf'["`]?\b{re.escape(schema)}\b["`]?\.', "", piece) for piece in pieces[::2]]
    return "".join(pieces)


def _left_open(statements: Sequence[Statement]) -> bool:
    """Whether the session's last transaction did not come to its end."""
    last = exact(statements[-1].sql).upper().rstrip("; ")
    return not last.startswith(_ENDS) or " TO " in f"{last} "


def _name(session: str) -> str:
    return value(session, 30)
