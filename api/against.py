"""What an alert's score and limit are, which differs by kind: a statistic, a value, a length of time, a distance."""

from dataclasses import dataclass
from typing import Literal, Self

from api.bins import IN_SD
from api.rendering import NOTHING, age, number
from store.model.alert import AlertKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """Score and limit as a person reads them; `measure` "none": the alert came from no measure."""

    measure: Literal["score", "value", "duration", "distance", "none"]
    score: str
    limit: str
    below: bool = False  # of a value: the limit is a low one

    @classmethod
    def of(cls, kind: str, detector: str, score: float, limit: float) -> Self:
        """For the layer that judges it.

        >>> Against.of("silence", "silence", 300.0, 120.0).words
        'for 5.0 min, an alert from 2.0 min on'
        >>> Against.of("quality", "spike", 0.2, 2.0).words
        'value 0.2 below the limit 2'
        """
        if detector in ("range", "spike"):
            return cls(measure="value", score=number(score, 4), limit=number(limit, 4), below=score < limit)
        if detector in ("silence", "bad", "sparse"):
            return cls(measure="duration", score=age(score), limit=age(limit))
        if kind == AlertKind.DEPARTURE:
            return cls(measure="distance", score=f"{number(score)} old SD", limit=number(limit))
        if detector in IN_SD:
            return cls(measure="score", score=f"{number(score, 4)} SD", limit=f"{number(limit, 4)} SD")
        if kind in (AlertKind.DRIFT, AlertKind.SIGNAL):
            return cls(measure="score", score=number(score, 4), limit=number(limit, 4))
        # A monitor that failed, a record that disagrees with its journal, an end that nobody stated.
        return cls(measure="none", score=NOTHING, limit=NOTHING)

    @property
    def words(self) -> str:
        """In words, "" where there is no measure."""
        match self.measure:
            case "value":
                return f"value {self.score} {'below' if self.below else 'above'} the limit {self.limit}"
            case "duration":
                return f"for {self.score}, an alert from {self.limit} on"
            case "distance":
                return f"{self.score} off, an alert from {self.limit} on"
            case "score":
                return f"score {self.score} against the limit {self.limit}"
            case "none":
                return ""

    @property
    def short(self) -> str:
        """For a column."""
        return NOTHING if self.measure == "none" else f"{self.score} / {self.limit}"
