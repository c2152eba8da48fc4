"""Everything a record must know about the demo plant before it can take its readings, as plain JSON."""

from typing import Any

from batchwitness.plant import quality
from batchwitness.plant.culture import BATCH_H
from batchwitness.plant.equipment import (
    BIOREACTOR_HALL,
    BIOREACTOR_POSITION,
    BIOREACTORS,
    INCUBATOR_ROOM,
    INCUBATORS,
    SHELVES,
    SITE,
    TIMEZONE,
)
from batchwitness.plant.messages import PRODUCT
from batchwitness.plant.tags import AUTOMATED_TAGS, MANUAL_TAGS, TagSpec

Json = dict[str, Any]

OLD, NEW = "MAN-1.0", "AUTO-2.0"
CHANGE = "Closed automated expansion"
COMMISSIONED = "2020-01-01T00:00:00Z"
READING_INTERVAL_S = 60.0
ROUND_INTERVAL_S = 43_200.0

ATTRIBUTES: tuple[tuple[str, str, str, str, str], ...] = (  # name, kind, criticality, scale, measurand
    ("in_process_viability", "in_process_control", "key", "linear", "viable share of the cells"),
    ("viability", "release_test", "critical", "linear", "viable share of the cells"),
    ("transduced_fraction", "release_test", "critical", "linear", "transduced share of the T cells"),
    ("vector_copy_number", "release_test", "critical", "log", "vector copies per cell"),
    ("cd4_cd8_ratio", "quality_attribute", "key", "log", "CD4 to CD8 T cells"),
    ("fold_expansion", "quality_attribute", "key", "log", "live cells at harvest over live cells at the start"),
    ("potency_ifn_gamma", "release_test", "critical", "log", "interferon gamma in co-culture"),
    ("endotoxin", "release_test", "critical", "censored", "endotoxin"),
)
SPECIFICATIONS: tuple[tuple[str, float | None, float | None], ...] = (
    ("viability", 70.0, None),
    ("transduced_fraction", 10.0, None),
    ("vector_copy_number", None, 10.0),
    ("potency_ifn_gamma", 50.0, None),
    ("endotoxin", None, 5.0),
)
DUE_AFTER_H = {"vector_copy_number": 168.0, "potency_ifn_gamma": 120.0}  # others within two days


def masterdata(*, interval_s: float = READING_INTERVAL_S) -> Json:
    """Equipment, tags, product, processes and their change, attributes, limits, sampling plan, correspondences.

    `interval_s` is that of the automated tags.
    """
    return {
        "sites": [{"name": SITE, "timezone": TIMEZONE}],
        "areas": [{"site": SITE, "name": area} for area in (BIOREACTOR_HALL, INCUBATOR_ROOM)],
        "units": [
            *(_unit(BIOREACTOR_HALL, name, "bioreactor", [BIOREACTOR_POSITION]) for name in BIOREACTORS),
            *(_unit(INCUBATOR_ROOM, name, "incubator", list(SHELVES)) for name in INCUBATORS),
        ],
        "tags": [
            *(_automatic(unit, tag, interval_s) for unit in BIOREACTORS for tag in AUTOMATED_TAGS),
            *(_by_hand(unit, shelf, tag) for unit in INCUBATORS for shelf in SHELVES for tag in MANUAL_TAGS),
        ],
        "products": [{"name": PRODUCT, "modality": "autologous CAR-T"}],
        "processes": [
            {
                "product": PRODUCT,
                "name": OLD,
                "role": "pre_change",
                "description": "Static culture in gas-permeable vessels in an incubator, diluted and read by hand",
            },
            {
                "product": PRODUCT,
                "name": NEW,
                "role": "post_change",
                "description": "Closed automated bioreactor with perfusion and control of temperature, pH and oxygen",
            },
        ],
        "changes": [_change()],
        "attributes": [
            {
                "product": PRODUCT,
                "name": name,
                "kind": kind,
                "criticality": criticality,
                "scale": scale,
                "measurand": measurand,
                "unit_of_measure": quality.ASSAYS[name].unit_of_measure,
            }
            for name, kind, criticality, scale, measurand in ATTRIBUTES
        ],
        "limits": [*_specification_limits(), *_approved_ranges()],
        "sampling_plan": [
            plan
            for process in (OLD, NEW)
            for plan in (
                _sample(process, "in_process_viability", "IPC-1", 120.0),
                _sample(process, "in_process_viability", "IPC-2", 240.0),
                *(_sample(process, name, "DP-1", BATCH_H) for name, *_ in ATTRIBUTES if name != "in_process_viability"),
            )
        ],
        "correspondences": _correspondences(),
    }


