"""What a publisher of the campaign says, message by message, drawn by seed: mostly readings, and what goes wrong."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from store.model.times import US_PER_S, from_us

PREFIX = "batchwitness/v1"
SITE, AREA = "leiden", "hall"
UNITS = ("BR-01", "BR-02", "BR-03", "BR-04")
PROCESS = "AUTO-2.0"
TAGS = ("pH", "temperature", "dissolved_oxygen", "glucose", "lactate", "weight", "stirring", "gas", "feed", "heater")
APPROVED_HIGH = 39.0  # of the temperature; it is left now and then, so that there are alerts to compare
EXCURSION_EVERY, EXCURSION_LASTS = 300, 12  # in messages of a publisher
RESULTS_CORRECTED = 0.3
BOOT = 1


@dataclass(slots=True)
class Sent:
    """A message as it was said, and when the broker acknowledged it first, in seconds of the monotonic clock."""

    topic: str
    payload: bytes
    numbers: range = range(0)  # the sequence numbers its objects have
    acknowledged_s: float | None = None


class Speaker:
    """One publisher: its unit, its sequence numbers and its dice."""

    def __init__(self, number: int, *, seed: int, started_us: int, interval_us: int) -> None:
        self.name = f"edge-{number + 1}"
        self.unit = UNITS[number]
        self.batch = f"CT-{3001 + number}"
        self.seq = -1  # of the object said last
        self._dice = random.Random(f"{seed} {number}")
        self._started_us = started_us
        self._interval_us = interval_us
        self._said = 0
        self._recent: list[dict[str, object]] = []  # readings objects said lately
        self._results: list[dict[str, object]] = []
        kinds: list[tuple[Callable[[], Sent], float]] = [
            (self._readings, 88.0),
            (self._backlog, 3.0),
            (self._contradiction, 2.0),
            (self._repetition, 2.0),
            (self._intervention, 1.0),
            (self._result, 2.0),
            (self._rubbish, 2.0),
        ]
        self._kinds = [kind for kind, _ in kinds]
        self._weights = [weight for _, weight in kinds]

    def due(self, now_us: int) -> int:
        """How many messages are to be said at that time and have not been."""
        return (now_us - self._started_us) // self._interval_us - self._said

    def begin(self) -> Sent:
        """The start of the batch."""
        start: dict[str, object] = {
            "event": "unit_procedure_started",
            "batch": self.batch,
            "product": "CT-101",
            "process": PROCESS,
        }
        return self._counted(lambda: self._event(start))

    def say(self) -> Sent:
        """The next message. Its source time is when it was due, so a publisher that was held up says what it kept."""
        self._said += 1
        (kind,) = self._dice.choices(self._kinds, self._weights)
        return self._counted(kind)

    def _counted(self, kind: Callable[[], Sent]) -> Sent:
        before = self.seq
        sent = kind()
        sent.numbers = range(before + 1, self.seq + 1)
        return sent

    def _now_us(self) -> int:
        return self._started_us + self._said * self._interval_us

    def _numbered(self, body: dict[str, object]) -> dict[str, object]:
        self.seq += 1
        return body | {"publisher": self.name, "boot": BOOT, "seq": self.seq}

    def _sent(self, level: str, body: object, unit: str | None = None) -> Sent:
        payload = json.dumps(body, separators=(",", ":")).encode()
        return Sent(topic=f"{PREFIX}/{SITE}/{AREA}/{unit or self.unit}/{level}", payload=payload)

    def _values(self, offset_us: int = 0) -> dict[str, object]:
        values = {tag: round(self._dice.uniform(1.0, 40.0), 3) for tag in TAGS}
        out_of_range = self._said % EXCURSION_EVERY < EXCURSION_LASTS
        values["temperature"] = round(37 + self._dice.uniform(-0.5, 0.5) + (3.0 if out_of_range else 0.0), 3)
        return {"time": (self._now_us() + offset_us) // 1000, "values": values}

    def _readings(self) -> Sent:
        body = self._numbered(self._values())
        self._recent = [*self._recent[-50:], body]
        return self._sent("readings", body)

    def _backlog(self) -> Sent:
        thirds = (0, self._interval_us // 3, 2 * self._interval_us // 3)
        return self._sent("readings", [self._numbered(self._values(offset_us)) for offset_us in thirds])

    def _contradiction(self) -> Sent:
        """One other value for an instant that was said already."""
        if not self._recent:
            return self._readings()
        tag = self._dice.choice(TAGS)
        values = {tag: round(self._dice.uniform(41.0, 49.0), 3)}
        return self._sent(
            "readings", self._numbered({"time": self._dice.choice(self._recent)["time"], "values": values})
        )

    def _repetition(self) -> Sent:
        """The same values again, under a new number, as a gateway does that has lost its memory."""
        if not self._recent:
            return self._readings()
        again = self._dice.choice(self._recent)
        return self._sent("readings", self._numbered({"time": again["time"], "values": again["values"]}))

    def _event(self, body: dict[str, object]) -> Sent:
        return self._sent("events", self._numbered(body | {"time": _iso(self._now_us())}))

    def _intervention(self) -> Sent:
        kind = self._dice.choice(("intervention", "plant_alarm", "material_used"))
        return self._event({"event": kind, "batch": self.batch, "comment": f"{kind} {self._said}"})

    def _result(self) -> Sent:
        if self._results and self._dice.random() < RESULTS_CORRECTED:
            body = self._dice.choice(self._results) | {"status": "corrected"}
        else:
            body = {
                "result": f"{self.name}-{self._said}",
                "batch": self.batch,
                "attribute": "viability",
                "method": "NC-200",
                "unit_of_measure": "%",
                "measured_at": _iso(self._now_us()),
                "status": "final",
                "stated_by": "lab",
            }
        body |= {"value": f"{self._dice.uniform(80, 99):.4f}"}
        self._results = [*self._results[-20:], body]
        return self._sent("results", self._numbered(body))

    def _rubbish(self) -> Sent:
        good = self._values()
        values = good["values"]
        assert isinstance(values, dict)
        match self._dice.randrange(5):
            case 0:
                return self._sent("readings", self._numbered({"time": "2026-01-05T10:00:00", "values": {"pH": 7.0}}))
            case 1:
                return self._sent("readings", self._numbered(good | {"values": values | {"pH": "seven", "gas": None}}))
            case 2:
                return self._sent("readings", self._numbered(good | {"values": values | {"pH": float("nan")}}))
            case 3:
                return self._sent("readings", self._numbered(good), unit="BR-99")
            case _:
                whole = self._sent("readings", self._numbered(good))
                return Sent(topic=whole.topic, payload=whole.payload[: self._dice.randrange(1, len(whole.payload))])


def _iso(us: int) -> str:
    return from_us(us).isoformat()


def now_us() -> int:
    """Microseconds since 1970."""
    return int(datetime.now(UTC).timestamp() * US_PER_S)
