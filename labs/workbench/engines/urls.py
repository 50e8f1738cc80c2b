"""What every engine's reading of a URL shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import URL

from labs.workbench.errors import USAGE, LabError


def options(url: URL, allowed: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """What stands after the question mark.

    Args:
        allowed: the options that may stand there, each with its possible values; none where anything goes.

    Raises:
        LabError: another stands there.
    """
    told = ", ".join(f"{name} ({', '.join(values)})" if values else name for name, values in allowed.items())
    chosen = {}
    for name, value in url.query.items():
        if name not in allowed or not isinstance(value, str):
            raise refused(f"The server's URL says {name!r} in a way that is not known", f"It may say {told}.")
        if allowed[name] and value not in allowed[name]:
            raise refused(f"The server's URL asks for {name} {value!r}", f"It may say {told}.")
        chosen[name] = value
    return chosen


def refused(title: str, cause: str) -> LabError:
    """The error for a URL that cannot be used. It does not repeat the URL, which may hold a password."""
    remedy = "Correct --url or NINELABS_URL; characters such as @ or / in a password are written %40 and %2F."
    return LabError(title, cause, remedy, exit_status=USAGE)
