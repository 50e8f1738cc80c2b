"""The `ninelabs` command: the screen, or one of the commands of `labs.cli`. Textual is imported for the screen only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from labs.cli import COMMANDS
from labs.stream.engines import ENGINES
from labs.stream.finding import OTHERS
from tui.export.command import export
from tui.settings.commands import config, finding, keys
from tui.settings.settings import THEMES, SettingsError, load

if TYPE_CHECKING:
    from tui.app import NinelabsApp
    from tui.backend import Source

REFUSED = 2
_SIGNALS = {
    signal.SIGTERM: "Ended by SIGTERM.",
    signal.SIGHUP: "The terminal is gone (SIGHUP).",
    signal.SIGINT: "Interrupted.",
}


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ninelabs", message="%(prog)s %(version)s")
@click.option(
    "--engine", type=click.Choice(list(ENGINES)), help="The program's own server to use; NINELABS_ENGINE says it too."
)
@click.option("--url", metavar="URL", help="A server of yours to use; NINELABS_URL says it too.")
@click.option("--theme", type=click.Choice(THEMES), help="The screen's colours; auto takes what the terminal has.")
@click.option(
    "--quiet",
    is_flag=True,
    envvar="NINELABS_QUIET",
    help="For a very slow line: news once a second, a third of the bytes at most; NINELABS_QUIET=1 says it too.",
)
@click.pass_context
def cli(context: click.Context, engine: str | None, url: str | None, theme: str | None, quiet: bool) -> None:
    """Nine database-engineering labs on a real server. Without a command, the screen opens."""
    if engine and url:
        raise click.UsageError("--engine and --url exclude each other.")
    if context.invoked_subcommand is not None and (engine or url):
        _pass_on(context, context.invoked_subcommand, engine, url)
    if url:
        from labs.cli import off_the_process_list

        off_the_process_list(url)
    if context.invoked_subcommand is None:
        chosen = environment(engine, url)
        context.exit(_check(chosen) or show(chosen, theme=theme, quiet=quiet))


def _pass_on(context: click.Context, name: str, engine: str | None, url: str | None) -> None:
    """Let a command have the options that stood before it."""
    command = cli.get_command(context, name)
    if command is None or not any(parameter.name == "url" for parameter in command.params):
        raise click.UsageError(f"{name} uses no server: it takes neither --engine nor --url.")
    if url:
        os.environ["NINELABS_URL"] = url
    context.default_map = {name: {"engine": engine}}


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_context
def replay(context: click.Context, file: Path) -> None:
    """Show the recording FILE on the screen; no server is needed."""
    from labs.stream.recording import RecordingError, read_recording

    try:
        problem = "" if next(read_recording(file), None) else f"{file} is empty; it is no recording."
    except RecordingError as error:
        problem = str(error)
    if problem:
        click.echo(problem, err=True)
        context.exit(REFUSED)
    given = context.find_root().params
    context.exit(show(environment(None, None), file, theme=given["theme"], quiet=given["quiet"]))


for command in (*COMMANDS, export, config, keys):
    cli.add_command(command)
OTHERS.append(finding)


def main() -> None:
    """Run the command line and exit with its status."""
    cli(prog_name="ninelabs")


def environment(engine: str | None, url: str | None) -> dict[str, str]:
    """What a lab's process is to find in its environment; a URL may hold a password, so it is no argument."""
    chosen = {name: value for name, value in (("NINELABS_ENGINE", engine), ("NINELABS_URL", url)) if value}
    kept = dict(os.environ)
    if chosen:
        kept.pop("NINELABS_ENGINE", None)
        kept.pop("NINELABS_URL", None)
    return kept | chosen


def _check(child_environment: dict[str, str]) -> int:
    """Have a server's URL looked at before the screen opens; returns the exit status, and the reason is told.

    What reads URLs is a database package, which the screen's process must not load: a lab's process does it.
    """
    if not child_environment.get("NINELABS_URL"):
        return 0
    import subprocess

    return subprocess.run(
        [sys.executable, "-P", "-m", "labs", "--check"], env=child_environment, check=False
    ).returncode


def show(
    child_environment: dict[str, str], recording: Path | None = None, *, theme: str | None = None, quiet: bool = False
) -> int:
    """Open the screen and see it through; returns the exit status."""
    from labs.stream.terminal import refusal

    if reason := refusal(os.environ):
        click.echo(reason, err=True)
        return REFUSED
    try:
        settings = load(os.environ)
    except SettingsError as error:
        click.echo(str(error), err=True)
        return REFUSED
    _tell_textual()
    for number in _handled():
        signal.signal(number, _leave_early)
    from tui.actions import rebind

    rebind(settings.keys)
    from labs.stream.places import data_home
    from tui.app import NinelabsApp

    app = NinelabsApp(
        partial(_runner, child_environment),
        partial(_replay, recording) if recording else None,
        recordings=data_home() / "recordings",
        theme=theme or settings.theme,
        quiet=quiet or settings.quiet,
    )
    asyncio.run(_live(app))
    if app.sentence:
        _say(app.sentence)
    return app.return_code or 0


def _tell_textual() -> None:
    """Have Textual see the terminal as the rest of the program does; it looks at the environment when it is loaded."""
    from labs.stream.terminal import look

    if not os.environ.get("NO_COLOR"):
        os.environ.pop("NO_COLOR", None)  # Set to nothing, it says nothing.
    colours = look(os.environ, "utf-8").colours
    os.environ.setdefault("TEXTUAL_COLOR_SYSTEM", {"none": "standard", "16": "standard"}.get(colours, colours))


def _runner(child_environment: dict[str, str], engine: str) -> Source:
    from tui.backend import Runner, log_path

    return Runner(child_environment | ({"NINELABS_ENGINE": engine} if engine else {}), log_path())


def _replay(recording: Path) -> Source:
    from tui.backend import Replay

    return Replay(recording)


async def _live(app: NinelabsApp) -> None:
    from tui.line.terminal import Watch

    loop = asyncio.get_running_loop()
    asked = False

    def leave(number: signal.Signals) -> None:
        nonlocal asked
        # Only people are impatient. Of a hang-up one hears several times: from the system, the shell, and the watch.
        if number != signal.SIGHUP:
            if asked:
                app.sources.kill()
            asked = True
        app.leave(128 + number, _SIGNALS[number])

    for number in _handled():
        loop.add_signal_handler(number, leave, number)
    watch = Watch(partial(loop.call_soon_threadsafe, leave, signal.SIGHUP), app.sources.kill)
    watch.start()
    try:
        await app.run_async()
    finally:
        await app.sources.close()
        watch.stop()


def _handled() -> list[signal.Signals]:
    """The signals that close the screen. An ignored hang-up stays ignored: the terminal is watched as well."""
    return [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]


def _leave_early(number: int, frame: FrameType | None) -> None:
    """A signal while the program is still being loaded: nothing is on the screen yet, and nothing else was started."""
    with contextlib.suppress(OSError):
        os.write(2, f"{_SIGNALS[signal.Signals(number)]}\n".encode())
    # An exception would be turned into another one by whatever import it came out of.
    os._exit(128 + number)


def _say(sentence: str) -> None:
    with contextlib.suppress(OSError):
        print(sentence, file=sys.stderr)


if __name__ == "__main__":
    main()
