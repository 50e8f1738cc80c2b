"""The labs without a screen. Standard output is data, standard error is narration."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from labs.catalogue import all_labs, find_lab
from labs.command import CRASHED, Headless, finish
from labs.command import off_the_process_list as off_the_process_list
from labs.signals import say
from labs.stream.engines import ENGINES

if TYPE_CHECKING:
    from labs.headless import Sink, Work
    from labs.stream.specs import Cell
    from labs.workbench.errors import LabError
    from labs.workbench.runner import Runner
    from labs.workbench.target import Target

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

USAGE, VERDICT_FAILED = 2, 4


def target_options(command: Decorated) -> Decorated:
    """The options that say which server to use."""
    command = click.option(
        "--engine",
        type=click.Choice(list(ENGINES)),
        envvar="NINELABS_ENGINE",
        show_envvar=True,
        help="Which of the program's own servers; postgres by default.",
    )(command)
    return click.option(
        "--url",
        envvar="NINELABS_URL",
        show_envvar=True,
        help="A server of your own: postgresql://USER:PASSWORD@HOST:PORT/DATABASE, or mariadb://…",
    )(command)


@click.command("list", cls=Headless)
@click.option("--json", "as_json", is_flag=True, help="As one JSON array.")
def list_labs(as_json: bool) -> None:
    """All labs and their experiments."""
    from labs.report import catalogue_json, print_catalogue

    if as_json:
        click.echo(catalogue_json())
    else:
        print_catalogue()


@click.command(cls=Headless)
@click.argument("what", metavar="LAB[/EXPERIMENT]")
@click.option("-p", "given", multiple=True, metavar="NAME=VALUE", help="A parameter; `ninelabs list` names them.")
@click.option("--json", "as_json", is_flag=True, help="Print the event stream, one JSON object a line.")
@click.option(
    "--isolation-output",
    "as_transcript",
    is_flag=True,
    help="Print of a scenario what PostgreSQL's isolationtester would; the report goes to standard error.",
)
@click.option("--record", type=click.Path(path_type=Path, dir_okay=False), help="Also write the stream to this file.")
@target_options
def run(
    what: str,
    given: Sequence[str],
    as_json: bool,
    as_transcript: bool,
    record: Path | None,
    engine: str | None,
    url: str | None,
) -> None:
    """Run one experiment, or all of a lab's.

    One experiment ends with status 4 when one of its claims does not hold. A whole lab ends with 4 when one of its
    experiments does not end as the lab says it must: the double spend, for one, must be seen to happen.
    """
    if as_json and as_transcript:
        raise click.UsageError("--json and --isolation-output exclude each other.")
    slug, slash, experiment = what.partition("/")
    lab = find_lab(slug)
    parameters = _parsed(given)
    if slash:
        lab.declared(experiment).parse(parameters)
    elif given:
        raise _refusal(
            "-p goes with one experiment",
            f"{slug} has {', '.join(lab.experiments())}.",
            f"Name one of them: {slug}/EXPERIMENT.",
        )

    async def work(runner: Runner) -> int:
        await runner.open(slug)
        if slash:
            return 0 if await runner.run(experiment, parameters) == "passed" else VERDICT_FAILED
        as_expected = [
            await runner.run(declared.spec.slug, {}) == declared.spec.expected
            for declared in lab.experiments().values()
            if not runner.passes_over(declared)
        ]
        return 0 if all(as_expected) else VERDICT_FAILED

    _serve(_target(engine, url), work, as_json=as_json, as_transcript=as_transcript, record=record)


@click.command(cls=Headless)
@click.argument("slug", metavar="LAB")
@click.option("--json", "as_json", is_flag=True, help="Print the event stream, one JSON object a line.")
@target_options
def rollback(slug: str, as_json: bool, engine: str | None, url: str | None) -> None:
    """Undo the latest experiment, as production would, and prove it by the fingerprint."""
    find_lab(slug)

    async def work(runner: Runner) -> int:
        await runner.open(slug)
        return 0 if await runner.roll_back() else CRASHED

    _serve(_target(engine, url), work, as_json=as_json)


@click.command(cls=Headless)
@click.argument("slug", metavar="[LAB]", required=False)
@click.option("--all", "every", is_flag=True, help="Every lab that is built.")
@click.option("--yes", is_flag=True, help="Do not ask, also on a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print the event stream, one JSON object a line.")
@target_options
def reset(slug: str | None, every: bool, yes: bool, as_json: bool, engine: str | None, url: str | None) -> None:
    """Drop a lab's schema and rebuild it from its seed."""
    if every == (slug is not None):
        raise click.UsageError("Name one LAB, or give --all.")
    slugs = [slug] if slug else _usable()
    if slug:
        find_lab(slug)
    target = _target(engine, url)
    from labs.workbench.place import schema_name

    warning = f"This drops {', '.join(map(schema_name, slugs))} with everything in it."
    if not yes and sys.stdin is not None and sys.stdin.isatty():
        click.confirm(f"{warning} Go on?", abort=True, err=True)
    else:
        say(warning)

    async def work(runner: Runner) -> int:
        for name in slugs:
            await runner.open(name, rebuild=True)
            await runner.reset()
        return 0

    _serve(target, work, as_json=as_json)


