"""From scores to drift alerts: which channels are beyond their limits, and which episode that belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analytics.aligned import align_trajectory
from analytics.detectors.balance import Balance
from analytics.detectors.envelope import Envelope
from analytics.episodes import AlertBook, Episode
from analytics.grid import Grid
from analytics.layers import BALANCE, build_layers
from analytics.packing import pack, unpack
from analytics.reference import ReferenceModel, Rule, Trajectory
from analytics.segment import Floats, Int64s
from analytics.sentences import balance_sentence, drift_sentence
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
        self._layers = build_layers(course, grid)
        self._names = tuple(self._layers)
        self._limits = np.array([course.limits[name] for name in self._names]).reshape(-1, len(tags))
        self._values: list[Floats] = []  # one row per closed cell
        self._z: list[Floats] = []
        self._scores: list[Floats] = []  # of the last few cells, (layers, tags)
        self._blind: list[tuple[int, int]] = []
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
            [layer.update(cell, values if name == BALANCE else z) for name, layer in self._layers.items()]
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
            1,
            {"blind": self._blind},
            {
                **arrays,
                "values": np.array(self._values, np.float64).reshape(len(self._values), tags),
                "scores": np.array(self._scores, np.float64).reshape(len(self._scores), len(self._names), tags),
                "ratios": self.ratios,
            },
        )

    def restore(self, data: bytes) -> None:
        """Take the state those bytes describe."""
        fields, arrays = unpack("drift", 1, data)
        self._blind = [(start, until) for start, until in fields["blind"]]
        self._values = list(arrays["values"])
        self._z = [self._envelope.update(cell, row) for cell, row in enumerate(self._values)]
        self._scores = list(arrays["scores"])
        self.ratios = arrays["ratios"]
        for name, layer in self._layers.items():
            layer.restore(arrays[f"layer {name}"].tobytes())

    def _begin_blind(self, phase: str | None, started_us: int) -> None:
        for part in self._course.blind:
            if part.phase == phase:
                self._blind.append((started_us, started_us + round(part.hours * US_PER_H)))

    def _tell(
        self,
        end_us: int,
        beyond: np.ndarray[tuple[int], np.dtype[np.bool_]],
        known: np.ndarray[tuple[int], np.dtype[np.bool_]],
        best_layer: Int64s,
    ) -> list[Alert]:
        told: list[Alert] = []
        fresh = set(np.flatnonzero(beyond).tolist())
        for episode in self._book.of_kind(AlertKind.DRIFT):
            for slot in episode.slots:
                if beyond[slot] or abs(self._z[-1][slot]) >= OUTSIDE_Z:
                    episode.active_us[slot] = end_us
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
        balance = self._layers[self._names[layer]]
        if isinstance(balance, Balance):
            return balance_sentence(
                tag=self._tags[top],
                surplus=balance.surplus(len(self._values) - 1, top),
                window_h=self._course.constants.balance_window_h,
                value=float(self._values[-1][top]),
                expected=float(self._course.mean[len(self._values) - 1][top]),
                since_h=onset * self._reference.grid.width_h,
                others=[self._tags[slot] for slot in order[1:]],
                batches=len(self._reference.inputs),
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
            since_h=onset * self._reference.grid.width_h,
            others=[(self._tags[slot], self._latest_z(slot)) for slot in order[1:]],
            batches=len(self._reference.inputs),
            advisory=self._reference.rule is Rule.PREDICTION_LIMITS,
        )

    def _latest_z(self, slot: int) -> float:
        last = self.last_z(slot)
        return 0.0 if last is None or np.isnan(last[2]) else last[2]

    def _onset(self, slot: int, layer: int) -> int:
        """The first cell of the present run on one side of the reference, one cell of doubt forgiven."""
        sign = 1.0 if self._scores[-1][layer, slot] >= 0 else -1.0
        last = len(self._z) - 1
        balance = self._layers[self._names[layer]]
        if isinstance(balance, Balance):
            return balance.run_began(last, slot, sign)
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
