"""From scores to drift alerts: which channels are beyond their limits, and which episode that belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analytics.aligned import align_trajectory
from analytics.assay_watch import AssayWatch
from analytics.cells import NEVER_US
from analytics.detectors.assay import AssayDifference
from analytics.detectors.balance import Balance
from analytics.detectors.declared import Declared
from analytics.detectors.envelope import Envelope
from analytics.episodes import AlertBook, Episode
from analytics.grid import Grid
from analytics.layers import build_layers, sees_values
from analytics.packing import pack, unpack
from analytics.reference import ReferenceModel, Rule, Trajectory
from analytics.segment import Bools, Floats, Int64s
from analytics.sentences import assay_sentence, balance_sentence, declared_sentence, drift_sentence
from analytics.template import Statistic
from store.model.alert import Alert, AlertKind
from store.model.plant import Tag
from store.model.times import US_PER_H

JOIN_H = 12.0  # a channel that follows within half a day belongs to the same episode
HOLD_H = 4.0  # an episode is over when every tag was within its limits and near the reference for this long
OUTSIDE_Z = 3.0
TELL_AGAIN = 1.25  # a score so much larger than last told is news
EVIDENCE_CELLS = 6
ONSET_Z = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What every alert of a batch carries."""

    start_us: int
    software: str


