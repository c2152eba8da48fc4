"""The drift layers over one reference: the same objects learn limits from left-out batches and judge live ones."""

from collections.abc import Sequence
from typing import Protocol, Self

import numpy as np

from analytics.alignment import BY_CLOCK, Positions
from analytics.detectors.assay import AssayDifference
from analytics.detectors.balance import Balance
from analytics.detectors.components import Components, Distance
from analytics.detectors.declared import Declared, FittedBalance
from analytics.detectors.drift import DriftChannel
from analytics.detectors.ewma import Ewma
from analytics.detectors.level import Level
from analytics.detectors.loop import Loop
from analytics.detectors.maturity import Pace
from analytics.detectors.own_past import OwnPast
from analytics.detectors.step import Step
from analytics.formula import Formula
from analytics.grid import Grid
from analytics.reference import TimeConstants, Trajectory
from analytics.segment import Floats
from analytics.template import Further
from store.model.times import US_PER_H


class Layer(Protocol):
    """A detector of the drift family: one row in, one row of signed scores out.

    The row is z, except for balances, which see the values themselves.
    """

    def update(self, cell: int, row: Floats, /) -> Floats:
        """The scores after this cell, (tags,); NaN where nothing can be said."""
        ...

    def to_bytes(self) -> bytes:
        """Canonical state."""
        ...

    def restore(self, data: bytes) -> Self:
        """This layer in the state those bytes describe."""
        ...


EWMA = "ewma"
BALANCE = "balance"
PAGE_HINKLEY = "page_hinkley"
PREDICTION = "prediction"
STEP = "step"
LOOP = "loop"
LEVEL = "level"  # of held tags
ASSAY = "assay"
ASSAYS = "assays"  # their slow level
HOTELLING_T2 = Further.HOTELLING_T2.value
SPE = Further.SPE.value
OWN_PAST = Further.OWN_PAST.value
PACE = Further.PACE.value
# How high a tag stands or how fast cells grow is a donor's nature; that tags contradict each other is not.
LEVELS = (EWMA, PAGE_HINKLEY, HOTELLING_T2, OWN_PAST, PACE)


def build_layers(course: Trajectory, grid: Grid, tags: Sequence[str], path: Positions = BY_CLOCK) -> dict[str, Layer]:
    """The layers for which the trajectory holds limits, in a fixed order; its columns are those of `tags`.

    `path` says where on the course the cells of the batch lie.
    """
    count = len(tags)
    constants = course.constants
    layers: dict[str, Layer] = {}
    for name in (EWMA, PREDICTION):
        if name in course.limits:
            layers[name] = Ewma(tags=count, width_h=grid.width_h, tau_h=constants.ewma_h)
    if BALANCE in course.limits:
        layers[BALANCE] = Balance(
            mean=course.mean,
            scale=course.scale,
            weights=course.weights,
            residual_sd=course.residual_sd,
            window_cells=grid.cells_in(constants.balance_window_h),
            width_h=grid.width_h,
            tau_h=constants.balance_h,
            path=path,
        )
    if PAGE_HINKLEY in course.limits:
        layers[PAGE_HINKLEY] = DriftChannel(thresholds=course.limits[PAGE_HINKLEY])
    if STEP in course.limits and course.steps is not None:
        layers[STEP] = Step(course.steps)
    slots = {tag: slot for slot, tag in enumerate(tags)}
    # A loop is judged while no other tag changes, which sudden changes tell.
    if LOOP in course.limits and STEP in layers and course.loops is not None:
        needed = set(course.loops.measured).union(*(Formula.parse(text).tags for text in course.loops.answers))
        if needed <= set(slots):
            layers[LOOP] = Loop(course.loops, slots=slots, width_h=course.loops.width_us / US_PER_H)
    if LEVEL in course.limits and STEP in layers and course.levels is not None:  # which says whose readings become bins
        layers[LEVEL] = Level(course.levels)
    for name, parts in _judgeable(course, slots).items():
        layers[name] = Declared(
            parts,
            slots=slots,
            tags=count,
            width_h=grid.width_h,
            tau_h=constants.declared_h,
            path=path,
            mean=course.mean,
            moving=course.reading.moving,
        )
    for name, tau_h in ((ASSAY, 0.0), (ASSAYS, constants.assay_h)):
        if name in course.limits:
            layers[name] = AssayDifference(tags=count, tau_h=tau_h)
    return layers | _of_courses(course, grid, slots, path)


def families_of(course: Trajectory) -> tuple[str, ...]:
    """The families of channels that share the budget of a trajectory, in order."""
    names = {part.channel: part.name for part in course.declared} | {ASSAYS: ASSAY}
    return tuple(dict.fromkeys(names.get(layer, layer) for layer in course.limits))


def sees_values(layer: Layer) -> bool:
    """Whether a layer is shown the cells' values instead of z."""
    return isinstance(layer, Balance | Declared | Pace)


def reach_of(layer: Layer, slot: int, constants: TimeConstants) -> float:
    """How many hours back the score of a slot reaches; 0 for what is of the cell and its memory alone."""
    match layer:
        case Declared():
            return layer.balance_of(slot).span_h + layer.balance_of(slot).smoothing_h
        case Balance():
            return constants.balance_window_h
        case Pace():
            return constants.pace_window_h
        case OwnPast():
            return constants.own_past_delay_h + constants.own_past_h
        case _:
            return 0.0


def _of_courses(course: Trajectory, grid: Grid, slots: dict[str, int], path: Positions) -> dict[str, Layer]:
    """The layers that rest on whole courses of the reference batches, as far as the batch has their tags."""
    constants = course.constants
    layers: dict[str, Layer] = {}
    for distance in Distance:
        limit = np.nanmax(course.limits.get(distance, np.empty(0)), initial=-np.inf)
        if course.components is not None and limit > 0.0:
            layers[distance.value] = Components(
                course.components,
                distance,
                slots=slots,
                width_h=grid.width_h,
                tau_h=constants.components_h,
                limit=float(limit),
            )
    if course.own_past is not None and OWN_PAST in course.limits:
        layers[OWN_PAST] = OwnPast(
            course.own_past,
            slots=slots,
            width_h=grid.width_h,
            delay_h=constants.own_past_delay_h,
            tau_h=constants.own_past_h,
            path=path,
        )
    if course.maturity is not None and PACE in course.limits:
        layers[PACE] = Pace(
            course.maturity,
            slots=slots,
            width_h=grid.width_h,
            tau_h=constants.maturity_h,
            window_h=constants.pace_window_h,
            path=path,
        )
    return layers


def _judgeable(course: Trajectory, slots: dict[str, int]) -> dict[str, list[FittedBalance]]:
    """The declared balances by layer, as far as the batch has the tags they need."""
    found: dict[str, list[FittedBalance]] = {}
    for part in course.declared:
        needed = {part.accuses}.union(part.target.tags, *(formula.tags for formula in part.explained_by))
        if part.channel in course.limits and needed <= set(slots):
            found.setdefault(part.channel, []).append(part)
    return found
