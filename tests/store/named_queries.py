"""Every named query of the system, and a way to have a server parse, type and plan it without running it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import LiteralString

import psycopg

from store.sql import queries

PARAMETER = re.compile(r"%\((?P<name>\w+)\)[sb]")
PLANNED = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "VALUES")

# Python gives these a type that the server cannot find out from the text alone: timestamptz minus something may be
# either another time or an interval.
TYPED = {
    ("actors", "window"): "interval",
    ("actors", "lock"): "interval",
    ("actors", "lasting"): "interval",
    ("actors", "note_after"): "interval",
    ("actors", "inactivity"): "interval",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedQuery:
    """One query of store/sql/queries."""

    noun: str
    name: str
    text: LiteralString

    def __str__(self) -> str:
        return f"{self.noun}.{self.name}"

    @property
    def planned(self) -> bool:
        """Whether a server plans it; COPY, CREATE, TRUNCATE and the like it only obeys."""
        return self.text.startswith(PLANNED)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of its parameters, each once, in the order in which they are met."""
        return tuple(dict.fromkeys(PARAMETER.findall(self.text)))

    def plan(self, connection: psycopg.Connection) -> list[str]:
        """The plan with every parameter unknown, as EXPLAIN prints it. Raises psycopg.Error for what is no SQL here."""
        numbers = {name: f"${number}" for number, name in enumerate(self.parameters, start=1)}
        text = PARAMETER.sub(lambda match: numbers[match["name"]], self.text).replace("%%", "%")
        types = [TYPED.get((self.noun, name), "unknown") for name in self.parameters]
        declared = f"({', '.join(types)})" if types else ""
        values = f"({', '.join('NULL' for _ in types)})" if types else ""
        with connection.transaction():
            connection.execute(f"PREPARE planned {declared} AS {text}".encode())
            rows = connection.execute(f"EXPLAIN EXECUTE planned {values}".encode()).fetchall()
            connection.execute("DEALLOCATE planned")
        return [str(line) for (line,) in rows]


def named_queries() -> list[NamedQuery]:
    """All of them, by file and in the order of the file."""
    return [NamedQuery(noun=noun, name=name, text=text) for noun in _nouns() for name, text in queries(noun).items()]


def make_temporary_tables(connection: psycopg.Connection) -> None:
    """The temporary tables that other queries expect, as the queries that make them say."""
    for query in named_queries():
        if query.text.startswith("CREATE TEMPORARY TABLE"):
            connection.execute(query.text)


def _nouns() -> Iterator[str]:
    for path in sorted((files("store.sql") / "queries").iterdir(), key=lambda path: path.name):
        if path.name.endswith(".sql"):
            yield path.name.removesuffix(".sql")
