"""From excursions and silences to alerts: what needs no reference."""

from collections.abc import Sequence
from dataclasses import replace

from analytics.detectors.ranges import Excursion
from analytics.detectors.silence import Hush
from analytics.drift_judge import Context
from analytics.episodes import AlertBook, Episode
from analytics.plan import ApprovedRange
from analytics.sentences import range_sentence, silence_sentence
from store.model.alert import Alert, AlertKind
from store.model.plant import Tag
from store.model.times import US_PER_H


class FloorJudge:
    """Range and silence episodes of one batch."""

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
        return replace(
            alert,
            tags=tuple(tag.name for tag in tags),
            contributions=tuple((tag.name, 1.0 / len(tags)) for tag in tags),
            sentence=silence_sentence(
                tags=tags,
                watched=sum(delay >= 0 for delay in self._delays_us),
                since_h=self._hours(alert.onset_us),
                until_h=None if until_us is None else self._hours(until_us),
            ),
        )

    def _hours(self, us: int) -> float:
        return (us - self._context.start_us) / US_PER_H