class DriftJudge:
    """Envelope, layers and limits of one batch against the reference of the new process."""

    def __init__(
        self, *, reference: ReferenceModel, tags: Sequence[Tag], grid: Grid, context: Context, book: AlertBook
    ) -> None:
        if reference.trajectory is None:
            raise ValueError("a reference of the new process needs a trajectory")
        if reference.grid != grid:
            raise ValueError("drift is judged on the reference's own grid")
        names = {name: column for column, name in enumerate(reference.tags)}
        course = align_trajectory(reference.trajectory, [names.get(tag.name, -1) for tag in tags])
        self._reference = reference
        self._digest = reference.digest.hex()
        self._tags = tags
        self._context = context
        self._book = book
        self._course: Trajectory = course
        self._envelope = Envelope(mean=course.mean, sd=course.sd, clip=course.clip)
        names_of_slots = [tag.name for tag in tags]
        self._layers = build_layers(course, grid, names_of_slots)
        self.assays = AssayWatch(
            course.assays,
            slots={name: slot for slot, name in enumerate(names_of_slots)},
            layers=[layer for layer in self._layers.values() if isinstance(layer, AssayDifference)],
            start_us=context.start_us,
            width_h=grid.width_h,
        )
        self._names = tuple(self._layers)
        self._limits = np.array([course.limits[name] for name in self._names]).reshape(-1, len(tags))
        self._values: list[Floats] = []  # one row per closed cell
        self._z: list[Floats] = []
        self._scores: list[Floats] = []  # of the last few cells, (layers, tags)
        self._blind: list[tuple[int, int]] = []
        self._active_us = np.full(len(tags), NEVER_US, np.int64)  # when a tag was last part of an open episode
        self.ratios = np.full(len(tags), np.nan)  # worst score over limit per tag at the last cell
        self._begin_blind(None, context.start_us)

    def phase(self, name: str, started_us: int) -> None:
        """A phase started; its declared blind time counts from it."""
        self._begin_blind(name, started_us)

    def last_z(self, slot: int) -> tuple[int, float, float] | None:
        """(cell, value, z) of the last closed cell that held a reading of this slot; None without one."""
        for cell in range(len(self._values) - 1, -1, -1):
            if not np.isnan(self._values[cell][slot]):
                return cell, float(self._values[cell][slot]), float(self._z[cell][slot])
        return None

    def update(self, cell: int, end_us: int, values: Floats) -> list[Alert]:
        """Score one closed cell and say what that changes. Scored before anything else learns of it."""
        z = self._envelope.update(cell, values)
        scores = np.array(
            [layer.update(cell, values if sees_values(layer) else z) for layer in self._layers.values()]
        ).reshape(len(self._names), len(self._tags))
        self._values.append(values)
        self._z.append(z)
        self._scores = [*self._scores[-(EVIDENCE_CELLS - 1) :], scores]
        if not self._names:
            return []
        ratios = np.abs(scores) / self._limits
        known = ~np.isnan(ratios)
        worst = np.where(known, ratios, -1.0)
        best_layer = np.argmax(worst, axis=0)
        largest = worst.max(axis=0)
        self.ratios = np.where(known.any(axis=0), largest, np.nan)
        blind = any(start < end_us <= until for start, until in self._blind)
        beyond = np.zeros(len(largest), np.bool_) if blind else largest >= 1.0
        if not beyond.any() and not self._book.open:
            return []
        return self._tell(end_us, beyond, known.any(axis=0), best_layer)

    def to_bytes(self) -> bytes:
        """Layers, and the values of the closed cells, from which their z follow."""
        tags = len(self._tags)
        arrays = {f"layer {name}": np.frombuffer(layer.to_bytes(), np.uint8) for name, layer in self._layers.items()}
        return pack(
            "drift",
            2,
            {"blind": self._blind},
            {
                **arrays,
                "assays": np.frombuffer(self.assays.to_bytes(), np.uint8),
                "values": np.array(self._values, np.float64).reshape(len(self._values), tags),
                "scores": np.array(self._scores, np.float64).reshape(len(self._scores), len(self._names), tags),
                "ratios": self.ratios,
                "active": self._active_us,
            },
        )

    def restore(self, data: bytes) -> None:
        """Take the state those bytes describe."""
        fields, arrays = unpack("drift", 2, data)
        self._blind = [(start, until) for start, until in fields["blind"]]
        self._values = list(arrays["values"])
        self._z = [self._envelope.update(cell, row) for cell, row in enumerate(self._values)]
        self._scores = list(arrays["scores"])
        self.ratios = arrays["ratios"]
        self._active_us = arrays["active"]
        self.assays.restore(arrays["assays"].tobytes())
        for name, layer in self._layers.items():
            layer.restore(arrays[f"layer {name}"].tobytes())

    def _begin_blind(self, phase: str | None, started_us: int) -> None:
        for part in self._course.blind:
            if part.phase == phase:
                self._blind.append((started_us, started_us + round(part.hours * US_PER_H)))

    def _tell(
        self,
        end_us: int,
        beyond: Bools,
        known: Bools,
        best_layer: Int64s,
    ) -> list[Alert]:
        told: list[Alert] = []
        fresh = {
            slot for slot in np.flatnonzero(beyond).tolist() if not self._echoes(slot, int(best_layer[slot]), end_us)
        }
        for episode in self._book.of_kind(AlertKind.DRIFT):
            for slot in episode.slots:
                if beyond[slot] or abs(self._z[-1][slot]) >= OUTSIDE_Z:
                    episode.active_us[slot] = end_us
                    self._active_us[slot] = end_us
                fresh.discard(slot)
        if fresh:
            told.append(self._raise_or_join(end_us, sorted(fresh), best_layer))
        for episode in self._book.of_kind(AlertKind.DRIFT):
            quiet_since = end_us - round(HOLD_H * US_PER_H)
            if all(known[slot] and episode.active_us[slot] <= quiet_since for slot in episode.slots):
                told.append(self._book.end(episode, max(episode.active_us.values())))
                continue
            ratio = (
                max(self.ratios[slot] for slot in episode.slots if known[slot])
                if any(known[slot] for slot in episode.slots)
                else 0.0
            )
            if ratio >= TELL_AGAIN * episode.told_ratio:
                told.append(self._describe(episode, best_layer))
        return told

    def _echoes(self, slot: int, layer: int, end_us: int) -> bool:
        """Whether a comparison over hours still reaches back into an episode of the tag that is over.

        What changed then and changed back would otherwise be told once more when the span leaves it.
        """
        detector = self._layers[self._names[layer]]
        match detector:
            case Declared():
                reach_h = detector.balance_of(slot).span_h + detector.balance_of(slot).smoothing_h
            case Balance():
                reach_h = self._course.constants.balance_window_h
            case _:
                return False
        return end_us - int(self._active_us[slot]) <= round(reach_h * US_PER_H)

    def _raise_or_join(self, end_us: int, fresh: list[int], best_layer: Int64s) -> Alert:
        drifts = self._book.of_kind(AlertKind.DRIFT)
        recent = [episode for episode in drifts if end_us - episode.joined_us <= round(JOIN_H * US_PER_H)]
        if recent:
            episode = recent[-1]
            episode.slots += fresh
            episode.joined_us = end_us
            episode.active_us.update(dict.fromkeys(fresh, end_us))
            return self._describe(episode, best_layer)
        top = max(fresh, key=lambda slot: (self.ratios[slot], -slot))
        layer = int(best_layer[top])
        onset_us = self._cell_start_us(self._onset(top, layer))
        episode = Episode(
            alert=Alert(
                ordinal=self._book.next_ordinal(),
                kind=AlertKind.DRIFT,
                detector=self._names[layer],
                tags=(self._tags[top].name,),
                raised_us=end_us,
                onset_us=onset_us,
                phase_time_h=(end_us - self._context.start_us) / US_PER_H,
                score=0.0,
                limit=0.0,
                sentence="",
                reference_digest=self._digest,
                software=self._context.software,
            ),
            slots=fresh,
            joined_us=end_us,
            active_us=dict.fromkeys(fresh, end_us),
        )
        self._book.open.append(episode)
        return self._describe(episode, best_layer)

    def _describe(self, episode: Episode, best_layer: Int64s) -> Alert:
        """The alert as of now: every tag of the episode, the largest contribution first."""
        ratios = {slot: float(np.nan_to_num(self.ratios[slot])) for slot in episode.slots}
        order = sorted(episode.slots, key=lambda slot: (-ratios[slot], slot))
        total = sum(ratios.values()) or 1.0
        top = order[0]
        layer = int(best_layer[top])
        score = abs(float(self._scores[-1][layer, top]))
        limit = float(self._limits[layer, top])
        # What was once the beginning of an episode stays it, although the newest run of cells may be shorter.
        since_us = episode.alert.onset_us
        onset = min(self._onset(top, layer), (since_us - self._context.start_us) // self._reference.grid.width_us)
        alert = replace(
            episode.alert,
            detector=self._names[layer],
            tags=tuple(self._tags[slot].name for slot in order),
            score=score,
            limit=limit,
            sentence=self._sentence(order, onset, layer),
            contributions=tuple((self._tags[slot].name, ratios[slot] / total) for slot in order),
            cells=self._evidence(order, best_layer),
        )
        episode.alert = alert
        episode.told_ratio = max(episode.told_ratio, ratios[top])
        return alert

    def _sentence(self, order: list[int], onset: int, layer: int) -> str:
        top = order[0]
        detector = self._layers[self._names[layer]]
        others = [self._tags[slot] for slot in order[1:]]
        batches = len(self._reference.inputs)
        since_h = onset * self._reference.grid.width_h
        score = float(self._scores[-1][layer, top])
        if isinstance(detector, AssayDifference):
            pair = next(pair for pair in self._course.assays if pair.checks == self._tags[top].name)
            run = detector.differences(top, 1.0 if score >= 0 else -1.0)
            cell = min(len(self._values), len(pair.sd)) - 1
            usual = float(pair.sd[cell])
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
                span_h=balance.span_h,
                score=score,
                limit=float(self._limits[layer, top]),
                surplus=detector.surplus(len(self._values) - 1, top) if sums_up else None,
                since_h=since_h,
                others=others,
                batches=batches,
            )
        if isinstance(detector, Balance):
            return balance_sentence(
                tag=self._tags[top],
                surplus=detector.surplus(len(self._values) - 1, top),
                window_h=self._course.constants.balance_window_h,
                value=float(self._values[-1][top]),
                expected=float(self._course.mean[len(self._values) - 1][top]),
                since_h=since_h,
                others=others,
                batches=batches,
            )
        cells = [cell for cell in range(onset, len(self._values)) if not np.isnan(self._z[cell][top])]
        count = len(cells)
        value = sum(float(self._values[cell][top]) for cell in cells) / count
        expected = sum(float(self._course.mean[cell][top]) for cell in cells) / count
        sd = sum(float(self._course.sd[cell][top]) for cell in cells) / count
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

    def _latest_z(self, slot: int) -> float:
        last = self.last_z(slot)
        return 0.0 if last is None or np.isnan(last[2]) else last[2]

    def _onset(self, slot: int, layer: int) -> int:
        """The first cell of the present run on one side of the reference, one cell of doubt forgiven."""
        sign = 1.0 if self._scores[-1][layer, slot] >= 0 else -1.0
        last = len(self._z) - 1
        detector = self._layers[self._names[layer]]
        if isinstance(detector, Balance | Declared):
            return detector.run_began(last, slot, sign)
        if isinstance(detector, AssayDifference):
            drawn_h = [hour for hour, _ in detector.differences(slot, sign)]
            return min(last, max(0, int(drawn_h[0] / self._reference.grid.width_h)))
        first, doubtful = last, 0
        for cell in range(last, -1, -1):
            z = float(self._z[cell][slot])
            if np.isnan(z):
                continue
            if z * sign >= ONSET_Z:
                first, doubtful = cell, 0
            else:
                doubtful += 1
                if doubtful > 1:
                    break
        return first

    def _evidence(self, order: list[int], best_layer: Int64s) -> tuple[dict[str, float | int | str], ...]:
        last = len(self._values) - 1
        rows: list[dict[str, float | int | str]] = []
        for slot in order[:4]:
            layer = int(best_layer[slot])
            for back in range(len(self._scores) - 1, -1, -1):
                cell = last - back
                value, z = float(self._values[cell][slot]), float(self._z[cell][slot])
                score = float(self._scores[len(self._scores) - 1 - back][layer, slot])
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
                        "limit": float(self._limits[layer, slot]),
                    }
                )
        return tuple(rows)

    def _cell_start_us(self, cell: int) -> int:
        return self._context.start_us + cell * self._reference.grid.width_us
