"""What is known of a product's process beyond its readings: balances that must hold, and which assay checks which tag.

A template declares formulas with the tags and units of measure they were written for. Their coefficients are learned
from reference batches; their residuals are channels like any other.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Self

from analytics.formula import Formula, FormulaInvalid
from analytics.toml_part import Part

BALANCE_FIELDS = ("name", "check", "accuses", "target", "explained_by", "statistic", "spans_h", "smoothing_h")
LOOP_FIELDS = ("measured", "answer", "check")
ASSAY_FIELDS = ("assay", "checks", "drawn_before_h", "within_h")


class TemplateInvalid(ValueError):
    """A template cannot be used: the message names the part and the value."""


class Statistic(StrEnum):
    """What is compared with what explains it, over a span of process time."""

    CHANGE = "change"  # the value less the value a span ago
    SLOPE = "slope"  # the least-squares slope over the span, by the span: for what a flow adds up to


class Further(StrEnum):
    """Families of channels that are watched where a template asks for them. They rest on whole reference batches."""

    HOTELLING_T2 = "hotelling_t2"  # how far all tags lie from the reference together
    SPE = "spe"  # how far from the way they hang together
    OWN_PAST = "own_past"  # each tag beside what the batch's own past foretells
    PACE = "pace"  # how fast the batch goes along the reference's course


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredBalance:
    """A quantity that other quantities explain. Its residual accuses one tag."""

    name: str
    accuses: str  # tag
    target: Formula  # grows with the accused tag, so that a surplus of one is a surplus of the other
    explained_by: tuple[Formula, ...]
    statistic: Statistic
    spans_h: tuple[float, ...]  # each is a channel
    smoothing_h: float  # target and what explains it are means over so many hours; 0: as they are
    check: str  # what a person looks at first when it does not hold

    @property
    def tags(self) -> frozenset[str]:
        """The tags its formulas need."""
        return frozenset({self.accuses}).union(self.target.tags, *(formula.tags for formula in self.explained_by))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredAssay:
    """A tag read by hand or in the laboratory that measures what an online tag measures."""

    assay: str  # tag
    checks: str  # the online tag
    drawn_before_h: float  # the sample was drawn so long before the time the result carries
    within_h: float  # the online readings this far around the draw are compared


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredLoop:
    """A tag that a controller holds, and how it acts."""

    measured: str  # tag
    answer: Formula  # over the tags by which the controller acts; it rises when they act against a rise
    check: str  # what a person looks at first when both jump


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A product template."""

    name: str
    text: str  # as it was written
    units: Mapping[str, str]  # unit_of_measure by tag
    balances: tuple[DeclaredBalance, ...]
    assays: tuple[DeclaredAssay, ...]
    loops: tuple[DeclaredLoop, ...] = ()
    also: tuple[Further, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The template of a TOML text. Raises TemplateInvalid with line, table and field."""
        try:
            data = tomllib.loads(text)
            whole = Part(data, text, table="template")
            whole.refuse_others(("name", "also", "units", "balance", "loop", "assay"))
            units = Part(data.get("units"), text, table="units")
            tags = {tag: units.text(tag) for tag in units.values}
            template = cls(
                name=whole.text("name"),
                text=text,
                units=tags,
                balances=tuple(_balance(part, tags) for part in whole.tables("balance")),
                assays=tuple(_assay(part, tags) for part in whole.tables("assay")),
                loops=tuple(_loop(part, tags) for part in whole.tables("loop")),
                also=_further(whole),
            )
            template._check()
        except TemplateInvalid:
            raise
        except ValueError as error:
            raise TemplateInvalid(str(error)) from error
        return template

    def unsuited(self, units: Mapping[str, str]) -> list[str]:
        """Why this template does not fit a plant whose tags have these units; empty when it does."""
        found = []
        for tag, unit in sorted(self.units.items()):
            if tag not in units:
                found.append(f"{tag} is missing")
            elif units[tag] != unit:
                found.append(f"{tag} is in {units[tag]}, the template is written for {unit}")
        return found

    def _check(self) -> None:
        named: set[tuple[str, float, str]] = set()
        for balance in self.balances:
            for span in balance.spans_h:
                channel = balance.name, span, balance.accuses
                if channel in named:
                    raise TemplateInvalid(f"balance {balance.name}: {balance.accuses} over {span:g} h stands twice")
                named.add(channel)


def shipped() -> tuple[Template, ...]:
    """The templates that come with the software, by name."""
    directory = resources.files("analytics") / "templates"
    files = sorted((file for file in directory.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return tuple(Template.parse(file.read_text(encoding="utf-8")) for file in files)


def named(name: str) -> Template:
    """The shipped template of that name. Raises TemplateInvalid without one."""
    for template in shipped():
        if template.name == name:
            return template
    raise TemplateInvalid(f"there is no template {name}, only {', '.join(part.name for part in shipped())}")


def read(path: Path) -> Template:
    """The template in a file somebody brings. Raises TemplateInvalid with file, line, table and field."""
    try:
        return Template.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TemplateInvalid(f"{path}: {error}") from error


def fitting(units: Mapping[str, str], templates: Sequence[Template]) -> Template | None:
    """The first template all of whose tags exist in the units it was written for; None without one."""
    return next((template for template in templates if not template.unsuited(units)), None)


def asking(template: Template | None, also: Iterable[Further]) -> Template | None:
    """The template that asks for these families too; one that declares nothing else where there is none."""
    wanted = tuple(dict.fromkeys((*(() if template is None else template.also), *also)))
    if not wanted:
        return template
    return replace(template or Template(name="", text="", units={}, balances=(), assays=()), also=wanted)


def _further(part: Part) -> tuple[Further, ...]:
    names = part.texts("also") if "also" in part.values else ()
    for name in names:
        if name not in {one.value for one in Further}:
            raise part.wrong("also", f"also {name!r} is none of {', '.join(Further)}")
    return tuple(Further(name) for name in names)


def _balance(part: Part, units: Mapping[str, str]) -> DeclaredBalance:
    part.refuse_others(BALANCE_FIELDS)
    statistic = part.text("statistic")
    if statistic not in {one.value for one in Statistic}:
        raise part.wrong("statistic", f"statistic {statistic!r} is none of {', '.join(Statistic)}")
    return DeclaredBalance(
        name=part.text("name"),
        accuses=_tag(part, "accuses", units),
        target=_formula(part, "target", part.text("target"), units),
        explained_by=tuple(_formula(part, "explained_by", text, units) for text in part.texts("explained_by")),
        statistic=Statistic(statistic),
        spans_h=part.spans("spans_h"),
        smoothing_h=part.hours("smoothing_h") if "smoothing_h" in part.values else 0.0,
        check=part.text("check"),
    )


def _loop(part: Part, units: Mapping[str, str]) -> DeclaredLoop:
    part.refuse_others(LOOP_FIELDS)
    answer = _formula(part, "answer", part.text("answer"), units)
    if not answer.tags:
        raise part.wrong("answer", "answer names no tag by which the controller acts")
    return DeclaredLoop(measured=_tag(part, "measured", units), answer=answer, check=part.text("check"))


def _assay(part: Part, units: Mapping[str, str]) -> DeclaredAssay:
    part.refuse_others(ASSAY_FIELDS)
    within_h = part.hours("within_h")
    if within_h == 0.0:
        raise part.wrong("within_h", "within_h must be above 0")
    return DeclaredAssay(
        assay=_tag(part, "assay", units),
        checks=_tag(part, "checks", units),
        drawn_before_h=part.hours("drawn_before_h"),
        within_h=within_h,
    )


def _tag(part: Part, field: str, units: Mapping[str, str]) -> str:
    tag = part.text(field)
    if tag not in units:
        raise part.wrong(field, f"{tag} is not among [units]")
    return tag


def _formula(part: Part, field: str, text: str, units: Mapping[str, str]) -> Formula:
    try:
        formula = Formula.parse(text)
    except FormulaInvalid as error:
        raise part.wrong(field, str(error)) from error
    for tag in sorted(formula.tags - set(units)):
        raise part.wrong(field, f"{tag} is not among [units]")
    return formula
