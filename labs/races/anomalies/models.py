"""The rows that the anomalies happen to."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from labs.races.models import Base


class Item(Base):
    """A number with a name. It is as little as an anomaly needs, so that nothing else is to be seen."""

    __tablename__ = "items"

    name: Mapped[str] = mapped_column(String(10), primary_key=True)
    value: Mapped[int]
