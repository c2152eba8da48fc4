"""The statement of completeness adds up, and says what somebody counts who has only what was published."""

from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from store.model.times import to_us
from tests.fix_postgres import Database
from tests.store.record import Record, opened
from tests.working import work_off

START = datetime(2026, 1, 5, 8, 3, 20, tzinfo=UTC)
EVERY = timedelta(minutes=10)
NAMES = ("dissolved_oxygen", "glucose", "pH", "temperature")
HOURS = 30
READINGS = HOURS * 6
LOST = range(20, 23)  # by the broker, of all tags
BACKLOG = range(40, 50)  # kept by the gateway and sent later
AHEAD, AGAIN = 130, 100
SPOILED: tuple[tuple[str, Collection[int], object, str], ...] = (
    ("pH", range(70, 75), "left out", "tag_silent"),
    ("glucose", (90, 92), None, "quarantined"),
    ("pH", range(110, 116), "left out", "out_of_service"),
)


@pytest.fixture
def record(database: Database) -> Any:
    with opened(database) as one:
        yield one


def at(number: float) -> datetime:
    return START + number * EVERY


class Scenario:
    """What is published, what of it is lost or spoiled, and the same counted by hand."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.came: dict[str, list[tuple[int, float]]] = {name: [] for name in NAMES}  # number, seconds on its way
        self.missing: dict[str, Counter[str]] = {name: Counter() for name in NAMES}
        self.repeated: Counter[str] = Counter()
        self.conflicts: Counter[str] = Counter()

    def take(self, number: int, lag_s: float, body: dict[str, object]) -> None:
        """A message as it arrives."""
        received_us = to_us(at(number)) + round(lag_s * 1e6)
        self.record.take(("BR-01/readings", body), received_us=received_us)

    def message(self, number: int, **values: object) -> dict[str, object]:
        """All tags of one instant, numbered by the publisher."""
        every: dict[str, object] = dict.fromkeys(NAMES, 7.0 + number / 1000)
        return {
            "time": at(number).isoformat(),
            "values": {name: value for name, value in (every | values).items() if value != "left out"},
            "publisher": "edge-1",
            "boot": 1,
            "seq": number,
        }

    def play(self) -> None:
        """A batch of 30 hours."""
        started = {"event": "unit_procedure_started", "time": at(0).isoformat(), "batch": "CT-1", "process": "AUTO-2.0"}
        self.record.take(("BR-01/events", started))
        for number in range(READINGS):
            if number in LOST:
                for name in NAMES:
                    self.missing[name]["broker_loss"] += 1
            elif number not in BACKLOG:
                self.send(number, lag_s=-2.5 if number == AHEAD else 1.0 + (number % 7) / 10)
            if number == 55:
                for late in BACKLOG:
                    self.send(late, lag_s=(at(55) - at(late)).total_seconds() + 3.0)
        service = {"event": "out_of_service", "time": at(109.5).isoformat(), "tag": "pH"}
        self.record.take(("BR-01/events", service))
        self.record.take(("BR-01/events", service | {"event": "in_service", "time": at(115.5).isoformat()}))
        ended = {"event": "batch_ended", "time": at(READINGS).isoformat(), "batch": "CT-1"}
        self.record.take(("BR-01/events", ended))
        now_us = to_us(at(READINGS + 10))
        self.record.tick(now_us, host_us=now_us)

    def send(self, number: int, *, lag_s: float) -> None:
        """All tags of one instant as far as they are not spoiled; one message comes three times, once changed."""
        spoiled = {name: (value, cause) for name, numbers, value, cause in SPOILED if number in numbers}
        self.take(number, lag_s, self.message(number, **{name: value for name, (value, _) in spoiled.items()}))
        for name in NAMES:
            if name in spoiled:
                self.missing[name][spoiled[name][1]] += 1
            else:
                self.came[name].append((number, lag_s))
        if number == AGAIN:
            self.take(number, lag_s, self.message(number))
            self.take(number, lag_s, self.message(number, pH=1.5))
            self.repeated.update([*NAMES, *(name for name in NAMES if name != "pH")])
            self.conflicts["pH"] += 1


def test_ingest_4_the_statement_says_what_the_published_list_says(
    record: Record, database: Database, review: TestClient
) -> None:
    scenario = Scenario(record)
    scenario.play()
    work_off(database.dsn("analytics"))
    found = review.get("/v1/batches/CT-1/completeness").json()
    assert found["waiting"] == 0
    by_tag = {tag["tag"]: tag for tag in found["tags"]}
    for name in NAMES:
        tag, missing = by_tag[name], scenario.missing[name]
        not_owed = missing["out_of_service"]
        received = len(scenario.came[name])
        late = sum(way_s > 2 * 600 + 5 for _, way_s in scenario.came[name])
        assert tag["expected"] == READINGS - not_owed
        assert (tag["received"], tag["late"], tag["on_time"]) == (received, late, received - late)
        assert tag["missing"] == {cause: count for cause, count in missing.items() if cause != "out_of_service"}
        assert tag["not_owed"] == ({"out_of_service": not_owed} if not_owed else {})
        assert (tag["beyond"], tag["slower"], tag["received_not_owed"]) == (0, 0, 0)
        assert tag["repeated"] == scenario.repeated[name]
        assert tag["conflicts"] == scenario.conflicts[name]
        assert tag["out_of_order"] == 10
        assert tag["expected"] == tag["on_time"] + tag["late"] + sum(tag["missing"].values())
    total = found["total"]
    assert total["expected"] == sum(tag["expected"] for tag in found["tags"])
    assert total["expected"] == total["on_time"] + total["late"] + sum(total["missing"].values())
    lags = sorted(way_s for name in NAMES for _, way_s in scenario.came[name])
    told = found["lags"]["received"]
    assert (told["readings"], told["negative"]) == (len(lags), sum(lag < 0 for lag in lags))
    assert (told["least_s"], told["most_s"]) == (lags[0], lags[-1])
    for share, name in ((0.5, "p50_below_s"), (0.99, "p99_below_s")):
        exact = lags[-(-int(len(lags) * share * 100) // 100) - 1]
        assert exact < told[name] <= 1.1 * exact + 0.1
    in_short = review.get("/v1/batches/CT-1").json()["completeness"]
    came = sum(len(scenario.came[name]) for name in NAMES)
    assert (in_short["readings"], in_short["expected"]) == (came, total["expected"])
    assert (in_short["missing"], in_short["late"]) == (total["missing"], total["late"])
    assert in_short["received_share"] == came / total["expected"]
    assert in_short["worst_tag"] == min(NAMES, key=lambda name: len(scenario.came[name]) / by_tag[name]["expected"])
    page = review.get("/batches/CT-1/completeness")
    assert page.status_code == 200
    for sentence in found["sentences"]:
        assert sentence in page.text.replace("&#39;", "'")
    assert page.text.count('class="arrival broker_loss"') == len(NAMES) + 1  # one a tag, and the legend


def test_ingest_4_while_only_time_passed_since_the_statement_is_not_called_preliminary(
    record: Record, database: Database, review: TestClient
) -> None:
    Scenario(record).play()
    work_off(database.dsn("analytics"))
    record.tick(to_us(at(READINGS + 1)))
    assert review.get("/v1/batches/CT-1/completeness").json()["waiting"] == 0
    record.take(("BR-02/readings", {"time": at(1).isoformat(), "values": {"pH": 7.0}}))
    assert review.get("/v1/batches/CT-1/completeness").json()["waiting"] == 1


def test_tags_that_keep_another_interval_than_the_described_one_are_named_once(
    record: Record, database: Database, review: TestClient
) -> None:
    started = {"event": "unit_procedure_started", "time": at(0).isoformat(), "batch": "CT-1", "process": "AUTO-2.0"}
    record.take(("BR-01/events", started))
    for fifth in range(READINGS * 5):
        came: dict[str, object] = {"pH": 7.0}  # five times as often as described
        if fifth % 5 == 0:
            came["temperature"] = 37.0  # as described
        if fifth % 15 == 0:  # a third as often
            came |= {"glucose": 4.0, "dissolved_oxygen": 50.0}
        body = {"time": at(fifth / 5).isoformat(), "values": came}
        record.take(("BR-01/readings", body), received_us=to_us(at(fifth / 5)) + 1_000_000)
    ended = {"event": "batch_ended", "time": at(READINGS).isoformat(), "batch": "CT-1"}
    record.take(("BR-01/events", ended))
    record.tick(to_us(at(READINGS + 10)), host_us=to_us(at(READINGS + 10)))
    work_off(database.dsn("analytics"))
    found = review.get("/v1/batches/CT-1/completeness").json()
    kept = {tag["tag"]: tag["kept_interval_s"] for tag in found["tags"]}
    assert kept == {"dissolved_oxygen": 1800.0, "glucose": 1800.0, "pH": 120.0, "temperature": None}
    said = [sentence for sentence in found["sentences"] if "described as reporting" in sentence]
    assert len(said) == 2, "one for each mistake, however many tags make it"
    assert said[0].startswith("dissolved_oxygen, glucose: described as reporting every 600 s, came about every")


def test_nobody_reads_a_statement_without_a_role(anonymous: TestClient, floor: TestClient) -> None:
    assert floor.get("/v1/batches/CT-1/completeness").status_code == 403
    del anonymous.headers["Authorization"]
    assert anonymous.get("/v1/batches/CT-1/completeness").status_code == 401
