"""The kinds of server that the labs know, as people call them."""

from __future__ import annotations

ENGINES = {"postgres": "PostgreSQL", "mariadb": "MariaDB"}
"""By the name that options and events use, the name that its makers write."""
