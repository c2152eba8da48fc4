"""The first rows of a file as they are understood, for a person to look at before anything is written."""

from dataclasses import dataclass, field

from store.model.reading import Quality
from store.model.times import from_us

SHOWN = 5  # rows of a file


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What stands in a row, and what it means."""

    line: int
    source: str
    meaning: str


@dataclass(slots=True)
class FirstRows:
    """Keeps the first few and costs nothing after them."""

    rows: list[Understood] = field(default_factory=list)

    @property
    def wanted(self) -> bool:
        """Whether there is room for another."""
        return len(self.rows) < SHOWN

    def add(self, line: int, source: str, meaning: str) -> None:
        """Keep one."""
        self.rows.append(Understood(line=line, source=source, meaning=meaning))


def reading_meaning(place: str, time_us: int, value: float, unit_of_measure: str | None, quality: Quality) -> str:
    """A reading in words.

    >>> reading_meaning("leiden/hall/BR-01 pH", 0, 7.0, "[pH]", Quality.GOOD)
    'leiden/hall/BR-01 pH, 1970-01-01 00:00:00+00:00, 7.0 [pH], good'
    """
    unit = "of a tag that nobody has described" if unit_of_measure is None else unit_of_measure
    return f"{place}, {from_us(time_us).isoformat(' ')}, {value!r} {unit}, {quality.name.lower()}"
