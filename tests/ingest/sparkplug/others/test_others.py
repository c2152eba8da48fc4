"""Edge nodes written by others, each with its own habits: what they publish is stored, exactly and once."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from records.masterdata import load_masterdata
from tests.architecture.source import ROOT
from tests.ingest.sparkplug.conftest import GROUP, Site
from tests.ingest.sparkplug.edge import T0_MS
from tests.plant import VALID_FROM, document
from tests.support import eventually, missing

HERE = Path(__file__).parent
PYTHON = ROOT / ".venv/edge/bin/python"
DEVICE = "EDGE-1"
LARGE = 2**53 - 1  # the largest integer that every client, and a column of doubles, holds exactly
BIRTH: list[tuple[str, str, Any]] = [
    ("Float", "Float", 0.5),
    ("Double", "Double", -0.1),
    ("Int8", "Int8", -5),
    ("Int16", "Int16", -300),
    ("Int32", "Int32", -70_000),
    ("Int64", "Int64", -LARGE),
    ("UInt8", "UInt8", 255),
    ("UInt16", "UInt16", 65_535),
    ("UInt32", "UInt32", 4_000_000_000),
    ("UInt64", "UInt64", LARGE),
    ("Boolean", "Boolean", True),
    ("String", "String", "réserve"),
    ("Null", "Double", None),
]
NUMBERS = [name for name, _, value in BIRTH if not isinstance(value, str) and value is not None]


def metric(name: str, type_: str, value: object, *, after_s: float, historical: bool = False) -> dict[str, Any]:
    """One metric as both clients are told it."""
    time_ms = T0_MS + round(after_s * 1000)
    return {"name": f"Made/{name}", "type": type_, "value": value, "time": time_ms, "historical": historical}


@dataclass(slots=True)
class Other:
    """An edge node of somebody else as a process, and everything it was told to publish."""

    process: "subprocess.Popen[str]"
    node: str
    published: dict[tuple[str, int], object] = field(default_factory=dict)  # by tag and source time in ms

    def tell(self, what: str, how: object = None) -> None:
        """Have it do something."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({what: how}) + "\n")
        self.process.stdin.flush()

    def publish(self, *metrics: dict[str, Any]) -> None:
        """Have it publish data of its device."""
        self.note(metrics)
        self.tell("data", metrics)

    def note(self, metrics: tuple[dict[str, Any], ...]) -> None:
        """Remember what has to be stored."""
        for one in metrics:
            tag = one["name"].rpartition("/")[2]
            if tag in NUMBERS:
                self.published[tag, one["time"]] = one["value"]


@contextmanager
def other(site: Site, command: list[str], *metrics: dict[str, Any]) -> Iterator[Other]:
    """Start it with the metrics that its device is born with."""
    node = f"other-{site.host_id}"
    with subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        edge = Other(process=process, node=node)
        edge.note(metrics)
        assert process.stdin is not None
        said = {
            "host": site.broker.host,
            "port": site.broker.port,
            "user": "plant",
            "password": site.broker.passwords.file("plant").read_text().strip(),
            "group": GROUP,
            "node": node,
            "device": DEVICE,
            "metrics": metrics,
        }
        process.stdin.write(json.dumps(said) + "\n")
        process.stdin.flush()
        try:
            yield edge
        finally:
            process.kill()


def npm() -> list[str]:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        missing("node and npm are not installed, so there is no edge node of sparkplug-client to test with")
    if not (HERE / "node_modules").is_dir():
        missing(f"sparkplug-client is not installed: npm ci --prefix {HERE.relative_to(ROOT)}, or make test")
    return [node, "edge.mjs"]


def python() -> list[str]:
    if not PYTHON.exists():
        missing("pysparkplug is not installed: make .venv/.edge, or make test")
    return [str(PYTHON), "edge.py"]


def known(site: Site) -> None:
    """A unit that has a tag for each datatype."""
    here: dict[str, Any] = {"site": "leiden", "area": "hall"}
    stated = document()
    unit = here | {"name": DEVICE, "kind": "skid", "positions": ["A"], "commissioned": VALID_FROM.isoformat()}
    tag = here | {"unit": DEVICE, "unit_of_measure": "1", "reporting_mode": "on_change", "capture_mode": "automatic"}
    tags = [
        tag | {"name": name, "measurand": name, "physical_low": None, "physical_high": None} for name, _, _ in BIRTH
    ]
    stated |= {"units": [*stated["units"], unit], "tags": [*stated["tags"], *tags]}
    with site.owner.transaction():
        load_masterdata(site.owner, stated, by="test", reason="a unit for others", effective_from=VALID_FROM)


