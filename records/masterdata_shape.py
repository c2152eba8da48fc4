"""The shape of a master data document: its sections, their fields, and what a value of each may be.

A document is one JSON object with a list of objects for each section. It stands for itself: what an object refers to
is in the same document.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from records.masterdata_values import (
    Check,
    is_any_text,
    is_name,
    is_name_or_empty,
    is_names,
    is_not_negative,
    is_number,
    is_one_of,
    is_one_of_enum,
    is_or_null,
    is_positive,
    is_text,
    is_time,
    is_timezone,
    is_ucum,
    is_yes_or_no,
)
from store.model.plant import CaptureMode, ReportingMode
from store.model.process import ProcessRole
from store.model.result import AttributeKind, LimitKind, Scale

# Their objects name a process but no product; the process says which.
SCOPED_BY_PROCESS = frozenset({"limits", "sampling_plan"})
REGULATORY_STATUSES = ("internal", "submitted", "agreed")

Row = dict[str, object]


class _Required:
    """The default of a field that has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field: how its value is checked, and what an absent one means."""

    check: Check
    default: object = field(default=_Required)

    @property
    def required(self) -> bool:
        """Whether an object without it is refused."""
        return self.default is _Required


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One list of the document."""

    name: str
    noun: str  # in audit events and their subjects
    key: tuple[str, ...]  # the fields that say which thing it is
    fields: Mapping[str, Field]
    fixed: frozenset[str] = frozenset()  # fields that cannot change once the thing is in the record
    refers: tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...] = ()  # fields, section, its fields


def shape_problems(document: object) -> Iterator[str]:
    """Everything wrong with single values, each sentence beginning with the path of the value."""
    if not isinstance(document, dict):
        yield f"the document: {_shown(document)} is not an object"
        return
    for name in document:
        if name not in SECTIONS:
            yield f"{name}: there is no such section; there are {', '.join(SECTIONS)}"
    for section in SECTIONS.values():
        rows = document.get(section.name, [])
        if not isinstance(rows, list):
            yield f"{section.name}: {_shown(rows)} is not a list"
            continue
        for index, row in enumerate(rows):
            yield from _row_problems(section, f"{section.name}[{index}]", row)


def stored_rows(document: Mapping[str, object]) -> dict[str, list[Row]]:
    """The rows of a document without problems as they are stored: numbers as floats, defaults filled in."""
    return {section.name: [_stored(section, row) for row in _list(document, section)] for section in SECTIONS.values()}


def values_of(row: Row, names: tuple[str, ...]) -> tuple[object, ...]:
    """The values of some fields, such as a key."""
    return tuple(row[name] for name in names)


def _list(document: Mapping[str, object], section: Section) -> list[Row]:
    rows = document.get(section.name, [])
    assert isinstance(rows, list)
    return rows


def _stored(section: Section, row: Row) -> Row:
    return {name: field.check(row[name]) if name in row else field.default for name, field in section.fields.items()}


def _row_problems(section: Section, path: str, row: object) -> Iterator[str]:
    if not isinstance(row, dict):
        yield f"{path}: {_shown(row)} is not an object"
        return
    for name in row:
        if name not in section.fields:
            yield f"{path}.{name}: there is no such field; there are {', '.join(section.fields)}"
    for name, known in section.fields.items():
        if name not in row:
            if known.required:
                yield f"{path}.{name}: is missing"
            continue
        try:
            known.check(row[name])
        except ValueError as error:
            yield f"{path}.{name}: {_shown(row[name])} {error}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else text[:97] + "…"


NAME = Field(check=is_name)
TEXT = Field(check=is_text)
NAME_OR_EMPTY = Field(check=is_name_or_empty, default="")
OPTIONAL_NAME = Field(check=is_or_null(is_name), default=None)
OPTIONAL_TEXT = Field(check=is_or_null(is_text), default=None)
OPTIONAL_NUMBER = Field(check=is_or_null(is_number), default=None)
ALLOWED = Field(check=is_yes_or_no, default=True)
HOURS = Field(check=is_not_negative)
UCUM = Field(check=is_ucum)
UNIT = {"site": NAME, "area": NAME, "unit": NAME}
TO_UNIT = (("site", "area", "unit"), "units", ("site", "area", "name"))

