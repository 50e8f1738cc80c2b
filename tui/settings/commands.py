"""The commands about the screen itself: its settings and its keys. Standard output is data."""

from __future__ import annotations

import json
import os

import click

from labs.stream.finding import Finding
from labs.stream.visible import clean
from tui.settings.settings import Settings, SettingsError, config_path, load

REFUSED = 2


@click.command()
@click.option("--schema", is_flag=True, help="The JSON schema of the file.")
def config(schema: bool) -> None:
    """The settings in effect, in the form of their file, and where that is."""
    if schema:
        from tui.settings.config import schema as form

        click.echo(json.dumps(form(), indent=2, ensure_ascii=False))
    else:
        settings = _settings()
        from tui.settings.listing import settings_lines

        click.echo("\n".join(settings_lines(settings, config_path(os.environ))))


@click.command()
@click.option("--markdown", is_flag=True, help="As a page of documentation.")
def keys(markdown: bool) -> None:
    """The keys in effect, and the id by which the settings give an action other ones."""
    settings = _settings()
    from tui import actions
    from tui.settings import listing

    actions.rebind(settings.keys)
    click.echo("\n".join(listing.keys_page() if markdown else listing.keys_lines()))


def finding() -> Finding:
    """For the doctor: the file of settings, and why it cannot be used."""
    try:
        load(os.environ)
    except SettingsError as error:
        return Finding("settings", "problem", str(error))
    path = config_path(os.environ)
    return Finding("settings", "ok", clean(str(path)) if path.exists() else f"No file {clean(str(path))}.")


def _settings() -> Settings:
    try:
        return load(os.environ)
    except SettingsError as error:
        click.echo(str(error), err=True)
        raise SystemExit(REFUSED) from None
