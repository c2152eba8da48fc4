"""From scores to drift alerts: which channels are beyond their limits, and which episode that belongs to."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analytics.aligned import align_trajectory
from analytics.alignment import Path
from analytics.assay_watch import AssayWatch
from analytics.blind import BlindTimes
from analytics.cells import NEVER_US, ClosedCell
from analytics.context import Context
from analytics.detectors.assay import AssayDifference
from analytics.detectors.envelope import Envelope
from analytics.drift_course import DriftCourse
from analytics.episodes import AlertBook, Episode
from analytics.grid import Grid
from analytics.layers import STEP, build_layers, reach_of, sees_values
from analytics.packing import pack, unpack
from analytics.reference import ReferenceModel, Trajectory
from analytics.scored import ScoredCell
from analytics.segment import Bools, Floats, Int64s
from analytics.severity import drift_severity, graver
from analytics.sparse_judge import SparseJudge
from analytics.step_watch import ClosedBin, StepWatch
from analytics.sudden import Sudden
from store.model.alert import Alert, AlertKind, AlertSeverity
from store.model.plant import Tag
from store.model.times import US_PER_H

JOIN_H = 12.0  # a channel that follows within half a day belongs to the same episode
HOLD_H = 4.0  # an episode is over when every tag was within its limits and near the reference for this long
RECURS_H = 24.0  # what comes back within a day is one episode from then on: a rhythm of days has one cause
OUTSIDE_Z = 3.0
TELL_AGAIN = 1.25  # a score so much larger than last told is news


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
        self.path = Path(course.phases)
        self._envelope = Envelope(mean=course.mean, sd=course.sd, clip=course.clip, path=self.path)
        names_of_slots = [tag.name for tag in tags]
        self._layers = build_layers(course, grid, names_of_slots, self.path)
        self.assays = AssayWatch(
            course.assays,
            slots={name: slot for slot, name in enumerate(names_of_slots)},
            layers=[layer for layer in self._layers.values() if isinstance(layer, AssayDifference)],
            start_us=context.start_us,
            width_h=grid.width_h,
            path=self.path,
        )
        self.steps = StepWatch(
            course.steps if STEP in self._layers else None, start_us=context.start_us, lateness_us=context.lateness_us
        )
        self._names = tuple(self._layers)
        self._sparse = SparseJudge(reading=course.reading, tags=tags, context=context, book=book)
        self._sudden = Sudden(self._layers)
        self.course = DriftCourse(reference=reference, course=course, tags=tags, layers=self._layers, path=self.path)
        self._blind = BlindTimes(course.blind)
        self._active_us = np.full(len(tags), NEVER_US, np.int64)  # when a tag was last part of an open episode
        self.ratios = np.full(len(tags), np.nan)  # worst score over limit per tag at the last cell
        self.scored: list[ScoredCell] = []  # since somebody took them; no part of the state
        self._blind.begin(None, context.start_us)

    def phase(self, name: str, started_us: int) -> None:
        """A phase started: its declared blind time counts from it, and cells that close now are placed by it."""
        self._blind.begin(name, started_us)
        self.path.begin(name, started_us - self._context.start_us)

    def update(self, closed: ClosedCell) -> list[Alert]:
        """Score one closed cell and say what that changes. Scored before anything else learns of it."""
        self.path.close()
        place, told = self.path.at(closed.index), []
        if self._names and place < len(self._course.mean) and np.isfinite(self._course.mean[place]).any():
            told = self._sparse.closed(closed, place)
        return told + self._scored(closed)

    def _scored(self, closed: ClosedCell) -> list[Alert]:
        cell, end_us = closed.index, closed.end_us
        values = self._course.reading.judged(closed, self.path.at(cell))
        z = self._envelope.update(cell, values)
        scores = np.array(
            [layer.update(cell, values if sees_values(layer) else z) for layer in self._layers.values()]
        ).reshape(len(self._names), len(self._tags))
        self.course.add(values, z, scores)
        if not self._names:
            return []
        ratios, best_layer = self._compare()
        self.scored.append(
            ScoredCell.of(cell, end_us, ratios, tags=[tag.name for tag in self._tags], layers=self._names)
        )
        beyond = np.zeros(len(self._tags), np.bool_) if self._blind.cover(end_us) else self.ratios >= 1.0
        if not beyond.any() and not self._book.open:
            return []
        return self._tell(end_us, beyond, ~np.isnan(self.ratios), best_layer, ratios)

    def stepped(self, closed: ClosedBin) -> list[Alert]:
        """A bin closed: a sudden change is told at once and does not wait for the cell."""
        self.assays.take(closed.position + 1)  # what an alert says of samples must not depend on the segment
        judged = not self._blind.cover(closed.end_us)
        scores = self._sudden.note(closed, self.path.bin_at(closed.at, self.steps.width_us), judged=judged)
        ratios = np.abs(scores) / self.course.limits
        told = ratios >= 1.0  # what else is beyond was told with its cell, or is blind
        if not judged or not np.count_nonzero(told) or not self.course.values:
            return []
        beyond: Bools = told.any(axis=0)
        for slot in np.flatnonzero(beyond).tolist():
            self._sudden.tell(slot)
        with self.course.as_of_now(told, scores):
            _, best_layer = self._compare()
            return self._tell(closed.end_us, beyond, ~np.isnan(self.ratios), best_layer, np.where(told, ratios, -1.0))

    def _compare(self) -> tuple[Floats, Int64s]:
        """Scores over limits, (layers, tags), −1 where nothing is known, and the layer of each tag's largest."""
        ratios = np.abs(self.course.latest) / self.course.limits
        known = ~np.isnan(ratios)
        ratios = np.where(known, ratios, -1.0)
        self.ratios = np.where(known.any(axis=0), ratios.max(axis=0), np.nan)
        return ratios, np.argmax(ratios, axis=0)

    def to_bytes(self) -> bytes:
        """Layers, and the values of the closed cells, from which their z follow."""
        tags = len(self._tags)
        arrays = {f"layer {name}": np.frombuffer(layer.to_bytes(), np.uint8) for name, layer in self._layers.items()}
        return pack(
            "drift",
            5,
            {"blind": self._blind.to_fields(), "path": self.path.to_fields()},
            {
                **arrays,
                "assays": np.frombuffer(self.assays.to_bytes(), np.uint8),
                "steps": np.frombuffer(self.steps.to_bytes(), np.uint8),
                "sparse": np.frombuffer(self._sparse.to_bytes(), np.uint8),
                "values": np.array(self.course.values, np.float64).reshape(len(self.course.values), tags),
                "scores": np.array(self.course.scores, np.float64).reshape(
                    len(self.course.scores), len(self._names), tags
                ),
                "ratios": self.ratios,
                "active": self._active_us,
            },
        )

    def restore(self, data: bytes) -> None:
        """Take the state those bytes describe."""
        fields, arrays = unpack("drift", 5, data)
        self._blind.restore(fields["blind"])
        self.path.restore(fields["path"])
        self.course.values = list(arrays["values"])
        self.course.z = [self._envelope.update(cell, row) for cell, row in enumerate(self.course.values)]
        self.course.scores = list(arrays["scores"])
        self.ratios = arrays["ratios"]
        self._active_us = arrays["active"]
        self.assays.restore(arrays["assays"].tobytes())
        self.steps.restore(arrays["steps"].tobytes())
        self._sparse.restore(arrays["sparse"].tobytes())
        for name, layer in self._layers.items():
            layer.restore(arrays[f"layer {name}"].tobytes())

    def _tell(self, end_us: int, beyond: Bools, known: Bools, best_layer: Int64s, ratios: Floats) -> list[Alert]:
        told: list[Alert] = []
        fresh: dict[int, int] = {}  # the layer that tells, by slot
        for slot in np.flatnonzero(beyond).tolist():
            # An echo in one layer does not hide what another one sees now.
            layers = np.argsort(-ratios[:, slot], kind="stable").tolist()
            news = [layer for layer in layers if ratios[layer, slot] >= 1.0 and not self._echoes(slot, layer, end_us)]
            if news:
                fresh[slot] = news[0]
        for episode in self._book.of_kind(AlertKind.DRIFT):
            for slot in episode.slots:
                if beyond[slot] or abs(self.course.z[-1][slot]) >= OUTSIDE_Z:
                    episode.active_us[slot] = end_us
                    self._active_us[slot] = end_us
                fresh.pop(slot, None)
        for slot, layer in fresh.items():
            best_layer[slot] = layer
        if fresh:
            told.append(self._raise_or_join(end_us, sorted(fresh), best_layer))
        for episode in self._book.of_kind(AlertKind.DRIFT):
            quiet_since = end_us - round((RECURS_H if episode.recurring else HOLD_H) * US_PER_H)
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
        reach_h = reach_of(self._layers[self._names[layer]], slot, self._course.constants)
        return reach_h > 0.0 and end_us - int(self._active_us[slot]) <= round(reach_h * US_PER_H)

    def _raise_or_join(self, end_us: int, fresh: list[int], best_layer: Int64s) -> Alert:
        drifts = self._book.of_kind(AlertKind.DRIFT)
        recent = [episode for episode in drifts if end_us - episode.joined_us <= round(JOIN_H * US_PER_H)]
        if recent:
            episode = recent[-1]
            episode.slots += fresh
            episode.joined_us = end_us
            episode.active_us.update(dict.fromkeys(fresh, end_us))
            self._active_us[fresh] = end_us
            return self._describe(episode, best_layer)
        top = max(fresh, key=lambda slot: (self.ratios[slot], -slot))
        layer = int(best_layer[top])
        onset_us = self._cell_start_us(self.course.onset(top, layer))
        episode = Episode(
            alert=Alert(
                ordinal=self._book.next_ordinal(),
                kind=AlertKind.DRIFT,
                severity=AlertSeverity.LOW,
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
            recurring=any(end_us - int(self._active_us[slot]) <= round(RECURS_H * US_PER_H) for slot in fresh),
        )
        self._active_us[fresh] = end_us
        self._book.open.append(episode)
        return self._describe(episode, best_layer)

    def _describe(self, episode: Episode, best_layer: Int64s) -> Alert:
        """The alert as of now: every tag of the episode, the largest contribution first."""
        ratios = {slot: float(np.nan_to_num(self.ratios[slot])) for slot in episode.slots}
        order = sorted(episode.slots, key=lambda slot: (-ratios[slot], slot))
        top = order[0]
        layer = int(best_layer[top])
        score = abs(float(self.course.latest[layer, top]))
        limit = float(self.course.limits[layer, top])
        # What was once the beginning of an episode stays it, although the newest run of cells may be shorter.
        since_us = episode.alert.onset_us
        onset = min(self.course.onset(top, layer), (since_us - self._context.start_us) // self._reference.grid.width_us)
        alert = replace(
            episode.alert,
            severity=graver(
                episode.alert.severity,
                drift_severity(
                    layer=self._names[layer],
                    ratio=ratios[top],
                    distance_sd=float(np.nanmax(np.abs(self.course.z[-1][order]), initial=0.0)),
                    tags=len(order),
                ),
            ),
            detector=self._names[layer],
            tags=tuple(self._tags[slot].name for slot in order),
            score=score,
            limit=limit,
            sentence=self.course.sentence(order, onset, layer),
            contributions=self.course.contributions(ratios, layer),
            cells=self.course.evidence(order, best_layer),
        )
        episode.alert = alert
        episode.told_ratio = max(episode.told_ratio, ratios[top])
        return alert

    def _cell_start_us(self, cell: int) -> int:
        return self._context.start_us + cell * self._reference.grid.width_us
