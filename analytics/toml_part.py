"""A table of a TOML text that a person wrote, read field by field: what is wrong is told with its line."""

import re
from collections.abc import Collection, Mapping
from typing import Any

HEADER = re.compile(r"^\s*\[")


class Part:
    """One table. Each error names the line, the table and the field; fields nobody asks for are refused."""

    def __init__(self, values: object, text: str, *, table: str, number: int | None = None) -> None:
        """`table` is its name; `number` which one of an array of tables it is, from 0. Raises ValueError."""
        self._source = text
        self._lines = text.splitlines()
        self._at = self._header(table, number)
        self._title = table
        if not isinstance(values, Mapping):
            raise self.wrong("", f"must be a table, not {values!r}")
        self.values: Mapping[str, Any] = values
        if number is not None:
            self._title = f"{table} {values.get('name', values.get('assay', number + 1))}"

    def text(self, field: str) -> str:
        """A text that is not empty."""
        value = self._required(field)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(field, f"{field} must be a text, not {value!r}")
        return value

    def texts(self, field: str) -> tuple[str, ...]:
        """A list of such texts."""
        value = self._required(field)
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self.wrong(field, f"{field} must be a list of texts, not {value!r}")
        return tuple(value)

    def hours(self, field: str, *, least: float = 0.0) -> float:
        """A number of hours, `least` or more."""
        value = self._required(field)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < float("inf"):
            raise self.wrong(field, f"{field} must be hours from {least:g} on, not {value!r}")
        return float(value)

    def spans(self, field: str) -> tuple[float, ...]:
        """A list of positive hours, one at least."""
        value = self._required(field)
        positive = isinstance(value, list) and all(
            not isinstance(one, bool) and isinstance(one, int | float) and 0 < one < float("inf") for one in value
        )
        if not value or not positive:
            raise self.wrong(field, f"{field} {value!r} need positive hours")
        return tuple(float(one) for one in value)

    def tables(self, field: str) -> list["Part"]:
        """The tables of an array of them; none where it is absent."""
        value = self.values.get(field, [])
        if not isinstance(value, list):
            raise self.wrong(field, f"{field} must be written [[{field}]]")
        return [Part(one, self._source, table=field, number=number) for number, one in enumerate(value)]

    def refuse_others(self, known: Collection[str]) -> None:
        """Raises ValueError for a field that has no meaning."""
        for field in self.values:
            if field not in known:
                raise self.wrong(field, f"there is no field {field}, only {', '.join(known)}")

    def wrong(self, field: str, what: str) -> ValueError:
        """The error to raise, with the line of the field, or of the table where it has none."""
        line = self._line_of(field) if field else self._at
        return ValueError(f"line {line + 1}: {self._title}: {what}")

    def _required(self, field: str) -> Any:
        if field not in self.values:
            raise self.wrong("", f"{field} is missing")
        return self.values[field]

    def _header(self, table: str, number: int | None) -> int:
        header = re.compile(rf"^\s*{re.escape('[' if number is None else '[[')}\s*{re.escape(table)}\s*\]")
        lines = [line for line, text in enumerate(self._lines) if header.match(text)]
        place = number or 0  # the whole text has no header: it begins in the first line
        return lines[place] if place < len(lines) else 0

    def _line_of(self, field: str) -> int:
        key = re.compile(rf"""^\s*["']?{re.escape(field)}["']?\s*=""")
        header = re.compile(rf"^\s*\[+\s*{re.escape(field)}\s*\]")
        inside = True
        for line in range(self._at, len(self._lines)):
            inside = inside and (line == self._at or not HEADER.match(self._lines[line]))
            if header.match(self._lines[line]) or (inside and key.match(self._lines[line])):
                return line
        return self._at
