"""The pages of docs/ as the tests about them read them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
ANY_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^```(?P<info>\S[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """A fenced block with what stands beside its opening."""

    info: str
    body: str


@cache
def page(name: str) -> str:
    """A page's text; `name` is relative to the project."""
    return (ROOT / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """What stands below a heading, down to the next one of the same rank or above."""
    rank = len(heading) - len(heading.lstrip("#"))
    begun = re.search(rf"^{re.escape(heading)}$", text, re.MULTILINE)
    assert begun is not None, f"there is no heading {heading!r}"
    ended = re.compile(rf"^#{{1,{rank}}} ", re.MULTILINE).search(text, begun.end())
    return text[begun.end() : ended.start() if ended else len(text)]


def rows(text: str) -> Iterator[list[str]]:
    """The cells of every table row in a text, without headings and rulers."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if not line.startswith("|") or set(line) <= set("|- :"):
            continue
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if following.startswith("|") and set(following) <= set("|- :"):
            continue
        yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def fences(text: str) -> Iterator[Fence]:
    """The fenced blocks of a text that say what they are."""
    for match in FENCE.finditer(text):
        yield Fence(info=match["info"], body=match["body"])


def quoted(text: str) -> list[str]:
    """What stands between single backticks, outside fenced blocks."""
    return re.findall(r"`([^`\n]+)`", ANY_FENCE.sub("", text))
