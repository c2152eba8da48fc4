"""References: what named batches did on a declared grid, frozen and hashed.

A reference in use never changes. Its digest covers the stored bytes and the digests of the runs it was learned from,
so a score can always be traced to exactly what it was compared with. Learning lives in `analytics.learning` (new
process) and `analytics.learning_old` (old process).
"""

import hashlib
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

import numpy as np

from analytics.alignment import PhaseCourse
from analytics.detectors.assay import FittedAssay
from analytics.detectors.components import FittedComponents
from analytics.detectors.declared import FittedBalance
from analytics.detectors.level import LevelCourse
from analytics.detectors.loop import FittedLoops
from analytics.detectors.maturity import FittedMaturity
from analytics.detectors.own_past import FittedPast
from analytics.detectors.step import StepCourse
from analytics.fitted import arrays_of, fields_of, fitted_from
from analytics.fitted_balance import balance_fields, balance_from
from analytics.grid import Grid
from analytics.packing import UnknownFormat, pack, unpack
from analytics.segment import Floats
from analytics.usual_reading import UsualReading
from store.model.reference import ReferenceRole

FORMAT = 7
FEWEST_FOR_PREDICTION = 6
FEWEST_FOR_LEARNED = 20
OF_COURSES = {
    "components": FittedComponents,
    "own_past": FittedPast,
    "maturity": FittedMaturity,
    "steps": StepCourse,
    "loops": FittedLoops,
    "levels": LevelCourse,
}


