"""Whether the objects of a master data document fit together; every single value is known to be right by then."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from records.masterdata_shape import SCOPED_BY_PROCESS, SECTIONS, Row, values_of

Rows = Mapping[str, list[Row]]


def inconsistencies(rows: Rows) -> list[str]:
    """Everything that does not fit, each sentence beginning with the path of the object."""
    checks: tuple[Callable[[Rows], Iterator[str]], ...] = (
        _repeated,
        _dangling,
        _tags,
        _sparkplug,
        _changes,
        _attributes_unknown,
        _limits,
        _sampling,
    )
    return [problem for check in checks for problem in check(rows)]


def _repeated(rows: Rows) -> Iterator[str]:
    for section in SECTIONS.values():
        seen: dict[tuple[object, ...], int] = {}
        for index, row in enumerate(rows[section.name]):
            first = seen.setdefault(values_of(row, section.key), index)
            if first != index:
                yield f"{section.name}[{index}]: is the same {section.noun} as {section.name}[{first}]"
    for name, times in Counter(row["name"] for row in rows["processes"]).items():
        if times > 1:
            yield f"processes: {name!r} is there {times} times; a limit could not say which it means"


def _dangling(rows: Rows) -> Iterator[str]:
    for section in SECTIONS.values():
        for fields, target, target_fields in section.refers:
            there = {values_of(row, target_fields) for row in rows[target]}
            for index, row in enumerate(rows[section.name]):
                wanted = values_of(row, fields)
                if wanted not in there and wanted != (None,):
                    path = f"{section.name}[{index}].{fields[-1]}"
                    yield f"{path}: {'/'.join(map(str, wanted))!r} is not in {target}"


def _tags(rows: Rows) -> Iterator[str]:
    units = {values_of(row, ("site", "area", "name")): row for row in rows["units"]}
    for index, row in enumerate(rows["tags"]):
        path = f"tags[{index}]"
        unit = units.get(values_of(row, ("site", "area", "unit")))
        positions = unit["positions"] if unit else None
        if isinstance(positions, list) and row["position"] is not None and row["position"] not in positions:
            yield f"{path}.position: {row['position']!r} is not a position of {row['unit']}"
        if row["reporting_mode"] == "periodic" and row["interval_s"] is None:
            yield f"{path}.interval_s: is missing for a periodic tag"
        low, high = row["physical_low"], row["physical_high"]
        if isinstance(low, float) and isinstance(high, float) and high <= low:
            yield f"{path}.physical_high: {high} is not above physical_low {low}"


def _sparkplug(rows: Rows) -> Iterator[str]:
    units = {values_of(row, ("site", "area", "name")): row for row in rows["units"]}
    tags = {values_of(row, ("site", "area", "unit", "name")) for row in rows["tags"]}
    for index, row in enumerate(rows["sparkplug"]):
        unit = units.get(values_of(row, ("site", "area", "unit")))
        positions = unit["positions"] if unit else None
        if isinstance(positions, list) and row["position"] is not None and row["position"] not in positions:
            yield f"sparkplug[{index}].position: {row['position']!r} is not a position of {row['unit']}"
        if unit and row["tag"] is not None and values_of(row, ("site", "area", "unit", "tag")) not in tags:
            yield f"sparkplug[{index}].tag: {row['tag']!r} is not a tag of {row['unit']}"


def _changes(rows: Rows) -> Iterator[str]:
    roles = {row["name"]: row["role"] for row in rows["processes"]}
    for index, row in enumerate(rows["changes"]):
        for field, role in (("from", "pre_change"), ("to", "post_change")):
            if roles.get(row[field], role) != role:
                yield f"changes[{index}].{field}: {row[field]!r} is {roles[row[field]]}, not {role}"


def _attributes_unknown(rows: Rows) -> Iterator[str]:
    products = _products(rows)
    there = {values_of(row, ("product", "name")) for row in rows["attributes"]}
    for section in sorted(SCOPED_BY_PROCESS):
        for index, row in enumerate(rows[section]):
            attribute, product = row["attribute"], products.get(row["process"])
            if attribute is not None and product is not None and (product, attribute) not in there:
                yield f"{section}[{index}].attribute: {attribute!r} is not an attribute of {product}"


def _limits(rows: Rows) -> Iterator[str]:
    products = _products(rows)
    measured: dict[tuple[object, ...], set[str]] = {}
    for row in rows["attributes"]:
        measured[row["product"], row["name"]] = {str(row["unit_of_measure"])}
    for row in rows["tags"]:
        measured.setdefault((None, row["name"]), set()).add(str(row["unit_of_measure"]))
    for index, row in enumerate(rows["limits"]):
        path = f"limits[{index}]"
        low, high = row["low"], row["high"]
        if (row["attribute"] is None) == (row["tag"] is None):
            yield f"{path}: needs attribute or tag, and not both"
        if low is None and high is None:
            yield f"{path}: needs low, high or both"
        if isinstance(low, float) and isinstance(high, float) and high < low:
            yield f"{path}.high: {high} is below low {low}"
        of = (products.get(row["process"]), row["attribute"]) if row["tag"] is None else (None, row["tag"])
        units_of_measure = measured.get(of)
        if units_of_measure and row["unit_of_measure"] not in units_of_measure:
            expected = ", ".join(sorted(units_of_measure))
            yield f"{path}.unit_of_measure: {row['unit_of_measure']!r} is not what it is measured in: {expected}"


def _sampling(rows: Rows) -> Iterator[str]:
    for index, row in enumerate(rows["sampling_plan"]):
        at_h, due_h = row["at_h"], row["due_h"]
        if isinstance(at_h, float) and isinstance(due_h, float) and due_h < at_h:
            yield f"sampling_plan[{index}].due_h: {due_h} is before at_h {at_h}"


def _products(rows: Rows) -> dict[object, object]:
    return {row["name"]: row["product"] for row in rows["processes"]}