def _unit(area: str, name: str, kind: str, positions: list[str]) -> Json:
    return {
        "site": SITE,
        "area": area,
        "name": name,
        "kind": kind,
        "commissioned": COMMISSIONED,
        "positions": positions,
    }


def _tag(area: str, unit: str, tag: TagSpec) -> Json:
    return {
        "site": SITE,
        "area": area,
        "unit": unit,
        "name": tag.name,
        "measurand": tag.measurand,
        "unit_of_measure": tag.unit_of_measure,
        "physical_low": tag.physical[0],
        "physical_high": tag.physical[1],
    }


def _automatic(unit: str, tag: TagSpec, interval_s: float) -> Json:
    return _tag(BIOREACTOR_HALL, unit, tag) | {
        "position": None,
        "reporting_mode": "periodic",
        "interval_s": interval_s,
        "capture_mode": "automatic",
    }


def _by_hand(unit: str, shelf: str, tag: TagSpec) -> Json:
    return _tag(INCUBATOR_ROOM, unit, tag) | {
        "position": shelf,
        "reporting_mode": "manual",
        "interval_s": ROUND_INTERVAL_S,
        "capture_mode": "manual",
    }


def _change() -> Json:
    return {
        "name": CHANGE,
        "product": PRODUCT,
        "from": OLD,
        "to": NEW,
        "context_of_use": "Expansion of autologous T cells from activation to harvest in a closed bioreactor",
        "amt_designation": "AMT-DEMO-001",
        "reporting_category": "PAS",
        "regulatory_status": "submitted",
    }


def _specification_limits() -> list[Json]:
    return [
        {
            "process": process,
            "attribute": attribute,
            "kind": "specification_limit",
            "low": low,
            "high": high,
            "unit_of_measure": quality.ASSAYS[attribute].unit_of_measure,
            "source": "specification of the demo product, after limits published for CAR-T products",
        }
        for process in (OLD, NEW)
        for attribute, low, high in SPECIFICATIONS
    ]


def _approved_ranges() -> list[Json]:
    return [
        {
            "process": process,
            "tag": tag.name,
            "kind": "proven_acceptable_range",
            "low": tag.approved[0],
            "high": tag.approved[1],
            "unit_of_measure": tag.unit_of_measure,
            "source": "process characterisation of the demo product",
        }
        for process, tags in ((OLD, MANUAL_TAGS), (NEW, AUTOMATED_TAGS))
        for tag in tags
        if tag.approved is not None
    ]


def _sample(process: str, attribute: str, specimen: str, at_h: float) -> Json:
    due_h = at_h + DUE_AFTER_H.get(attribute, 48.0)
    return {"process": process, "attribute": attribute, "specimen": specimen, "at_h": at_h, "due_h": due_h}


def _correspondences() -> list[Json]:
    """What both measure comparably: temperature always, glucose and lactate while both cultures stand still."""
    old = {tag.name: tag for tag in MANUAL_TAGS}
    new = {tag.name: tag for tag in AUTOMATED_TAGS}
    matched: list[tuple[str, str | None]] = [("temperature", None)]
    matched += [(tag, phase) for tag in ("glucose", "lactate") for phase in ("activation", "transduction")]
    return [
        {
            "change": CHANGE,
            "tag_new": tag,
            "tag_old": tag,
            "measurand": new[tag].measurand,
            "sensor_principle_new": new[tag].principle,
            "sensor_principle_old": old[tag].principle,
            "phase": phase,
        }
        for tag, phase in matched
    ]
