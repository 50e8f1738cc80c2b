"""The ways to make a transfer, each a module with a `transfer` of the same signature."""

from __future__ import annotations

from types import ModuleType

from labs.races.transfers import advisory_lock, double_spend, guarded_update, row_lock, version_column

VARIANTS: dict[str, ModuleType] = {
    "Double spend": double_spend,
    "Lock the row": row_lock,
    "Check in the statement": guarded_update,
    "Version column": version_column,
    "Advisory lock": advisory_lock,
}