def births(site: Site) -> int:
    count: int = site.ask("SELECT count(*) FROM edge_node_event WHERE kind = 'online' AND device IS NOT NULL")
    return count


def born(site: Site, times: int) -> None:
    """Wait until the device was born so many times."""
    eventually(lambda: births(site) == times, within_s=20, what=f"{times} births of the device")


def stored(site: Site) -> dict[tuple[str, int], object]:
    """Every reading by tag and source time in ms."""
    rows = site.rows(
        "SELECT tag.name, (extract(epoch FROM source_time) * 1000)::bigint, value FROM reading JOIN tag USING (tag_id)"
    )
    found = {(tag, time_ms): value for tag, time_ms, value in rows}
    assert len(found) == len(rows)
    return found


@pytest.mark.parametrize(
    ("client", "bd_seq"),
    [
        (npm, 0),  # it never counts its sessions
        (python, 3),  # it counts one more for each death that it says itself
    ],
)
def test_INGEST_4_what_an_edge_node_of_others_publishes_is_stored_exactly(
    site: Site, client: Callable[[], list[str]], bd_seq: int
) -> None:
    command = client()
    known(site)
    metrics = [metric(*stated, after_s=0) for stated in BIRTH]
    state = "SELECT state FROM edge_node"
    with site.host(), other(site, command, *metrics) as edge:
        born(site, 1)
        for second in range(1, 51):
            edge.publish(
                metric("Double", "Double", second / 7, after_s=second),
                metric("Int16", "Int16", -second, after_s=second),
                metric("Boolean", "Boolean", second % 2 == 0, after_s=second),
            )
        edge.publish(metric("UInt32", "UInt32", 7, after_s=-3600, historical=True))
        edge.tell("lose")
        edge.publish(metric("Int32", "Int32", -1, after_s=60))
        born(site, 2)  # it was asked for its births and answered
        edge.publish(metric("Int64", "Int64", LARGE, after_s=61))
        eventually(lambda: stored(site) == edge.published, what="what was published before the connection is cut")
        edge.tell("cut")
        born(site, 3)  # after its will, in a session of its own
        edge.publish(metric("UInt8", "UInt8", 0, after_s=62))
        edge.tell("end_device")
        eventually(lambda: site.ask("SELECT state FROM unit_edge_state") == "offline", what="the device is offline")
        assert site.ask(state) == "online"
        edge.process.kill()
        eventually(lambda: site.ask(state) == "offline", what="its will says that it is offline")
    assert site.ask("SELECT bd_seq FROM edge_node") == bd_seq
    assert stored(site) == edge.published
    assert len(edge.published) == len(NUMBERS) + 3 * 50 + 4
    assert site.rows("SELECT item, code FROM quarantine ORDER BY item") == [
        ("Made/Null", "null_value"),
        ("Made/String", "wrong_type"),
    ]
    assert site.rows("SELECT cause, messages FROM edge_gap") == [("sequence", 1)]
    sessions = site.rows(
        "SELECT kind FROM edge_node_event WHERE device IS NULL AND kind IN ('online', 'offline')"
        " ORDER BY edge_node_event_id"
    )
    assert [kind for (kind,) in sessions] == ["online", "online", "offline", "online", "offline"]


@pytest.mark.parametrize(
    ("client", "state"),
    [
        (npm, "offline"),
        # Its own words name its next session, and the broker says nothing because it went in order.
        (python, "online"),
    ],
)
def test_an_edge_node_of_others_that_leaves_in_order_is_offline_if_it_names_its_session(
    site: Site, client: Callable[[], list[str]], state: str
) -> None:
    command = client()
    known(site)
    with site.host(), other(site, command, metric("Double", "Double", 1.5, after_s=0)) as edge:
        born(site, 1)
        edge.tell("leave")
        offline = "SELECT count(*) FROM edge_node_event WHERE kind = 'offline' AND device IS NULL"
        noted = "SELECT count(*) FROM edge_node_event WHERE note LIKE 'other_death:%'"
        eventually(lambda: site.ask(offline) + site.ask(noted) == 1, what="its death was heard")
        assert site.ask("SELECT state FROM edge_node") == state