# In the order in which one can refer to the other.
SECTIONS: Mapping[str, Section] = {
    section.name: section
    for section in (
        Section(name="sites", noun="site", key=("name",), fields={"name": NAME, "timezone": Field(check=is_timezone)}),
        Section(
            name="areas",
            noun="area",
            key=("site", "name"),
            fields={"site": NAME, "name": NAME},
            refers=((("site",), "sites", ("name",)),),
        ),
        Section(
            name="units",
            noun="unit",
            key=("site", "area", "name"),
            fields={
                "site": NAME,
                "area": NAME,
                "name": NAME,
                "kind": TEXT,
                "commissioned": Field(check=is_time),
                "positions": Field(check=is_names),
            },
            refers=((("site", "area"), "areas", ("site", "name")),),
        ),
        Section(
            name="publishers",
            noun="publisher",
            key=("name", "site", "area", "unit"),
            fields={"name": NAME, **UNIT, "allowed": ALLOWED},
            refers=(TO_UNIT,),
        ),
        Section(
            name="tags",
            noun="tag",
            key=("site", "area", "unit", "position", "name"),
            fields={
                **UNIT,
                "position": OPTIONAL_NAME,
                "name": NAME,
                "measurand": TEXT,
                "unit_of_measure": UCUM,
                "physical_low": OPTIONAL_NUMBER,
                "physical_high": OPTIONAL_NUMBER,
                "reporting_mode": Field(check=is_one_of_enum(ReportingMode)),
                "interval_s": Field(check=is_or_null(is_positive), default=None),
                "deadband": Field(check=is_or_null(is_not_negative), default=None),
                "capture_mode": Field(check=is_one_of_enum(CaptureMode)),
            },
            refers=(TO_UNIT,),
        ),
        Section(
            name="sparkplug",
            noun="sparkplug_mapping",
            key=("group", "node", "device", "metric"),
            fields={"group": NAME, "node": NAME, "device": NAME_OR_EMPTY, "metric": TEXT}
            | {**UNIT, "position": OPTIONAL_NAME, "tag": OPTIONAL_NAME, "in_force": ALLOWED},
            refers=(TO_UNIT,),
        ),
        Section(name="products", noun="product", key=("name",), fields={"name": TEXT, "modality": TEXT}),
        Section(
            name="processes",
            noun="process",
            key=("product", "name"),
            fields={
                "product": TEXT,
                "name": TEXT,
                "role": Field(check=is_one_of_enum(ProcessRole)),
                "description": Field(check=is_any_text, default=""),
            },
            fixed=frozenset({"role"}),
            refers=((("product",), "products", ("name",)),),
        ),
        Section(
            name="changes",
            noun="change",
            key=("name",),
            fields={
                "name": TEXT,
                "product": TEXT,
                "from": TEXT,
                "to": TEXT,
                "context_of_use": TEXT,
                "amt_designation": OPTIONAL_TEXT,
                "reporting_category": TEXT,
                "regulatory_status": Field(check=is_one_of(*REGULATORY_STATUSES)),
            },
            fixed=frozenset({"product", "from", "to"}),
            refers=(
                (("product", "from"), "processes", ("product", "name")),
                (("product", "to"), "processes", ("product", "name")),
            ),
        ),
        Section(
            name="attributes",
            noun="attribute",
            key=("product", "name"),
            fields={
                "product": TEXT,
                "name": TEXT,
                "kind": Field(check=is_one_of_enum(AttributeKind)),
                "criticality": TEXT,
                "scale": Field(check=is_one_of_enum(Scale)),
                "measurand": TEXT,
                "unit_of_measure": UCUM,
            },
            fixed=frozenset({"scale", "measurand", "unit_of_measure"}),
            refers=((("product",), "products", ("name",)),),
        ),
        Section(
            name="limits",
            noun="limit",
            key=("process", "attribute", "tag", "kind"),
            fields={
                "process": TEXT,
                "attribute": OPTIONAL_TEXT,
                "tag": OPTIONAL_NAME,
                "kind": Field(check=is_one_of_enum(LimitKind)),
                "low": OPTIONAL_NUMBER,
                "high": OPTIONAL_NUMBER,
                "unit_of_measure": UCUM,
                "source": TEXT,
            },
            refers=((("process",), "processes", ("name",)), (("tag",), "tags", ("name",))),
        ),
        Section(
            name="sampling_plan",
            noun="sampling",
            key=("process", "attribute", "specimen"),
            fields={
                "process": TEXT,
                "attribute": TEXT,
                "specimen": TEXT,
                "at_h": HOURS,
                "due_h": HOURS,
                "before_release": Field(check=is_yes_or_no, default=True),
            },
            refers=((("process",), "processes", ("name",)),),
        ),
        Section(
            name="correspondences",
            noun="correspondence",
            key=("change", "tag_new", "phase"),
            fields={
                "change": TEXT,
                "tag_new": NAME,
                "tag_old": NAME,
                "measurand": TEXT,
                "sensor_principle_new": TEXT,
                "sensor_principle_old": TEXT,
                "phase": OPTIONAL_TEXT,
            },
            refers=(
                (("change",), "changes", ("name",)),
                (("tag_new",), "tags", ("name",)),
                (("tag_old",), "tags", ("name",)),
            ),
        ),
    )
}
