"""Nothing of a test reaches the person's own folders, or depends on how many labs there are by now."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs go to the test's folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(autouse=True)
def one_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    """Races can be opened, and so is selected on the catalogue; the other labs of the nine are not built."""
    monkeypatch.setattr("labs.catalogue.Entry.built", property(lambda entry: entry.slug == "races"))