class Rule(StrEnum):
    """What a number of reference batches entitles a reference to say."""

    RANGES_ONLY = "ranges_only"  # fewer than 6 batches: only approved ranges raise alerts
    PREDICTION_LIMITS = "prediction_limits"  # 6 to 19: limits from the t distribution, advisory
    LEARNED_LIMITS = "learned_limits"  # 20 or more: limits from left-out batches

    @classmethod
    def for_batches(cls, batches: int) -> Self:
        """The rule for a number of reference batches.

        >>> Rule.for_batches(5).value, Rule.for_batches(19).value, Rule.for_batches(20).value
        ('ranges_only', 'prediction_limits', 'learned_limits')
        """
        if batches < FEWEST_FOR_PREDICTION:
            return cls("ranges_only")
        if batches < FEWEST_FOR_LEARNED:
            return cls("prediction_limits")
        return cls("learned_limits")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind:
    """Declared hours after the start of a phase in which drift is not judged. They count against coverage."""

    phase: str | None  # None: after the start of the unit procedure
    hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeConstants:
    """Memory of the layers, in hours of process time."""

    ewma_h: float = 0.9
    balance_h: float = 10.0
    balance_window_h: float = 24.0  # over which changes are explained
    smoothing_h: float = 2.2  # width of the rolling maximum over the reference SD
    declared_h: float = 1.0  # of declared balances, whose statistic already spans hours
    assay_h: float = 42.0  # of the slow level of assay differences
    components_h: float = 0.9  # of z before its components
    own_past_h: float = 10.0
    own_past_delay_h: float = 10.0  # a batch's own cells foretell it from this age on
    maturity_h: float = 10.0
    pace_window_h: float = 24.0


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRun:
    """A run a reference was learned from."""

    batch: str
    digest: str  # hex SHA-256


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A run that was offered and not learned from, because it stands out among the others."""

    batch: str
    digest: str  # hex SHA-256
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """What the new process does along its course: envelope, relations between tags and limits.

    Arrays are (positions, tags) unless said otherwise, NaN where nothing is known. Positions are those of `phases`, and
    the cells of the grid where no phase counts.
    """

    mean: Floats
    sd: Floats
    scale: Floats  # (tags,): a typical SD, in which changes are related
    weights: Floats  # (2, tags, tags): how changes and levels of tags explain the change of a tag
    residual_sd: Floats  # RMS of what they leave unexplained, from left-out batches
    reading: UsualReading  # how the batches were read
    limits: dict[str, Floats]  # layer → (tags,), NaN: this tag has no limit of its own
    constants: TimeConstants
    blind: tuple[Blind, ...]
    clip: float  # SD beyond which z is not counted
    declared: tuple[FittedBalance, ...] = ()  # by the tags' names, whatever the columns
    assays: tuple[FittedAssay, ...] = ()
    steps: StepCourse | None = None  # of changes from bin to bin
    levels: LevelCourse | None = None  # of held tags
    loops: FittedLoops | None = None  # by the tags' names, like the next three
    components: FittedComponents | None = None  # where they were asked for, like the next two
    own_past: FittedPast | None = None
    maturity: FittedMaturity | None = None
    phases: PhaseCourse | None = None  # by which cells are placed; None: by the clock


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedPoints:
    """What the old process showed at the hours somebody read it. Between the points nothing is known.

    Arrays are (points, tags), NaN where too few batches were read.
    """

    hours: Floats  # (points,)
    half_window_h: float  # the dense stream within it on both sides is compared with the point
    mean: Floats
    sd: Floats
    batches: Floats
    limit: Floats  # in units of sd


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceModel:
    """One reference: of the new process with a trajectory, of the old one with matched points."""

    role: ReferenceRole
    rule: Rule
    grid: Grid
    alpha: float  # expected share of unchanged batches with at least one alert
    tags: tuple[str, ...]
    inputs: tuple[InputRun, ...]
    set_aside: tuple[SetAside, ...] = ()
    trajectory: Trajectory | None = None
    points: MatchedPoints | None = None
    template: str = ""  # the text of what was declared for the product

    @property
    def digest(self) -> bytes:
        """SHA-256 over the model's bytes and the digests of the runs it was learned from."""
        return digest_of(self.to_bytes())

    def to_bytes(self) -> bytes:
        """Canonical bytes: the same model gives the same bytes on every machine."""
        fields: dict[str, Any] = {
            "role": self.role.value,
            "rule": self.rule.value,
            "width_us": self.grid.width_us,
            "cells": self.grid.cells,
            "alpha": self.alpha,
            "tags": list(self.tags),
            "inputs": [[run.batch, run.digest] for run in self.inputs],
            "set_aside": [[run.batch, run.digest, run.reason] for run in self.set_aside],
        }
        if self.template:
            fields["template"] = self.template
        arrays: dict[str, Floats] = {}
        if self.trajectory is not None:
            course = self.trajectory
            fields["trajectory"] = {
                "clip": course.clip,
                "constants": asdict(course.constants),
                "blind": [[blind.phase, blind.hours] for blind in course.blind],
                "declared": [balance_fields(part) for part in course.declared],
                "assays": [
                    {name: getattr(pair, name) for name in ("assay", "checks", "drawn_before_h", "within_h", "mean")}
                    for pair in course.assays
                ],
                **{name: fields_of(part) for name in OF_COURSES if (part := getattr(course, name)) is not None},
            }
            fields["trajectory"]["reading"] = fields_of(course.reading)
            arrays |= arrays_of(course.reading, "reading")
            if course.phases is not None:
                fields["trajectory"]["phases"] = course.phases.to_fields()
            for name in OF_COURSES:
                if (part := getattr(course, name)) is not None:
                    arrays |= arrays_of(part, name)
            for number, part in enumerate(course.declared):
                arrays |= arrays_of(part, f"declared {number}")
            for number, pair in enumerate(course.assays):
                arrays[f"assay {number} sd"] = pair.sd
            for name in ("mean", "sd", "scale", "weights", "residual_sd"):
                arrays[name] = getattr(course, name)
            arrays.update({f"limit {layer}": limit for layer, limit in course.limits.items()})
        if self.points is not None:
            fields["points"] = {"half_window_h": self.points.half_window_h}
            for name in ("hours", "mean", "sd", "batches", "limit"):
                arrays[f"point {name}"] = getattr(self.points, name)
        return pack("reference", FORMAT, fields, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The model those bytes describe. Raises UnknownFormat for anything else."""
        fields, arrays = unpack("reference", FORMAT, data)
        try:
            return cls(
                role=ReferenceRole(fields["role"]),
                rule=Rule(fields["rule"]),
                grid=Grid(width_us=fields["width_us"], cells=fields["cells"]),
                alpha=fields["alpha"],
                tags=tuple(fields["tags"]),
                inputs=tuple(InputRun(batch=batch, digest=digest) for batch, digest in fields["inputs"]),
                set_aside=tuple(
                    SetAside(batch=batch, digest=digest, reason=reason) for batch, digest, reason in fields["set_aside"]
                ),
                trajectory=_trajectory(fields["trajectory"], arrays) if "trajectory" in fields else None,
                points=_points(fields["points"], arrays) if "points" in fields else None,
                template=fields.get("template", ""),
            )
        except (KeyError, TypeError) as error:
            raise UnknownFormat(f"a reference without {error}") from error


def digest_of(model: bytes) -> bytes:
    """The digest of a stored model: SHA-256 over its bytes and the digests of its inputs, in their order."""
    fields, _ = unpack("reference", FORMAT, model)
    sha = hashlib.sha256(model)
    for _, digest in fields["inputs"]:
        sha.update(bytes.fromhex(digest))
    return sha.digest()


def _trajectory(fields: dict[str, Any], arrays: dict[str, Floats]) -> Trajectory:
    return Trajectory(
        mean=arrays["mean"],
        sd=arrays["sd"],
        scale=arrays["scale"],
        weights=arrays["weights"],
        residual_sd=arrays["residual_sd"],
        reading=fitted_from(UsualReading, fields["reading"], arrays, "reading"),
        limits={name[6:]: array for name, array in arrays.items() if name.startswith("limit ")},
        constants=TimeConstants(**fields["constants"]),
        blind=tuple(Blind(phase=phase, hours=hours) for phase, hours in fields["blind"]),
        clip=fields["clip"],
        phases=PhaseCourse.from_fields(fields["phases"]) if "phases" in fields else None,
        declared=tuple(
            balance_from(part, arrays, f"declared {number}") for number, part in enumerate(fields["declared"])
        ),
        assays=tuple(
            FittedAssay(**pair, sd=arrays[f"assay {number} sd"]) for number, pair in enumerate(fields["assays"])
        ),
        **{name: fitted_from(kind, fields[name], arrays, name) for name, kind in OF_COURSES.items() if name in fields},
    )


def _points(fields: dict[str, Any], arrays: dict[str, Floats]) -> MatchedPoints:
    names = ("hours", "mean", "sd", "batches", "limit")
    return MatchedPoints(half_window_h=fields["half_window_h"], **{name: arrays[f"point {name}"] for name in names})


def nothing_known(cells: int, tags: int) -> Floats:
    """An array (cells, tags) in which nothing is known."""
    return np.full((cells, tags), np.nan)
