"""A plant small enough to be understood at a glance, for tests of everything that is not the demo plant."""

from datetime import UTC, datetime
from typing import Any

import psycopg

from records.masterdata import load_masterdata

VALID_FROM = datetime(2020, 1, 1, tzinfo=UTC)
TOPIC = "batchwitness/v1/leiden/hall"  # /BR-01/readings


def document() -> dict[str, Any]:
    """One site, a bioreactor with one position, an incubator with two, two process versions and the change."""
    units = [
        {"site": "leiden", "area": "hall", "name": "BR-01", "kind": "bioreactor", "positions": ["A"]},
        {"site": "leiden", "area": "hall", "name": "BR-02", "kind": "bioreactor", "positions": ["A"]},
        {"site": "leiden", "area": "hall", "name": "INC-1", "kind": "incubator", "positions": ["A", "B"]},
    ]
    return {
        "sites": [{"name": "leiden", "timezone": "Europe/Amsterdam"}],
        "areas": [{"site": "leiden", "name": "hall"}],
        "units": [unit | {"commissioned": VALID_FROM.isoformat()} for unit in units],
        "tags": [
            *(_tag(unit, None, *tag) for unit in ("BR-01", "BR-02") for tag in BIOREACTOR_TAGS),
            *(_tag("INC-1", position, "glucose", "mmol/L", 0.0, 60.0) for position in ("A", "B")),
        ],
        "products": [{"name": "CT-101", "modality": "cell therapy"}],
        "processes": [
            {"product": "CT-101", "name": "MAN-1.0", "role": "pre_change", "description": "by hand"},
            {"product": "CT-101", "name": "AUTO-2.0", "role": "post_change", "description": "closed and automated"},
        ],
        "changes": [
            {
                "name": "switch",
                "product": "CT-101",
                "from": "MAN-1.0",
                "to": "AUTO-2.0",
                "context_of_use": "expansion of CT-101",
                "amt_designation": None,
                "reporting_category": "PAS",
                "regulatory_status": "internal",
            }
        ],
        "attributes": [
            {
                "product": "CT-101",
                "name": "viability",
                "kind": "release_test",
                "criticality": "critical",
                "scale": "linear",
                "measurand": "viable cells",
                "unit_of_measure": "%",
            }
        ],
        "limits": [],
        "sampling_plan": [],
        "correspondences": [],
    }


BIOREACTOR_TAGS = (
    ("pH", "[pH]", 0.0, 14.0),
    ("temperature", "Cel", 0.0, 60.0),
    ("dissolved_oxygen", "%", 0.0, 200.0),
    ("glucose", "mmol/L", 0.0, 60.0),
)


def plant(connection: psycopg.Connection) -> None:
    """Put the small plant into a database."""
    with connection.transaction():
        load_masterdata(connection, document(), by="test", reason="a plant to test with", effective_from=VALID_FROM)


def _tag(unit: str, position: str | None, name: str, unit_of_measure: str, low: float, high: float) -> dict[str, Any]:
    return {
        "site": "leiden",
        "area": "hall",
        "unit": unit,
        "position": position,
        "name": name,
        "measurand": name.replace("_", " "),
        "unit_of_measure": unit_of_measure,
        "physical_low": low,
        "physical_high": high,
        "reporting_mode": "manual" if position else "periodic",
        "interval_s": None if position else 600.0,
        "capture_mode": "manual" if position else "automatic",
    }
