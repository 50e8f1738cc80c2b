"""The labs without a screen. Standard output is data, standard error is narration."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from labs.catalogue import CATALOGUE, find_lab

if TYPE_CHECKING:
    from labs.stream.events import Cell, Event
    from labs.workbench.runner import Runner

Sink = Callable[["Event"], None]
Work = Callable[["Runner"], Awaitable[int]]
Decorated = TypeVar("Decorated", bound=Callable[..., Any])

CRASHED, USAGE, VERDICT_FAILED = 1, 2, 4
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def target_options(command: Decorated) -> Decorated:
    """The options that say which server to use."""
    command = click.option("--engine", type=click.Choice(["postgres", "mariadb"]), help="The program's own server.")(
        command
    )
    return click.option(
        "--url",
        envvar="NINELABS_URL",
        show_envvar=True,
        help="A server of your own: postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
    )(command)


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="As one JSON array.")
def list_labs(as_json: bool) -> None:
    """The nine labs and their experiments."""
    from labs.report import catalogue_json, catalogue_report

    if as_json:
        click.echo(catalogue_json())
    else:
        catalogue_report()


@click.command()
@click.argument("what", metavar="LAB[/EXPERIMENT]")
@click.option("-p", "given", multiple=True, metavar="NAME=VALUE", help="A parameter; `ninelabs list` names them.")
@click.option("--json", "as_json", is_flag=True, help="Print the event stream, one JSON object a line.")
@click.option("--record", type=click.Path(path_type=Path, dir_okay=False), help="Also write the stream to this file.")
@target_options
def run(
    what: str, given: Sequence[str], as_json: bool, record: Path | None, engine: str | None, url: str | None
) -> None:
    """Run one experiment, or all of a lab's.

    One experiment ends with status 4 when one of its claims does not hold. A whole lab ends with 4 when one of its
    experiments does not end as the lab says it must: the double spend, for one, must be seen to happen.
    """
    slug, _, experiment = what.partition("/")
    parameters = _parsed(given)
    if parameters and not experiment:
        raise click.UsageError("-p goes with one experiment: LAB/EXPERIMENT.")

    async def work(runner: Runner) -> int:
        lab = find_lab(slug)
        await runner.open(slug)
        if experiment:
            return 0 if await runner.run(experiment, parameters) == "passed" else VERDICT_FAILED
        as_expected = [
            await runner.run(declared.spec.slug, {}) == declared.spec.expected
            for declared in lab.experiments().values()
        ]
        return 0 if all(as_expected) else VERDICT_FAILED

    _finish(engine, url, work, as_json=as_json, record=record)


@click.command()
@click.argument("slug", metavar="LAB")
@click.option("--json", "as_json", is_flag=True, help="Print the event stream, one JSON object a line.")
@target_options
def rollback(slug: str, as_json: bool, engine: str | None, url: str | None) -> None:
    """Undo the latest experiment, as production would, and prove it by the fingerprint."""

    async def work(runner: Runner) -> int:
        await runner.open(slug)
        return 0 if await runner.roll_back() else CRASHED

    _finish(engine, url, work, as_json=as_json)


@click.command()
@click.argument("slug", metavar="[LAB]", required=False)
@click.option("--all", "every", is_flag=True, help="Every lab that is built.")
@click.option("--yes", is_flag=True, help="Do not ask, also on a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print the event stream, one JSON object a line.")
@target_options
def reset(slug: str | None, every: bool, yes: bool, as_json: bool, engine: str | None, url: str | None) -> None:
    """Drop a lab's schema and rebuild it from its seed."""
    if every == (slug is not None):
        raise click.UsageError("Name one LAB, or give --all.")
    slugs = [slug] if slug else [lab.slug for lab in CATALOGUE if lab.built]
    if not yes and sys.stdin.isatty():
        from labs.workbench.place import schema_name

        schemas = ", ".join(schema_name(name) for name in slugs)
        click.confirm(f"This drops {schemas} with everything in it. Go on?", abort=True, err=True)

    async def work(runner: Runner) -> int:
        for name in slugs:
            await runner.open(name)
            await runner.reset()
        return 0

    _finish(engine, url, work, as_json=as_json)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@target_options
def doctor(as_json: bool, engine: str | None, url: str | None) -> None:
    """Engines, versions, rights, disk and terminal: what was found, and what to do about each problem."""
    from labs import doctor as examination

    raise SystemExit(asyncio.run(examination.report(engine, url, as_json=as_json)))


COMMANDS: tuple[click.Command, ...] = (list_labs, run, rollback, reset, doctor)


def _parsed(given: Sequence[str]) -> dict[str, Cell]:
    parameters: dict[str, Cell] = {}
    for assignment in given:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise click.UsageError(f"-p {assignment}: a parameter is given as NAME=VALUE.")
        parameters[name] = value
    return parameters


def _finish(
    engine: str | None, url: str | None, work: Work, *, as_json: bool = False, record: Path | None = None
) -> None:
    """Do the work on a runner; leave the program unless all went well."""
    from labs.report import report_sink
    from labs.stream.lines import encode
    from labs.stream.pipe import claim_stdout
    from labs.stream.recording import Recorder, RecordingError
    from labs.workbench import logs
    from labs.workbench.errors import LabError
    from labs.workbench.target import choose

    logs.to_file()
    stdout = os.fdopen(claim_stdout(), "wb", buffering=0)
    sinks: list[Sink] = [lambda event: _write_all(stdout, encode(event))] if as_json else [report_sink(stdout)]
    try:
        if record is not None:
            sinks.append(Recorder(record).write)
        target = choose(engine, url)
        status = asyncio.run(_serve(target, sinks, work))
    except LabError as error:
        click.echo(f"{error.title}. {error.cause} {error.remedy}", err=True)
        status = error.exit_status
    except RecordingError as error:
        click.echo(str(error), err=True)
        status = CRASHED
    except BrokenPipeError:
        status = 128 + signal.SIGPIPE
    if status:
        raise SystemExit(status)


async def _serve(target: Any, sinks: Sequence[Sink], work: Work) -> int:
    """Run the work with every event going to the sinks; a signal, or a sink that fails, ends it in order.

    Returns:
        The exit status. Raises what the work or a sink raised.
    """
    from labs.workbench.errors import LabError
    from labs.workbench.outbox import Outbox
    from labs.workbench.runner import Runner, header

    outbox = Outbox()
    outbox.emit(header())
    runner = Runner(target, find_lab, outbox)
    received: list[signal.Signals] = []

    async def drain() -> None:
        async for event in outbox.events():
            for sink in sinks:
                sink(event)

    async def do() -> int:
        try:
            return await work(runner)
        except LabError as error:
            outbox.emit(error.as_event())
            raise
        finally:
            await runner.close()
            outbox.close()

    doing, draining = asyncio.ensure_future(do()), asyncio.create_task(drain())
    loop = asyncio.get_running_loop()

    def leave(number: signal.Signals) -> None:
        received.append(number)
        doing.cancel()

    for number in SIGNALS:
        loop.add_signal_handler(number, leave, number)
    draining.add_done_callback(lambda _: doing.cancel())
    outcome, drained = await asyncio.gather(doing, draining, return_exceptions=True)
    if isinstance(drained, BaseException):
        raise drained
    if received:
        click.echo(f"Ended by {received[0].name}: what was open has been rolled back.", err=True)
        return 128 + received[0]
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def _write_all(stream: Any, line: bytes) -> None:
    while line:
        line = line[stream.write(line) :]
