"""The file of settings: its form, how it is read, and its JSON schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tui.action import EVERYWHERE, SCREENS, Action
from tui.actions import REGISTRY, rebound
from tui.settings.keys import KeyRefusedError, key_name, read_key
from tui.settings.settings import Settings, SettingsError, ThemeName

Written = str | Annotated[tuple[str, ...], Meta(min_length=1)]
"""An action's keys in the file: one, or several."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person can set on the screen of ninelabs."""

    theme: Annotated[Literal["auto", ThemeName], Meta(description="The colours; auto takes what the terminal has.")] = (
        "auto"
    )
    quiet: Annotated[bool, Meta(description="Paint as little as possible, for very slow lines.")] = False
    keys: Annotated[dict[str, Written], Meta(description="Other keys for actions, by the action's id.")] = {}


_ALLOWED = {
    "theme": "must be auto, dark, light, ansi-dark or ansi-light",
    "quiet": "must be true or false",
    "keys": "must be a table of actions, each with one key or a list of keys",
}


def read(path: Path, content: bytes) -> Settings:
    """The settings that are the content of a file.

    Raises:
        SettingsError: it is no TOML, or says what cannot be.
    """
    try:
        raw = msgspec.toml.decode(content)
        if isinstance(keys := raw.get("keys"), dict):
            raw["keys"] = dict(_flat(keys))
        config = _config(raw)
        return Settings(config.theme, config.quiet, _keys(config.keys))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is no TOML: {error}.") from error
    except RecursionError:
        raise SettingsError(f"{path}: there is too much in one another in it.") from None
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None


def _config(raw: dict[str, Any]) -> Config:
    if unknown := sorted(raw.keys() - _ALLOWED.keys()):
        raise SettingsError(f"there is no setting {unknown[0]}; there are theme, quiet and keys.")
    for name, value in raw.items():
        try:
            msgspec.convert({name: value}, Config)
        except msgspec.ValidationError:
            raise SettingsError(f"{name} {_ALLOWED[name]}.") from None
    return msgspec.convert(raw, Config)


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The entries of nested tables by their dotted names: without quotes, TOML takes an id's dots for nesting."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _keys(written: Mapping[str, Written]) -> dict[str, tuple[str, ...]]:
    known = {action.id: action for action in REGISTRY}
    keys = {}
    for action_id, names in written.items():
        if action_id not in known:
            near = get_close_matches(action_id, known, 1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise SettingsError(f"keys.{action_id}: there is no such action; {hint}`ninelabs keys` lists them.")
        if not known[action_id].rebindable:
            raise SettingsError(f"keys.{action_id}: this action's keys are fixed.")
        try:
            keys[action_id] = tuple(map(_key, (names,) if isinstance(names, str) else names))
        except KeyRefusedError as error:
            raise SettingsError(f"keys.{action_id}: {error}.") from None
    for screen, key, one, other in clashes(rebound(keys)):
        chosen, kept = (one, other) if one.id in keys else (other, one)
        raise SettingsError(
            f"keys.{chosen.id}: on the {screen} screen, {key_name(key)} is also the key of {kept.id} ({kept.label}). "
            "Give one of them another."
        )
    return keys


def _key(written: str) -> str:
    try:
        return read_key(written)
    except KeyRefusedError as error:
        raise KeyRefusedError(f'"{written}" {error}') from None


def clashes(actions: Mapping[str, Action]) -> Iterator[tuple[str, str, Action, Action]]:
    """Where a key means two things at once: screen, key, and the two actions."""
    for screen, scopes in SCREENS.items():
        active = [action for action in actions.values() if action.scope in (*scopes, EVERYWHERE)]
        bound = sorted(((key, action) for action in active for key in set(action.keys)), key=lambda pair: pair[0])
        for (key, one), (other_key, other) in pairwise(bound):
            if key == other_key:
                yield screen, key, one, other


def schema() -> dict[str, object]:
    """The JSON schema of the file."""
    (config,), definitions = msgspec.json.schema_components([Config], ref_template="#/$defs/{name}")
    form = definitions[config["$ref"].rpartition("/")[2]]
    keys = form["properties"]["keys"]
    written = keys["additionalProperties"]
    keys["additionalProperties"] = False
    keys["properties"] = {
        action.id: {"description": f"{action.tooltip} Its own: {action.all_keys}", "$ref": "#/$defs/keys"}
        for action in REGISTRY
        if action.rebindable
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **form,
        "title": "Settings of ninelabs",
        "$defs": {"keys": written},
    }
