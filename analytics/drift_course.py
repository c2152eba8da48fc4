"""What a batch did so far beside its reference, and what is said of it: onset, evidence and a sentence."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np

from analytics.alignment import Positions
from analytics.bin_evidence import bins_seen
from analytics.bin_sentences import OfBins, bin_sentence
from analytics.detectors.assay import AssayDifference
from analytics.detectors.balance import Balance
from analytics.detectors.components import Components
from analytics.detectors.declared import Declared
from analytics.detectors.maturity import Pace
from analytics.detectors.own_past import OwnPast
from analytics.layers import Layer
from analytics.reference import ReferenceModel, Rule, Trajectory
from analytics.segment import Bools, Floats, Int64s
from analytics.sentences import (
    assay_sentence,
    balance_sentence,
    components_sentence,
    declared_sentence,
    drift_sentence,
    own_past_sentence,
    pace_sentence,
)
from analytics.template import Statistic
from store.model.plant import Tag

EVIDENCE_CELLS = 6
ONSET_Z = 1.0
NAMED = 0.01  # the smallest share in a number of the batch that is told


class DriftCourse:
    """Values, z and the latest scores of the closed cells of one batch."""

    def __init__(
        self,
        *,
        reference: ReferenceModel,
        course: Trajectory,
        tags: Sequence[Tag],
        layers: Mapping[str, Layer],
        path: Positions,
    ) -> None:
        """`course` is the reference's trajectory with the columns of `tags`, `path` where the batch is on it."""
        self._path = path
        self._reference = reference
        self._course = course
        self._tags = tags
        self._layers = layers
        self._names = tuple(layers)
        self.limits = np.array([course.limits[name] for name in layers]).reshape(-1, len(tags))
        self.values: list[Floats] = []  # one row per closed cell
        self.z: list[Floats] = []
        self.scores: list[Floats] = []  # of the last few cells, (layers, tags)
        self._now: Floats | None = None

    @property
    def latest(self) -> Floats:
        """The scores of the last closed cell, (layers, tags), with what is newer than it while that is told."""
        return self.scores[-1] if self._now is None else self._now

    @contextmanager
    def as_of_now(self, told: Bools, scores: Floats) -> Iterator[None]:
        """While scores of the open cell, (layers, tags), are told. They are no part of the closed cell's evidence."""
        self._now = np.where(told, scores, self.scores[-1])
        try:
            yield
        finally:
            self._now = None

    def add(self, values: Floats, z: Floats, scores: Floats) -> None:
        """A cell closed."""
        self.values.append(values)
        self.z.append(z)
        self.scores = [*self.scores[-(EVIDENCE_CELLS - 1) :], scores]

    def last_z(self, slot: int) -> tuple[int, float, float] | None:
        """(cell, value, z) of the last closed cell that held a reading of this slot; None without one."""
        for cell in range(len(self.values) - 1, -1, -1):
            if not np.isnan(self.values[cell][slot]):
                return cell, float(self.values[cell][slot]), float(self.z[cell][slot])
        return None

    def sentence(self, order: list[int], onset: int, layer: int) -> str:
        """What an episode says of its tags, the first of `order` first; `layer` is the one that judges it."""
        top = order[0]
        detector = self._layers[self._names[layer]]
        others = [self._tags[slot] for slot in order[1:]]
        batches = len(self._reference.inputs)
        since_h = onset * self._reference.grid.width_h
        score = float(self.latest[layer, top])
        if isinstance(detector, AssayDifference):
            pair = next(pair for pair in self._course.assays if pair.checks == self._tags[top].name)
            run = detector.differences(top, 1.0 if score >= 0 else -1.0)
            usual = float(pair.sd[min(self._path.at(len(self.values) - 1), len(pair.sd) - 1)])
            return assay_sentence(
                tag=self._tags[top],
                assay=pair.assay,
                difference=usual * sum(scaled for _, scaled in run) / len(run),
                usual=usual,
                samples=len(run),
                since_h=run[0][0],
                others=others,
                batches=batches,
            )
        if isinstance(detector, Declared):
            balance = detector.balance_of(top)
            sums_up = balance.statistic is Statistic.SLOPE
            return declared_sentence(
                tag=self._tags[top],
                balance=balance.name,
                check=balance.check,
                span_h=balance.span_h,
                score=score,
                limit=float(self.limits[layer, top]),
                surplus=detector.surplus(len(self.values) - 1, top) if sums_up else None,
                since_h=since_h,
                others=others,
                batches=batches,
            )
        if isinstance(detector, OfBins):
            return bin_sentence(
                detector,
                top,
                tags=self._tags,
                since_h=since_h,
                score=score,
                limit=float(self.limits[layer, top]),
                others=others,
                batches=batches,
            )
        if isinstance(detector, Balance):
            return balance_sentence(
                tag=self._tags[top],
                surplus=detector.surplus(len(self.values) - 1, top),
                window_h=self._course.constants.balance_window_h,
                value=float(self.values[-1][top]),
                expected=float(self._course.mean[self._path.at(len(self.values) - 1)][top]),
                since_h=since_h,
                others=others,
                batches=batches,
            )
        if isinstance(detector, Components):
            return components_sentence(
                statistic=detector.distance,
                score=abs(score),
                limit=float(self.limits[layer, top]),
                since_h=since_h,
                driven_by=self._driven_by(detector),
                batches=batches,
            )
        if isinstance(detector, Pace):
            cell = len(self.values) - 1
            return pace_sentence(
                pace=detector.pace / detector.expected(cell),
                maturity=detector.maturity.position(cell),
                due=(self._path.at(cell) + 1) / len(self._course.mean),
                by_phases=self._course.phases is not None,
                score=score,
                limit=float(self.limits[layer, top]),
                since_h=since_h,
                told_by=self._driven_by(detector),
                batches=batches,
            )
        if isinstance(detector, OwnPast):
            at = self._path.at(len(self.values) - 1)
            mean, sd = (float(part[at][top]) for part in (self._course.mean, self._course.sd))
            return own_past_sentence(
                tag=self._tags[top],
                value=float(self.values[-1][top]),
                expected=mean + detector.foretold(top) * sd,
                score=score,
                limit=float(self.limits[layer, top]),
                since_h=since_h,
                others=others,
            )
        cells = [cell for cell in range(onset, len(self.values)) if not np.isnan(self.z[cell][top])]
        count = len(cells)
        value = sum(float(self.values[cell][top]) for cell in cells) / count
        places = [self._path.at(cell) for cell in cells]
        expected = sum(float(self._course.mean[at][top]) for at in places) / count
        sd = sum(float(self._course.sd[at][top]) for at in places) / count
        return drift_sentence(
            tag=self._tags[top],
            value=value,
            expected=expected,
            sd=sd,
            since_h=since_h,
            others=[(self._tags[slot], self._latest_z(slot)) for slot in order[1:]],
            batches=batches,
            advisory=self._reference.rule is Rule.PREDICTION_LIMITS,
        )

    def contributions(self, ratios: Mapping[int, float], layer: int) -> tuple[tuple[str, float], ...]:
        """The shares of tags in what is told, the largest first, of sum 1.

        `ratios` are the scores of the episode's slots over their limits; a number of the whole batch has shares of its
        own, of tags that are in no episode too.
        """
        detector = self._layers[self._names[layer]]
        if isinstance(detector, Components | Pace):
            return tuple((tag.name, share) for tag, share in self._driven_by(detector))
        total = sum(ratios.values()) or 1.0
        order = sorted(ratios, key=lambda slot: (-ratios[slot], slot))
        return tuple((self._tags[slot].name, ratios[slot] / total) for slot in order)

    def _driven_by(self, detector: Components | Pace) -> list[tuple[Tag, float]]:
        """The tags with their shares, the largest first, of sum 1."""
        shares = detector.shares().tolist()
        order = [slot for slot in sorted(range(len(shares)), key=lambda slot: -shares[slot]) if shares[slot] >= NAMED]
        order = order or [int(np.argmax(shares))]
        named = sum(shares[slot] for slot in order)
        return [(self._tags[slot], shares[slot] / named) for slot in order]

    def _latest_z(self, slot: int) -> float:
        last = self.last_z(slot)
        return 0.0 if last is None or np.isnan(last[2]) else last[2]

    def onset(self, slot: int, layer: int) -> int:
        """The first cell of the present run on one side of the reference, one cell of doubt forgiven."""
        sign = 1.0 if self.latest[layer, slot] >= 0 else -1.0
        last = len(self.z) - 1
        detector = self._layers[self._names[layer]]
        if isinstance(detector, Balance | Declared | Components | OwnPast | Pace):
            return detector.run_began(last, slot, sign)
        if isinstance(detector, AssayDifference):
            drawn_h = [hour for hour, _ in detector.differences(slot, sign)]
            return min(last, max(0, int(drawn_h[0] / self._reference.grid.width_h)))
        if isinstance(detector, OfBins):
            return detector.began_us(slot) // self._reference.grid.width_us
        first, doubtful = last, 0
        for cell in range(last, -1, -1):
            z = float(self.z[cell][slot])
            if np.isnan(z):
                continue
            if z * sign >= ONSET_Z:
                first, doubtful = cell, 0
            else:
                doubtful += 1
                if doubtful > 1:
                    break
        return first

    def evidence(self, order: list[int], best_layer: Int64s) -> tuple[dict[str, float | int | str], ...]:
        """The latest cells of the four worst tags, with what each layer said, and the bins of a sudden change."""
        last = len(self.values) - 1
        rows: list[dict[str, float | int | str]] = []
        for slot in order[:4]:
            layer = int(best_layer[slot])
            rows += bins_seen(
                self._layers[self._names[layer]],
                slot,
                tag=self._tags[slot].name,
                limit=float(self.limits[layer, slot]),
                width_us=self._reference.grid.width_us,
            )
            for back in range(len(self.scores) - 1, -1, -1):
                cell = last - back
                value, z = float(self.values[cell][slot]), float(self.z[cell][slot])
                score = float(self.scores[len(self.scores) - 1 - back][layer, slot])
                if np.isnan(value) or np.isnan(z) or np.isnan(score):
                    continue
                rows.append(
                    {
                        "tag": self._tags[slot].name,
                        "cell": cell,
                        "value": value,
                        "z": z,
                        "layer": self._names[layer],
                        "score": score,
                        "limit": float(self.limits[layer, slot]),
                    }
                )
        return tuple(rows)
