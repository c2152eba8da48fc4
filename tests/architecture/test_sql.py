"""SQL lives in .sql files; Python names a query and gives its parameters."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.source import PACKAGES, modules, parsed

# What begins a statement. Words of a sentence come in other letters or without what must follow.
STATEMENT = re.compile(
    r"\A\s*(SELECT\b|INSERT\s+INTO\b|UPDATE\s+\S+\s+SET\b|DELETE\s+FROM\b|WITH\s+\w+\s+AS\b|TRUNCATE\b|MERGE\s+INTO\b"
    r"|(CREATE|ALTER|DROP)\s+(TABLE|ROLE|USER|DATABASE|SCHEMA|VIEW|INDEX|UNIQUE|TEMP|FUNCTION|TRIGGER|EXTENSION)\b"
    r"|COPY\s+\S+|GRANT\s+\S+|REVOKE\s+\S+|LISTEN\s+\w|NOTIFY\s+\w|LOCK\s+TABLE\b|SET\s+\S+\s*(=|TO)\s)"
    r"|\A\s*(select\s.+\sfrom\s|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s)",
    re.DOTALL,
)
RUNS = {"execute", "executemany", "copy", "stream"}


def texts(tree: ast.AST) -> Iterator[str]:
    """Every text in a syntax tree that is not a docstring."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def statements(tree: ast.AST) -> list[str]:
    """The texts that are SQL."""
    return [text for text in texts(tree) if STATEMENT.search(text)]


def glued(tree: ast.AST) -> list[int]:
    """Lines that run a statement put together from pieces."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in RUNS
        and node.args
        and isinstance(node.args[0], ast.JoinedStr | ast.BinOp)
    ]


@pytest.mark.parametrize("name", modules(*PACKAGES))
def test_a_module_holds_no_sql(name: str) -> None:
    assert statements(parsed(name)) == []


@pytest.mark.parametrize("name", modules(*PACKAGES))
def test_a_module_runs_no_statement_put_together_from_pieces(name: str) -> None:
    assert not glued(parsed(name))


@pytest.mark.parametrize(
    "source",
    [
        "cursor.execute('SELECT 1')",
        "q = '''\n  INSERT INTO reading VALUES (1)'''",
        "q = 'select x from reading where y'",
        "q = 'DROP TABLE reading'",
        "q = 'COPY reading FROM STDIN'",
    ],
)
def test_sql_in_python_is_recognised(source: str) -> None:
    assert statements(ast.parse(source))


@pytest.mark.parametrize(
    "source",
    ["c.execute(f'UPDATE {table} SET x = 1')", "c.executemany('DELETE ' + rest, rows)", "c.copy('COPY %s' % table)"],
)
def test_a_statement_put_together_from_pieces_is_recognised(source: str) -> None:
    assert glued(ast.parse(source))


@pytest.mark.parametrize("source", ["'select a batch and press Enter'", "def f():\n    'SELECT is a word of SQL.'"])
def test_sentences_are_not_taken_for_sql(source: str) -> None:
    assert not statements(ast.parse(source))
