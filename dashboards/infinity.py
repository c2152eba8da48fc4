"""One query of the Infinity data source: an address of the API and the columns wanted from its flat array."""

from dataclasses import dataclass, field
from enum import StrEnum

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef

PLUGIN = "yesoreyeram-infinity-datasource"


class ColumnType(StrEnum):
    """What Infinity makes of a JSON value."""

    STRING = "string"
    NUMBER = "number"
    TIME_MS = "timestamp_epoch"  # epoch milliseconds


class Format(StrEnum):
    """The shape in which Infinity hands the rows to Grafana."""

    TABLE = "table"
    ANNOTATIONS = "dataframe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: the key in the API's row, its type, and the name it gets in the panel (the key when empty)."""

    selector: str
    type: ColumnType
    text: str = ""

    def to_json(self) -> dict[str, object]:
        """The column as Infinity stores it."""
        return {"selector": self.selector, "text": self.text or self.selector, "type": self.type.value}


def text(selector: str, name: str = "") -> Column:
    """A column of words."""
    return Column(selector=selector, type=ColumnType.STRING, text=name)


def number(selector: str, name: str = "") -> Column:
    """A column of numbers."""
    return Column(selector=selector, type=ColumnType.NUMBER, text=name)


def time(selector: str, name: str = "") -> Column:
    """A column of instants, epoch milliseconds in the API's answer."""
    return Column(selector=selector, type=ColumnType.TIME_MS, text=name)


@dataclass(frozen=True, kw_only=True)
class InfinityQuery(Builder[Dataquery], Dataquery):
    """A GET of `url` with `params`, read by the parser that runs in Grafana's backend.

    The other parsers run in the browser: they work neither for alert rules nor for cached queries.
    """

    source: DataSourceRef
    url: str  # appended to the base URL of the data source as it stands
    columns: tuple[Column, ...]
    params: dict[str, str] = field(default_factory=dict)
    ref_id: str = "A"
    format: Format = Format.TABLE
    computed: tuple[Column, ...] = ()  # their selectors are expressions over the named columns
    keep: str = ""  # Infinity's filter over the named and computed columns; empty keeps every row

    def build(self) -> Dataquery:
        """A query is its own builder: nothing is left to set."""
        return self

    def to_json(self) -> dict[str, object]:
        """The query as Infinity stores it."""
        return {
            "refId": self.ref_id,
            "datasource": self.source,
            "type": "json",
            "source": "url",
            "parser": "backend",
            "format": self.format.value,
            "url": self.url,
            "url_options": {
                "method": "GET",
                "params": [{"key": key, "value": value} for key, value in self.params.items()],
            },
            "root_selector": "",
            "columns": [column.to_json() for column in self.columns],
            "computed_columns": [column.to_json() for column in self.computed],
            "filterExpression": self.keep,
        }