@click.command(cls=Headless)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@target_options
def doctor(as_json: bool, engine: str | None, url: str | None) -> None:
    """Engines, versions, rights, disk and terminal: what was found, and what to do about each problem."""
    from labs.doctor import report
    from labs.workbench import logs

    target = _target(engine, url)
    logs.to_file()
    _exit(finish(report(target, as_json=as_json), click.get_current_context().obj))


COMMANDS: tuple[click.Command, ...] = (list_labs, run, rollback, reset, doctor)


def _usable() -> list[str]:
    """The labs that are built; of another package's that cannot be loaded it is told why."""
    from labs.workbench.errors import LabError

    slugs = []
    for lab in filter(lambda lab: lab.built, all_labs()):
        try:
            slugs.append(find_lab(lab.slug).slug)
        except LabError as error:
            say(error.sentence)
    return slugs


def _refusal(title: str, cause: str, remedy: str) -> LabError:
    from labs.workbench.errors import LabError

    return LabError(title, cause, remedy, exit_status=USAGE)


def _parsed(given: Sequence[str]) -> dict[str, Cell]:
    parameters: dict[str, Cell] = {}
    for assignment in given:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise _refusal(
                f"-p {assignment} gives no value",
                "A parameter is given as NAME=VALUE.",
                "`ninelabs list` names every parameter.",
            )
        parameters[name] = value
    return parameters


def _target(engine: str | None, url: str | None) -> Target:
    from labs.workbench.target import choose

    source = click.get_current_context().get_parameter_source("engine")
    return choose(engine, None if engine and source is not ParameterSource.ENVIRONMENT else url)


def _serve(
    target: Target, work: Work, *, as_json: bool, as_transcript: bool = False, record: Path | None = None
) -> None:
    """Do the work on a runner; leave the program unless all went well."""
    from labs.headless import serve
    from labs.report import report_sink, transcript_sink
    from labs.stream.lines import encode
    from labs.stream.pipe import claim_stdout, write_all
    from labs.stream.recording import Recorder
    from labs.workbench import logs

    logs.to_file()
    with ExitStack() as stack:
        stdout = stack.enter_context(os.fdopen(claim_stdout(), "wb", buffering=0))
        sinks: list[Sink] = [lambda event: write_all(stdout, encode(event))] if as_json else [report_sink(stdout)]
        if as_transcript:
            stderr = stack.enter_context(os.fdopen(os.dup(2), "wb", buffering=0))
            sinks = [transcript_sink(stdout), report_sink(stderr)]
        if record is not None:
            recorder = Recorder(record)
            stack.callback(recorder.close)
            sinks.append(recorder.write)
        _exit(asyncio.run(serve(target, sinks, work, click.get_current_context().obj)))


def _exit(status: int) -> None:
    if status:
        raise SystemExit(status)
