"""From matched points to departure alerts: where this run leaves what the old process did."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analytics.aligned import align_points
from analytics.context import Context
from analytics.departures import ComparedPoint, Departure, departures_of, prediction_reach
from analytics.detectors.departure import MatchedPointWatch, PointScore
from analytics.episodes import AlertBook, Episode
from analytics.grid import Grid
from analytics.packing import pack, unpack
from analytics.plan import TagCorrespondence
from analytics.reference import ReferenceModel
from analytics.segment import Floats
from analytics.sentences import departure_sentence
from store.model.alert import Alert, AlertKind, AlertSeverity
from store.model.plant import Tag
from store.model.times import US_PER_H


class DepartureJudge:
    """One batch against the old process. An episode lasts from a point outside to the next point inside."""

    def __init__(
        self,
        *,
        reference: ReferenceModel,
        correspondences: Sequence[TagCorrespondence],
        tags: Sequence[Tag],
        grid: Grid,
        context: Context,
        book: AlertBook,
    ) -> None:
        if reference.points is None:
            raise ValueError("a reference of the old process needs matched points")
        names = {name: column for column, name in enumerate(reference.tags)}
        stands_for: dict[str, str] = {}  # old tags by new ones; a run compares a tag with one
        for item in correspondences:
            stands_for.setdefault(item.new_tag, item.old_tag)
        columns = [names.get(stands_for.get(tag.name, ""), -1) for tag in tags]
        points = align_points(reference.points, columns)
        self._phases_of = [
            {
                item.phase
                for item in correspondences
                if item.new_tag == tag.name and item.old_tag == stands_for[tag.name]
            }
            for tag in tags
        ]
        self._points = points
        self._digest = reference.digest.hex()
        self._tags = tags
        self._context = context
        self._book = book
        self._phases: list[tuple[int, str]] = []
        self._compared = np.zeros(len(tags), np.int64)
        self._inside = np.zeros(len(tags), np.int64)
        self._scores = np.full(points.mean.shape, np.nan)  # everything seen so far, for the statement at the end
        self._reach = prediction_reach(points.batches)
        self.compared: list[ComparedPoint] = []  # since somebody took them; no part of the state
        self._watch = MatchedPointWatch(
            hours=points.hours,
            half_window_h=points.half_window_h,
            mean=points.mean,
            sd=points.sd,
            width_h=grid.width_h,
        )

    def phase(self, name: str, started_us: int) -> None:
        """A phase started; correspondences that hold in it alone begin or end."""
        self._phases.append((started_us, name))
        self._phases.sort()

    def update(self, cell: int, end_us: int, values: Floats) -> list[Alert]:
        """Alerts of the points that became comparable with this cell."""
        told: list[Alert] = []
        for score in self._watch.update(cell, values):
            self._scores[score.point] = score.scores
            self._keep(score)
            for slot in np.flatnonzero(~np.isnan(score.scores)).tolist():
                if self._holds(slot, score.hour) and not np.isnan(self._points.limit[score.point, slot]):
                    told += self._judge(slot, score, end_us)
        return told

    def statement(self, ended_us: int) -> tuple[Departure, ...]:
        """How the batch lay to the old process, now that it has ended; phases and matches as they are known by then.

        A point so close to the end that no later cell closed it is compared with what there is around it.
        """
        points, ended_h = self._points, (ended_us - self._context.start_us) / US_PER_H
        reached = int(np.sum(points.hours <= ended_h))
        scores = self._scores[:reached].copy()
        for score in self._watch.pending(ended_h):
            scores[score.point] = score.scores
            self._keep(score)
        hours = points.hours[:reached]
        known = np.isfinite(points.mean[:reached]) & np.isfinite(points.sd[:reached])
        holds = np.array([[self._holds(slot, hour) for slot in range(len(self._tags))] for hour in hours.tolist()])
        return departures_of(
            phases=[self._phase_at(hour) for hour in hours.tolist()],
            tags=[tag.name for tag in self._tags],
            scores=scores,
            declared=(known & holds.reshape(known.shape)).astype(np.float64),
            reach=self._reach[:reached],
            hours=hours,
        )

    def to_bytes(self) -> bytes:
        """Counts, phases and the cells around the next point."""
        return pack(
            "departures",
            2,
            {"phases": self._phases},
            {
                "compared": self._compared,
                "inside": self._inside,
                "scores": self._scores,
                "watch": np.frombuffer(self._watch.to_bytes(), np.uint8),
            },
        )

    def restore(self, data: bytes) -> None:
        """Take the state those bytes describe."""
        fields, arrays = unpack("departures", 2, data)
        self._phases = [(us, name) for us, name in fields["phases"]]
        self._compared, self._inside = arrays["compared"], arrays["inside"]
        self._scores = arrays["scores"]
        self._watch.restore(arrays["watch"].tobytes())

    def _keep(self, score: PointScore) -> None:
        at, points = score.point, self._points
        known = np.flatnonzero(np.isfinite(points.mean[at]) & np.isfinite(points.sd[at])).tolist()
        if not known:
            return
        self.compared.append(
            ComparedPoint(
                point=at,
                at_us=self._context.start_us + round(score.hour * US_PER_H),
                tags=tuple(self._tags[slot].name for slot in known),
                values=_listed(score.values, known),
                expected=tuple(float(points.mean[at, slot]) for slot in known),
                sd=tuple(float(points.sd[at, slot]) for slot in known),
                reach=_listed(self._reach[at], known),
                limits=_listed(points.limit[at], known),
            )
        )

    def _holds(self, slot: int, hour: float) -> bool:
        stated = self._phases_of[slot]
        return None in stated or self._phase_at(hour) in stated

    def _phase_at(self, hour: float) -> str:
        """The phase of an hour, "" before the first."""
        at_us = self._context.start_us + round(hour * US_PER_H)
        begun = [name for started_us, name in self._phases if started_us <= at_us]
        return begun[-1] if begun else ""

    def _judge(self, slot: int, score: PointScore, end_us: int) -> list[Alert]:
        distance = abs(float(score.scores[slot]))
        limit = float(self._points.limit[score.point, slot])
        open_here = [episode for episode in self._book.of_kind(AlertKind.DEPARTURE) if slot in episode.slots]
        self._compared[slot] += 1
        point_us = self._context.start_us + round(score.hour * US_PER_H)
        if distance < limit:
            self._inside[slot] += 1
            return [self._book.end(episode, point_us) for episode in open_here]
        tag = self._tags[slot]
        mean, sd = float(self._points.mean[score.point, slot]), float(self._points.sd[score.point, slot])
        value = float(score.values[slot])
        evidence: dict[str, float | int | str] = {
            "tag": tag.name,
            "point": score.point,
            "hour": score.hour,
            "value": value,
            "z": float(score.scores[slot]),
            "score": distance,
            "limit": limit,
        }
        sentence = departure_sentence(
            tag=tag,
            value=value,
            expected=mean,
            sd=sd,
            hour=score.hour,
            batches=int(self._points.batches[score.point, slot]),
            inside=int(self._inside[slot]),
            compared=int(self._compared[slot]),
        )
        if open_here:
            episode = open_here[0]
            episode.alert = replace(
                episode.alert,
                score=distance,
                limit=limit,
                sentence=sentence,
                cells=(*episode.alert.cells, evidence),
            )
            return [episode.alert]
        alert = Alert(
            ordinal=self._book.next_ordinal(),
            kind=AlertKind.DEPARTURE,
            severity=AlertSeverity.LOW,
            detector="departure",
            tags=(tag.name,),
            raised_us=end_us,
            onset_us=point_us,
            phase_time_h=(end_us - self._context.start_us) / US_PER_H,
            score=distance,
            limit=limit,
            sentence=sentence,
            contributions=((tag.name, 1.0),),
            cells=(evidence,),
            reference_digest=self._digest,
            software=self._context.software,
        )
        self._book.open.append(Episode(alert=alert, slots=[slot], joined_us=end_us))
        return [alert]


def _listed(row: Floats, slots: Sequence[int]) -> tuple[float | None, ...]:
    """The values of some slots, None where nothing is known."""
    return tuple(float(row[slot]) if np.isfinite(row[slot]) else None for slot in slots)
