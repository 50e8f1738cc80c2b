"""What a person can set, and where it is read from. What reads the file is loaded only where there is one."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from labs.stream.visible import clean

ThemeName = Literal["dark", "light", "ansi-dark", "ansi-light"]
"""The first two have colours of their own, the others the terminal's sixteen."""
THEMES: tuple[str, ...] = ("auto", *get_args(ThemeName))
"""What can be set: a theme, or the one that the terminal is recognised to need."""


MOST_BYTES = 2**16
"""A file larger than this is not one of settings."""


class SettingsError(Exception):
    """Settings that cannot be used, as a sentence that says which, and what is allowed; fit for a terminal."""

    def __init__(self, sentence: str) -> None:
        super().__init__(clean(sentence))


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, and what it is unless it is set."""

    theme: str = "auto"
    quiet: bool = False
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Keys as Textual names them, by the id of their action."""


def config_path(environment: Mapping[str, str]) -> Path:
    """Where the file of settings is looked for; raises `RuntimeError` where that is a home that nobody has."""
    if given := environment.get("NINELABS_CONFIG"):
        return Path(given).expanduser()
    import platformdirs

    return platformdirs.user_config_path("ninelabs") / "config.toml"


def load(environment: Mapping[str, str]) -> Settings:
    """The person's settings.

    Raises:
        SettingsError: they cannot be used, or a file was named, and is not there.
    """
    named = environment.get("NINELABS_CONFIG", "")
    try:
        path = config_path(environment)
        content = _content(path)
    except (FileNotFoundError, NotADirectoryError):
        if named:
            raise SettingsError(f"NINELABS_CONFIG names {named}, and there is no such file.") from None
        return Settings()
    except RuntimeError as error:
        raise SettingsError(f"NINELABS_CONFIG names {named}, and nobody has that home.") from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from error
    from tui.settings.config import read

    return read(path, content)


def _content(path: Path) -> bytes:
    """What is in a file; what is none could keep its reader for ever."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise SettingsError(f"{path} cannot be read: it is no file.")
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise SettingsError(f"{path} cannot be read: it is larger than {MOST_BYTES >> 10} KiB.")
    return content
