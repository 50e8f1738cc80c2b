"""Errors as the person meets them: what happened, why, what to do next."""

from __future__ import annotations

from labs.stream.events import ErrorReported

USAGE = 2
ENGINE = 3


class LabError(Exception):
    """An error that is no result: told in sentences, with the exit status it deserves.

    Args:
        title: what happened, without a full stop.
        cause: why, as far as it is known.
        remedy: what to do next.
        exit_status: of the headless program; see the README's table.
    """

    def __init__(
        self,
        title: str,
        cause: str,
        remedy: str,
        *,
        exit_status: int = 1,
        sqlstate: str | None = None,
        sql: str = "",
    ) -> None:
        super().__init__(f"{title}: {cause}")
        self.title = title
        self.cause = cause
        self.remedy = remedy
        self.exit_status = exit_status
        self.sqlstate = sqlstate
        self.sql = sql

    @property
    def sentence(self) -> str:
        """All of it, for one line."""
        if not self.cause:
            return f"{self.title}. {self.remedy}"
        joint = "." if self.cause[:1].isupper() else ":"
        return f"{self.title}{joint} {self.cause.rstrip('.')}. {self.remedy}"

    def as_event(self) -> ErrorReported:
        """The same, as a word of the stream."""
        return ErrorReported(
            title=self.title,
            cause=self.cause,
            remedy=self.remedy,
            exit_status=self.exit_status,
            sqlstate=self.sqlstate,
            sql=self.sql,
        )


class EngineError(LabError):
    """The server cannot be reached, started or used."""

    def __init__(self, title: str, cause: str, remedy: str, *, sqlstate: str | None = None) -> None:
        super().__init__(title, cause, remedy, exit_status=ENGINE, sqlstate=sqlstate)
