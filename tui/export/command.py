"""The command that exports a recording without the screen. Standard output is data."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tui.export.form import Form

REFUSED = 2
FAILED = 1


@click.command()
@click.argument("recording", type=click.Path(path_type=Path))
@click.option("--markdown", "form", flag_value="markdown", default=True, help="The run with its numbers (default).")
@click.option("--svg", "form", flag_value="svg", help="A picture of the screen.")
@click.option("--script", "form", flag_value="terminals", help="SQL files, one a session; -o names their folder.")
@click.option("--step", type=click.IntRange(1), metavar="N", help="As it was at that step; by default at the last.")
@click.option("--size", default="80x24", metavar="COLUMNSxLINES", show_default=True, help="Of the picture.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="By default standard output.")
@click.pass_context
def export(
    context: click.Context, recording: Path, form: Form, step: int | None, size: str, output: Path | None
) -> None:
    """Write the run of a RECORDING as Markdown, as a picture, or as SQL scripts; no server is needed."""
    from labs.stream.recording import RecordingError, read_recording
    from tui.export import files
    from tui.export.form import content
    from tui.export.literals import ScriptError
    from tui.tape import Tape

    wide, high = _size(size)
    tape = Tape()
    try:
        for event in read_recording(recording):
            tape.add(event)
    except RecordingError as error:
        _end(context, REFUSED, str(error))
    if not tape.events:
        _end(context, REFUSED, f"{recording} is empty; it is no recording.")
    if step is not None and step > tape.steps:
        _end(context, REFUSED, f"{recording} has {tape.steps} steps, and no step {step}.")
    at = (step or tape.steps) - 1
    state = tape.state(at)
    try:
        written = content(form, state, lambda: asyncio.run(picture(recording, at, (wide, high))))
        if output is not None:
            files.write_new(output, written)
        elif isinstance(written, str):
            click.echo(written.encode(), nl=False)  # UTF-8, as in a file, whatever the terminal writes
        else:
            click.echo(files.write(files.name(state), "", written))
    except ScriptError as error:
        _end(context, FAILED, str(error))
    except FileExistsError:
        _end(context, FAILED, f"{output} is there already, and is not written over.")
    except OSError as error:
        _end(context, FAILED, f"It could not be written: {error.strerror}.")


async def picture(recording: Path, step: int, size: tuple[int, int]) -> str:
    """The screen of a recording at a step, counted from 0, as an SVG; the same wherever it is drawn."""
    # Textual looks at the environment when it is loaded.
    os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "TEXTUAL_COLOR_SYSTEM": "truecolor"}
    os.environ.pop("NO_COLOR", None)
    from labs.stream.terminal import Look
    from tui.app import NinelabsApp
    from tui.backend import Replay
    from tui.export.svg import self_contained
    from tui.screens.replay import ReplayScreen

    drawn = Look(colours="truecolor", dark=True, glyphs="unicode")
    app = NinelabsApp(lambda _: Replay(recording), lambda: Replay(recording), theme="dark", fixed_look=drawn)
    try:
        async with app.run_test(size=size) as pilot:
            screen = app.screen
            assert isinstance(screen, ReplayScreen)
            await screen.at_step(step)
            await pilot.pause()
            return self_contained(app.export_screenshot(simplify=True))
    finally:
        await app.sources.close()


def _size(size: str) -> tuple[int, int]:
    from labs.stream.terminal import SMALLEST

    found = re.fullmatch(r"(\d{1,4})[x×](\d{1,4})", size)
    if found is None:
        raise click.BadParameter("it is written as 80x24", param_hint="--size")
    wide, high = int(found[1]), int(found[2])
    if wide < SMALLEST[0] or high < SMALLEST[1] or wide > 500 or high > 200:
        raise click.BadParameter(
            f"the screen needs {SMALLEST[0]}x{SMALLEST[1]}, and no more than 500x200", param_hint="--size"
        )
    return wide, high


def _end(context: click.Context, status: int, sentence: str) -> None:
    click.echo(sentence, err=True)
    context.exit(status)
