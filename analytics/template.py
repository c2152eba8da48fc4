"""What is known of a product's process beyond its readings: balances that must hold, and which assay checks which tag.

A template declares formulas with the tags and units of measure they were written for. Their coefficients are learned
from reference batches; their residuals are channels like any other.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib import resources
from typing import Any, Self

from analytics.formula import Formula, FormulaInvalid


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
class Template:
    """A product template."""

    name: str
    units: Mapping[str, str]  # unit_of_measure by tag
    balances: tuple[DeclaredBalance, ...]
    assays: tuple[DeclaredAssay, ...]
    also: tuple[Further, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The template of a TOML text. Raises TemplateInvalid."""
        try:
            data = tomllib.loads(text)
            template = cls(
                name=str(data["name"]),
                units={str(tag): str(unit) for tag, unit in data["units"].items()},
                balances=tuple(_balance(part) for part in data.get("balance", [])),
                assays=tuple(DeclaredAssay(**part) for part in data.get("assay", [])),
                also=tuple(Further(name) for name in data.get("also", [])),
            )
        except KeyError as error:
            raise TemplateInvalid(f"a template needs {error}") from error
        except (tomllib.TOMLDecodeError, TypeError, ValueError) as error:
            raise TemplateInvalid(str(error)) from error
        template._check()
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
            for tag in sorted(balance.tags - set(self.units)):
                raise TemplateInvalid(f"balance {balance.name}: {tag} is not among [units]")
            if not balance.spans_h or min(balance.spans_h) <= 0:
                raise TemplateInvalid(f"balance {balance.name}: spans_h {balance.spans_h} need positive hours")
            for span in balance.spans_h:
                channel = balance.name, span, balance.accuses
                if channel in named:
                    raise TemplateInvalid(f"balance {balance.name}: {balance.accuses} over {span:g} h stands twice")
                named.add(channel)
        for assay in self.assays:
            for tag in (assay.assay, assay.checks):
                if tag not in self.units:
                    raise TemplateInvalid(f"assay {assay.assay}: {tag} is not among [units]")


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


def fitting(units: Mapping[str, str], templates: Sequence[Template]) -> Template | None:
    """The first template all of whose tags exist in the units it was written for; None without one."""
    return next((template for template in templates if not template.unsuited(units)), None)


def asking(template: Template | None, also: Iterable[Further]) -> Template | None:
    """The template that asks for these families too; one that declares nothing else where there is none."""
    wanted = tuple(dict.fromkeys((*(() if template is None else template.also), *also)))
    if not wanted:
        return template
    return replace(template or Template(name="", units={}, balances=(), assays=()), also=wanted)


def _balance(part: Mapping[str, Any]) -> DeclaredBalance:
    name = str(part.get("name", "?"))
    try:
        return DeclaredBalance(
            name=name,
            accuses=str(part["accuses"]),
            target=Formula.parse(part["target"]),
            explained_by=tuple(Formula.parse(text) for text in part["explained_by"]),
            statistic=Statistic(part["statistic"]),
            spans_h=tuple(float(span) for span in part["spans_h"]),
            smoothing_h=float(part.get("smoothing_h", 0.0)),
            check=str(part["check"]),
        )
    except FormulaInvalid as error:
        raise TemplateInvalid(f"balance {name}: {error}") from error
