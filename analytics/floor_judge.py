"""From excursions, silences and unusable readings to alerts: what needs no reference."""

from collections.abc import Sequence
from dataclasses import replace

from analytics.context import Context
from analytics.detectors.quality import Doubt
from analytics.detectors.ranges import Excursion, Spike
from analytics.detectors.silence import Hush
from analytics.episodes import AlertBook, Episode
from analytics.plan import ApprovedRange
from analytics.sentences import bad_sentence, range_sentence, silence_sentence, spike_sentence
from analytics.severity import graver, silence_severity
from store.model.alert import Alert, AlertKind, AlertSeverity
from store.model.plant import Tag
from store.model.times import US_PER_H

SPIKES_H = 24.0  # spikes of a tag are one episode until it has shown none for a day
KEPT_SPIKES = 20  # of an episode, the newest, as evidence


class FloorJudge:
    """Range, silence and quality episodes of one batch."""

    def __init__(
        self,
        *,
        tags: Sequence[Tag],
        ranges: Sequence[ApprovedRange],
        delays_us: Sequence[int],
        context: Context,
        book: AlertBook,
    ) -> None:
        """`ranges` are numbered as the excursions name them; `delays_us` is negative for tags that owe nothing."""
        self._tags = tags
        self._ranges = ranges
        self._slots = {tag.name: slot for slot, tag in enumerate(tags)}
        self._delays_us = delays_us
        self._context = context
        self._book = book

    def excursion(self, event: Excursion) -> list[Alert]:
        """An approved range was left or entered again. An episode's `joined_us` holds the number of its range."""
        if not event.left:
            return [
                self._book.end(episode, event.time_us)
                for episode in self._book.of_kind(AlertKind.RANGE)
                if episode.joined_us == event.bound
            ]
        approved = self._ranges[event.bound]
        slot = self._slots[approved.tag]
        low = float("-inf") if approved.low is None else approved.low
        high = float("inf") if approved.high is None else approved.high
        alert = Alert(
            ordinal=self._book.next_ordinal(),
            kind=AlertKind.RANGE,
            severity=AlertSeverity.HIGH,
            detector="range",
            tags=(approved.tag,),
            raised_us=event.time_us,
            onset_us=event.onset_us,
            phase_time_h=self._hours(event.time_us),
            score=event.value,
            limit=low if event.value < low else high,
            sentence=range_sentence(
                tag=self._tags[slot],
                value=event.value,
                low=low,
                high=high,
                kind=approved.kind.value,
                since_h=self._hours(event.onset_us),
            ),
            contributions=((approved.tag, 1.0),),
            cells=({"tag": approved.tag, "value": event.value, "range_version": approved.version},),
            software=self._context.software,
        )
        self._book.open.append(Episode(alert=alert, slots=[slot], joined_us=event.bound))
        return [alert]

    def spike(self, event: Spike) -> list[Alert]:
        """A single reading lay outside. An episode of spikes counts them in `joined_us`."""
        approved = self._ranges[event.bound]
        slot = self._slots[approved.tag]
        episode = next((one for one in self._of_quality("spike") if slot in one.slots), None)
        if episode is None:
            limit = approved.low if approved.low is not None and event.value < approved.low else approved.high
            assert limit is not None  # the reading lay beyond one of the two
            episode = self._doubtful("spike", slot, event.known_us, event.time_us, score=event.value, limit=limit)
        seen: dict[str, float | int | str] = {
            "tag": approved.tag,
            "hour": self._hours(event.time_us),
            "value": event.value,
        }
        episode.joined_us += 1
        episode.active_us[slot] = max(event.time_us, episode.active_us.get(slot, event.time_us))
        episode.alert = replace(
            episode.alert,
            sentence=spike_sentence(
                tag=self._tags[slot],
                readings=episode.joined_us,
                value=event.value,
                since_h=self._hours(episode.alert.onset_us),
                last_h=self._hours(event.time_us),
            ),
            cells=(*episode.alert.cells, seen)[-KEPT_SPIKES:],
        )
        return [episode.alert]

    def doubt(self, event: Doubt) -> list[Alert]:
        """A tag said for a while that its readings are bad, or was usable again."""
        told = [self._book.end(one, event.time_us) for one in self._of_quality("bad") if event.slot in one.slots]
        if not event.bad:
            return told
        episode = self._doubtful(
            "bad",
            event.slot,
            event.time_us,
            event.since_us,
            score=(event.time_us - event.since_us) / 1_000_000,
            limit=self._delays_us[event.slot] / 1_000_000,
        )
        sentence = bad_sentence(tag=self._tags[event.slot], since_h=self._hours(event.since_us))
        episode.alert = replace(episode.alert, sentence=sentence)
        return [*told, episode.alert]

    def calm(self, end_us: int) -> list[Alert]:
        """End the episodes of spikes whose tags have shown none for a day."""
        return [
            self._book.end(episode, last_us)
            for episode in self._of_quality("spike")
            for last_us in episode.active_us.values()
            if end_us - last_us >= round(SPIKES_H * US_PER_H)
        ]

    def hushes(self, events: Sequence[Hush]) -> list[Alert]:
        """Tags that fell silent or spoke again at one position of the journal."""
        told: list[Alert] = []
        for event in events:
            if not event.silent:
                told += self._spoke(event)
        fallen = [event for event in events if event.silent]
        if fallen:
            told.append(self._fell_silent(fallen))
        return told

    def _of_quality(self, detector: str) -> list[Episode]:
        return [one for one in self._book.of_kind(AlertKind.QUALITY) if one.alert.detector == detector]

    def _doubtful(
        self, detector: str, slot: int, raised_us: int, onset_us: int, *, score: float, limit: float
    ) -> Episode:
        """A quality episode of one tag begins; its sentence follows."""
        name = self._tags[slot].name
        alert = Alert(
            ordinal=self._book.next_ordinal(),
            kind=AlertKind.QUALITY,
            severity=AlertSeverity.LOW,
            detector=detector,
            tags=(name,),
            raised_us=raised_us,
            onset_us=onset_us,
            phase_time_h=self._hours(raised_us),
            score=score,
            limit=limit,
            sentence="",
            contributions=((name, 1.0),),
            software=self._context.software,
        )
        episode = Episode(alert=alert, slots=[slot], joined_us=0)
        self._book.open.append(episode)
        return episode

    def _fell_silent(self, fallen: Sequence[Hush]) -> Alert:
        onset_us = min(event.last_us for event in fallen)
        raised_us = max(event.time_us for event in fallen)
        for episode in self._book.of_kind(AlertKind.SILENCE):
            reach_us = max(self._delays_us[slot] for slot in [*episode.slots, *(e.slot for e in fallen)])
            if abs(onset_us - episode.alert.onset_us) <= reach_us:
                episode.slots += [event.slot for event in fallen if event.slot not in episode.slots]
                episode.active_us.update({event.slot: event.last_us for event in fallen})
                episode.alert = self._silence(episode.alert, episode.slots)
                return episode.alert
        first = fallen[0]
        blank = Alert(
            ordinal=self._book.next_ordinal(),
            kind=AlertKind.SILENCE,
            severity=AlertSeverity.MEDIUM,
            detector="silence",
            tags=(),
            raised_us=raised_us,
            onset_us=onset_us,
            phase_time_h=self._hours(raised_us),
            score=(raised_us - onset_us) / 1_000_000,
            limit=self._delays_us[first.slot] / 1_000_000,
            sentence="",
            software=self._context.software,
        )
        slots = [event.slot for event in fallen]
        episode = Episode(
            alert=self._silence(blank, slots),
            slots=slots,
            joined_us=raised_us,
            active_us={event.slot: event.last_us for event in fallen},
        )
        self._book.open.append(episode)
        return episode.alert

    def _spoke(self, event: Hush) -> list[Alert]:
        for episode in self._book.of_kind(AlertKind.SILENCE):
            if event.slot in episode.active_us:
                del episode.active_us[event.slot]
                if not episode.active_us:
                    episode.alert = self._silence(episode.alert, episode.slots, until_us=event.time_us)
                    return [self._book.end(episode, event.time_us)]
        return []

    def _silence(self, alert: Alert, slots: Sequence[int], *, until_us: int | None = None) -> Alert:
        tags = [self._tags[slot] for slot in slots]
        watched = sum(delay >= 0 for delay in self._delays_us)
        return replace(
            alert,
            severity=graver(alert.severity, silence_severity(silent=len(tags), watched=watched)),
            tags=tuple(tag.name for tag in tags),
            contributions=tuple((tag.name, 1.0 / len(tags)) for tag in tags),
            sentence=silence_sentence(
                tags=tags,
                watched=watched,
                since_h=self._hours(alert.onset_us),
                until_h=None if until_us is None else self._hours(until_us),
            ),
        )

    def _hours(self, us: int) -> float:
        return (us - self._context.start_us) / US_PER_H
