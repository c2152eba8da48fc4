"""A server on the loopback that answers as the API has promised to: the columns of every flat route, two of each."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

T0_MS = 1_790_000_000_000
HOUR_MS = 3_600_000
FLOOR_TOKEN = "floor-token-of-this-test"
REVIEW_TOKEN = "review-token-of-this-test"

Row = dict[str, Any]

UNITS: list[Row] = [
    {
        "unit": unit, "area": "suite-1", "batch": batch, "process": "AUTO-2.0", "phase": phase, "state": state,
        "in_envelope": envelope, "data_until": until, "age_s": age, "open_alerts": alerts, "process_hour": hour,
        "worst_ratio": ratio, "worst_tag": tag, "process_version": "AUTO-2.0", "reference": "3f9a", "next_action": "",
    }
    for unit, batch, phase, state, envelope, until, age, alerts, hour, ratio, tag in (
        ("BR-1", "CT-2041", "expansion", "running", "in", T0_MS + HOUR_MS, 1.5, 0, 96.5, 0.4, "pH"),
        ("BR-2", "CT-2042", "expansion", "alert", "out", T0_MS + HOUR_MS, 1.5, 1, 90.0, 1.3, "dissolved_oxygen"),
        ("BR-3", None, None, "idle", "unknown", None, None, 0, None, None, None),
        ("BR-4", "CT-2043", "activation", "no_data", "unknown", T0_MS, 3_600.0, 1, 2.0, None, None),
    )
]  # fmt: skip
BATCHES: list[Row] = [
    {
        "batch": batch, "process": process, "role": role, "status": status, "unit": unit,
        "started": started, "ended": ended, "open_alerts": alerts,
    }
    for batch, process, role, status, unit, started, ended, alerts in (
        ("CT-1007", "MAN-1.0", "pre_change", "ended", "INC-3", T0_MS - 900 * HOUR_MS, T0_MS - 700 * HOUR_MS, 0),
        ("CT-2042", "AUTO-2.0", "post_change", "running", "BR-2", T0_MS - 90 * HOUR_MS, None, 1),
    )
]  # fmt: skip
TAGS: list[Row] = [
    {"tag": "dissolved_oxygen", "measurand": "dissolved oxygen", "unit_of_measure": "%"},
    {"tag": "pH", "measurand": "pH", "unit_of_measure": "1"},
]
STEPS = range(T0_MS - 3 * HOUR_MS, T0_MS, HOUR_MS)
ANSWERS: dict[str, list[Row]] = {
    "/grafana/floor/units": UNITS,
    "/grafana/floor/alerts": [
        {
            "time": T0_MS, "alert": 17, "unit": "BR-2", "batch": "CT-2042", "kind": "drift",
            "severity": "medium", "sentence": "dissolved_oxygen is low", "state": "raised",
            "next_action": "Check the gas supply",
        }
    ],
    "/grafana/floor/samples": [
        {
            "time": T0_MS, "batch": "CT-2042", "unit": "BR-2", "attribute": "endotoxin", "specimen": "S-9",
            "state": "overdue", "before_release": True, "sample_at": T0_MS - HOUR_MS, "overdue_h": 0.5,
        }
    ],
    "/grafana/batches": BATCHES,
    "/grafana/tags": TAGS,
    "/grafana/readings": [
        {"time": time, "tag": "pH", "value": 7.1, "minimum": 7.0, "maximum": 7.2, "corrected": 0} for time in STEPS
    ],
    "/grafana/overlay": [{"time": time, "value": 7.1, "center": 7.0, "lower": 6.9, "upper": 7.2} for time in STEPS],
    "/grafana/old-points": [{"time": T0_MS, "value": 7.1, "lower": 6.8, "upper": 7.3}],
    "/grafana/alerts": [
        {
            "time": T0_MS, "timeEnd": None, "title": "drift of dissolved_oxygen", "text": "low since hour 80",
            "tags": "drift,CT-2042", "alert": 17, "batch": "CT-2042", "unit": "BR-2", "kind": "drift",
            "severity": "medium", "state": "raised", "chart": None,
        },
        {
            "time": T0_MS, "timeEnd": T0_MS + HOUR_MS, "title": "signal · CT-2042", "text": "viability is low",
            "tags": "signal", "alert": 18, "batch": "CT-2041,CT-2042", "unit": None, "kind": "signal",
            "severity": "low", "state": "raised", "chart": 1,
        },
    ],
    "/grafana/charts": [
        {
            "chart": 1, "label": "AUTO-2.0 · viability", "process": "AUTO-2.0", "shows": "viability",
            "unit_of_measure": "%", "scale": "linear", "limits_version": 2, "limits_kind": "initial", "limits_n": 20,
            "drafts": 0, "batches": 24, "signals": 1, "data_until": T0_MS, "known_until": T0_MS, "failure": None,
        }
    ],
    "/grafana/chart-points": [
        {
            "time": time, "batch": "CT-2042", "value": 91.0, "value_text": "91.0", "phase_one": None, "signal": None,
            "lower": 86.0, "centre": 90.0, "upper": 94.0, "limits_version": 2, "rules": "", "corrected": False,
        }
        for time in STEPS
    ],
    "/grafana/chart-signals": [
        {
            "time": T0_MS, "batch": "CT-2042", "rule": "nelson_1", "sentence": "viability is low", "state": "holds",
            "limits_version": 2,
        }
    ],
    "/grafana/results": [
        {
            "time": T0_MS, "batch": "CT-2042", "attribute": "endotoxin", "value_text": "<0.5", "value_number": None,
            "unit_of_measure": "[EU]/mL", "status": "final", "known_at": T0_MS + HOUR_MS,
        }
    ],
}  # fmt: skip


@dataclass(slots=True)
class Contract:
    """The server's answers, which a test may change, and what it was asked."""

    url: str
    answers: dict[str, list[Row]]
    raw: dict[str, bytes] = field(default_factory=dict)  # bodies given instead, as they are
    asked: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)


@contextmanager
def serving_contract() -> Iterator[Contract]:
    """Serve on a free port of the loopback until the block ends."""
    contract = Contract(url="", answers=dict(ANSWERS))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            contract.asked.append((address.path, parse_qs(address.query)))
            token = FLOOR_TOKEN if address.path.startswith("/grafana/floor/") else REVIEW_TOKEN
            if address.path not in contract.answers:
                self.send_error(404)
            elif self.headers["Authorization"] != f"Bearer {token}":
                self.send_error(403)
            else:
                body = contract.raw.get(address.path, json.dumps(contract.answers[address.path]).encode())
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's word
            """Say nothing: requests are in `asked`."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        contract.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield contract
        finally:
            server.shutdown()
            thread.join()
