"""What the two command-line clients want of a script: how it is started, how it speaks, how it stops."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence

from tui.export.literals import identifier

_LEVEL = re.compile(
    r"(read uncommitted|read committed|repeatable read|serializable)(?:, snapshot (on|off))?", re.IGNORECASE
)


NOT_REFUSED = "The server has not refused it this time, so the rest does not fit, and this script ends. Start anew."


class Client(ABC):
    """A program that reads SQL from a file."""

    command: str
    """How a ``{file}`` is run, in a shell."""

    @abstractmethod
    def settings(self) -> list[str]:
        """What comes first; of what is done from here on, only errors are to be seen."""

    @abstractmethod
    def aloud(self) -> list[str]:
        """Show each statement from here on, and what comes of it."""

    @abstractmethod
    def create(self, schema: str) -> list[str]:
        """Make a place for the tables, empty, and use it."""

    @abstractmethod
    def use(self, schema: str) -> list[str]:
        """Look for names there."""

    @abstractmethod
    def isolation(self, level: str) -> list[str]:
        """Have transactions at that level, where no statement of the run says so."""

    @abstractmethod
    def refused(self, statements: Sequence[str]) -> list[str]:
        """Statements that the server refuses. Where it does not, the rest does not fit, and the script ends.

        So it does where another statement is refused.
        """

    @abstractmethod
    def say(self, sentence: str) -> str:
        """Tell the person something."""

    @abstractmethod
    def pause(self, sentence: str) -> str:
        """Tell the person something, and wait for Enter."""

    @abstractmethod
    def drop(self, schema: str) -> str:
        """Remove what `create` made."""


class Psql(Client):
    """PostgreSQL's. With -f it reads what a person types, not the script, from its standard input."""

    command = "psql -X -f {file}"

    def settings(self) -> list[str]:
        """What it prints goes nowhere."""
        return [
            r"\set QUIET on",
            r"\pset pager off",
            r"\o /dev/null",
            "SET client_min_messages = warning;",
            "SET TIME ZONE 'UTC';",
        ]

    def aloud(self) -> list[str]:
        """The opposite."""
        return [r"\o", r"\set QUIET off", r"\set ECHO queries", r"\set ON_ERROR_STOP on"]

    def create(self, schema: str) -> list[str]:
        """A schema."""
        name = identifier(schema, "postgres")
        return [f"DROP SCHEMA IF EXISTS {name} CASCADE;", f"CREATE SCHEMA {name};", *self.use(schema)]

    def use(self, schema: str) -> list[str]:
        """The path to it."""
        return [f"SET search_path = {identifier(schema, 'postgres')};"]

    def isolation(self, level: str) -> list[str]:
        """Nothing: the recorded BEGIN says it."""
        return []

    def refused(self, statements: Sequence[str]) -> list[str]:
        """psql knows how the last one ended."""
        return [
            r"\set ON_ERROR_STOP off",
            *statements,
            r"\if :ERROR",
            r"\else",
            self.say(NOT_REFUSED),
            r"\quit",
            r"\endif",
            r"\set ON_ERROR_STOP on",
        ]

    def say(self, sentence: str) -> str:
        """Between quotes nothing is a variable, or a command of the shell's."""
        return rf"\echo {_psql_quoted('>>> ' + sentence)}"

    def pause(self, sentence: str) -> str:
        """The answer goes into a variable that nobody reads."""
        return rf"\prompt {_psql_quoted('>>> ' + sentence)} _"

    def drop(self, schema: str) -> str:
        """With everything in it."""
        return f"DROP SCHEMA {identifier(schema, 'postgres')} CASCADE;"


class Mariadb(Client):
    """MariaDB's. It has no words for a person: the shell's printf and read have."""

    command = "mariadb --abort-source-on-error --table --verbose --unbuffered -e 'source {file}'"

    def settings(self) -> list[str]:
        """The client's text is UTF-8; MariaDB's has no way to be silent."""
        return ["SET NAMES utf8mb4;", "SET time_zone = '+00:00';"]

    def aloud(self) -> list[str]:
        """From here on a transaction begins with its first statement, as in the labs."""
        return ["SET autocommit = 0;"]

    def create(self, schema: str) -> list[str]:
        """A database that compares as the labs' own does."""
        name = identifier(schema, "mariadb")
        return [
            f"DROP DATABASE IF EXISTS {name};",
            f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;",
            *self.use(schema),
        ]

    def use(self, schema: str) -> list[str]:
        """The current database."""
        return [f"USE {identifier(schema, 'mariadb')};"]

    def isolation(self, level: str) -> list[str]:
        """Of the session; a level that is none is passed over."""
        found = _LEVEL.fullmatch(level)
        lines = [f"SET SESSION TRANSACTION ISOLATION LEVEL {found[1].upper()};"] if found else []
        return lines + ([f"SET SESSION innodb_snapshot_isolation = {found[2].upper()};"] if found and found[2] else [])

    def refused(self, statements: Sequence[str]) -> list[str]:
        """The client has no conditions: the server has."""
        return [
            "DELIMITER //",
            "BEGIN NOT ATOMIC",
            "DECLARE _code INT DEFAULT 0; DECLARE _told TEXT;",
            "BEGIN DECLARE CONTINUE HANDLER FOR SQLEXCEPTION "
            "GET DIAGNOSTICS CONDITION 1 _code = MYSQL_ERRNO, _told = MESSAGE_TEXT;",
            *statements,
            "END;",
            f"IF _code = 0 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{NOT_REFUSED}'; END IF;",
            "SELECT CONCAT('ERROR ', _code, ': ', _told) AS refused;",
            "END//",
            "DELIMITER ;",
        ]

    def say(self, sentence: str) -> str:
        """Every character that could mean something, to the client or to the shell, as its number."""
        return rf"\! printf '%b' '{_octal('>>> ' + sentence)}\012'"

    def pause(self, sentence: str) -> str:
        """`read` reads from the client's own standard input, which is the person's."""
        return rf"\! printf '%b' '{_octal('>>> ' + sentence)}' && read _"

    def drop(self, schema: str) -> str:
        """With everything in it."""
        return f"DROP DATABASE {identifier(schema, 'mariadb')};"


def _psql_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _octal(text: str) -> str:
    return "".join(
        chr(byte) if chr(byte).isascii() and (chr(byte).isalnum() or chr(byte) in " .,:>()=+") else f"\\0{byte:03o}"
        for byte in text.encode()
    )
