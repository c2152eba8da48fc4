"""What charts draw of a reference, as plain lists beside its model."""

from typing import Any

import numpy as np

from analytics.departures import prediction_reach
from analytics.reference import ReferenceModel
from analytics.segment import Floats

BAND_SD = 3.0


def curves(model: ReferenceModel) -> dict[str, Any]:
    """Centre and band by process hour and tag, matched points, declared blind hours.

    `tags` (new process): hours at the cells' middles, centre = mean, band = mean ± 3 SD; null where nothing is known.
    Where phases place the cells, one row a position, with the hour at which a usual batch is there, null where none is,
    and `course` says which positions make which phase.
    `points` (old process): hours of the matched points, centre = mean, band = the limits that raise alerts;
    `inside_lower` and `inside_upper` are the 95 % prediction interval at each point on its own.
    """
    drawn: dict[str, Any] = {"tags": {}, "points": {}, "blind": {}, "rule": str(model.rule), "band_sd": BAND_SD}
    if model.trajectory is not None:
        course = model.trajectory
        cells = np.arange(model.grid.cells, dtype=np.float64)
        if course.phases is not None:
            usual = course.phases.usual_cells()
            cells = np.where(usual >= 0, usual, np.nan)
            drawn["course"] = {"width_h": model.grid.width_h, "phases": course.phases.to_fields()["phases"]}
        hours = (cells + 0.5) * model.grid.width_h
        for column, tag in enumerate(model.tags):
            mean, sd = course.mean[:, column], course.sd[:, column]
            drawn["tags"][tag] = _band(hours, mean, mean - BAND_SD * sd, mean + BAND_SD * sd)
        drawn["blind"] = {blind.phase or "": blind.hours for blind in course.blind}
    if model.points is not None:
        points = model.points
        reach = prediction_reach(points.batches)
        for column, tag in enumerate(model.tags):
            mean, sd = points.mean[:, column], points.sd[:, column]
            half, inside = points.limit[:, column] * sd, reach[:, column] * sd
            drawn["points"][tag] = _band(points.hours, mean, mean - half, mean + half) | {
                "inside_lower": _listed(mean - inside),
                "inside_upper": _listed(mean + inside),
                "window_h": points.half_window_h,
            }
    return drawn


def _band(hours: Floats, center: Floats, lower: Floats, upper: Floats) -> dict[str, list[float | None]]:
    return {
        "hours": _listed(hours),
        "center": _listed(center),
        "lower": _listed(lower),
        "upper": _listed(upper),
    }


def _listed(values: Floats) -> list[float | None]:
    return [round(float(value), 6) if np.isfinite(value) else None for value in values]
