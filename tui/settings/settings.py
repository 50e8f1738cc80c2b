"""What a person can set, and where it is read from. What reads the file is loaded only where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from labs.stream.terminal import config_path

ThemeName = Literal["dark", "light", "ansi-dark", "ansi-light"]
"""The first two have colours of their own, the others the terminal's sixteen."""
THEMES: tuple[str, ...] = ("auto", *get_args(ThemeName))
"""What can be set: a theme, or the one that the terminal is recognised to need."""


class SettingsError(Exception):
    """Settings that cannot be used, as a sentence that says which, and what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, and what it is unless it is set."""

    theme: str = "auto"
    quiet: bool = False
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Keys as Textual names them, by the id of their action."""


def config_file(environment: Mapping[str, str]) -> Path | None:
    """The file of settings; none when there is none.

    Raises:
        SettingsError: a file was named, and is not there.
    """
    path = config_path(environment)
    if path.exists():
        return path
    if environment.get("NINELABS_CONFIG"):
        raise SettingsError(f"NINELABS_CONFIG names {path}, and there is no such file.")
    return None


def load(environment: Mapping[str, str]) -> Settings:
    """The person's settings.

    Raises:
        SettingsError: they cannot be used.
    """
    path = config_file(environment)
    if path is None:
        return Settings()
    from tui.settings.config import read

    return read(path)
