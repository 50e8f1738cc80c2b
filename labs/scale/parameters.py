"""What several experiments let a person set."""

from __future__ import annotations

from typing import Annotated

import msgspec

Rows = Annotated[int, msgspec.Meta(ge=1_000, le=10_000_000, description="how many customers")]
Seed = Annotated[int, msgspec.Meta(ge=0, le=1_000_000, description="of the customers, and of all that is drawn by lot")]
