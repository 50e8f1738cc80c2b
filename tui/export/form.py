"""The forms that a run is exported in, and how it is written in one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from tui.export import files
from tui.export.literals import ScriptError
from tui.export.markdown import markdown
from tui.export.script import script
from tui.state import LabState

Form = Literal["markdown", "svg", "terminals"]

FORMS: dict[Form, str] = {
    "markdown": "The run with its numbers, as a page: sessions, verdict, figures, tables.",
    "svg": "A picture of the screen as it is, of any size.",
    "terminals": "An SQL file a session, to be run side by side in psql or mariadb: they stop where it is the other's "
    "turn.",
}
"""What each is, in a sentence; its first letter chooses it."""

_ENDINGS: dict[Form, str] = {"markdown": ".md", "svg": ".svg", "terminals": ""}


def content(form: Form, state: LabState, picture: Callable[[], str]) -> str | Mapping[str, str]:
    """The run in that form: a text, or several by the names of their files.

    Raises:
        ScriptError: there can be no script of this run.
    """
    match form:
        case "markdown":
            return markdown(state)
        case "svg":
            return picture()
        case _:
            return script(state)


def export(form: Form, state: LabState, picture: Callable[[], str]) -> Path:
    """Write the run on the screen to a file, or to a folder of files, of a name that is free; returns where.

    Raises:
        ScriptError: there can be no script of this run.
        OSError: it cannot be written.
    """
    return files.write(files.name(state), _ENDINGS[form], content(form, state, picture))


def told(form: Form, state: LabState, picture: Callable[[], str]) -> tuple[bool, str]:
    """Export it; whether that went well, and a sentence that says where it is, or why it is not."""
    try:
        path = export(form, state, picture)
    except ScriptError as error:
        return False, str(error)
    except OSError as error:
        return False, f"It could not be written: {error.strerror}."
    names = f" ({', '.join(sorted(one.name for one in path.iterdir()))})" if path.is_dir() else ""
    return True, f"Written: {path.name}{names}, in {path.parent}."
