"""What every command shares: how it ends early, in one sentence and with a fitting exit status."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any

import click
from click.core import ParameterSource

from labs.signals import Signals, say

CRASHED = 1


class Headless(click.Command):
    """A command that, whatever stops it, says one sentence on standard error and exits with a fitting status."""

    def invoke(self, context: click.Context) -> Any:
        """Run it with its `Signals` as the context's object."""
        from labs.stream.pipe import hold_standard_descriptors
        from labs.stream.recording import RecordingError
        from labs.workbench.errors import LabError

        if context.params.get("url") and context.get_parameter_source("url") is ParameterSource.COMMANDLINE:
            if context.params["engine"] and context.get_parameter_source("engine") is not ParameterSource.ENVIRONMENT:
                raise click.UsageError("--engine and --url exclude each other.")
            off_the_process_list(context.params["url"])
        hold_standard_descriptors()
        context.obj = signals = Signals()
        try:
            super().invoke(context)
            if sys.stdout is not None:
                sys.stdout.flush()
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except LabError as error:
            _end(error.exit_status, error.sentence)
        except RecordingError as error:
            _end(CRASHED, str(error))
        except BrokenPipeError:
            _end(128 + signal.SIGPIPE)
        except OSError as error:
            _end(CRASHED, f"The output cannot be written: {error.strerror}.")
        except Exception as error:
            _end(CRASHED, _unexpected(error))
        finally:
            signals.close()


def _end(status: int, sentence: str = "") -> None:
    if sentence:
        say(sentence)
    # What could not be written must not be tried again at the interpreter's end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    raise SystemExit(status)


def _unexpected(error: Exception) -> str:
    import logging

    from labs.workbench import logs

    logs.to_file()
    logging.getLogger(__name__).error("An error that nobody expected", exc_info=error)
    return (
        f"ninelabs met an error that nobody expected, {type(error).__name__}: {error}. {logs.path()} has the details."
    )


def finish(work: Coroutine[Any, Any, int], signals: Signals) -> int:
    """Do the work, which a signal cancels; returns the exit status."""

    async def do() -> int:
        task = asyncio.create_task(work)
        with signals.cancelling(task):
            await asyncio.wait({task})
        if signals.received:
            say(f"Ended by {signals.received.name}.")
            return 128 + signals.received
        return task.result()

    return asyncio.run(do())


def off_the_process_list(url: str) -> None:
    """Begin this program anew with the URL in its environment: arguments, and a password in them, all can see."""
    arguments, kept = iter(sys.orig_argv[1:]), []
    for argument in arguments:
        if argument == "--url":
            next(arguments, None)
        elif not argument.startswith("--url="):
            kept.append(argument)
    if "@" in url and kept != sys.orig_argv[1:]:
        os.execve(sys.executable, [sys.executable, *kept], os.environ | {"NINELABS_URL": url})
