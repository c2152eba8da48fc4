"""Open alerts of one batch: one alert an episode, with a start, updates and an end."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from store.model.alert import Alert, AlertKind, AlertSeverity


@dataclass(slots=True, kw_only=True)
class Episode:
    """An alert that lasts, and what decides when it changes or ends."""

    alert: Alert  # as last told
    slots: list[int]  # tags in the order they joined
    joined_us: int  # when the newest of them did
    active_us: dict[int, int] = field(default_factory=dict)  # when each was last beyond its limit
    told_ratio: float = 0.0  # score over limit when last told
    recurring: bool = False  # one of its tags had been in an episode that ended shortly before it began


class AlertBook:
    """Numbers alerts in the order they are raised and keeps the open ones."""

    def __init__(self) -> None:
        self.raised = 0
        self.open: list[Episode] = []

    def next_ordinal(self) -> int:
        """The number of the alert about to be raised."""
        self.raised += 1
        return self.raised

    def of_kind(self, kind: AlertKind) -> list[Episode]:
        """Open episodes of a kind, oldest first."""
        return [episode for episode in self.open if episode.alert.kind is kind]

    def end(self, episode: Episode, ended_us: int) -> Alert:
        """Close an episode; the alert with its end."""
        self.open.remove(episode)
        return replace(episode.alert, ended_us=ended_us)

    def to_fields(self) -> dict[str, Any]:
        """JSON fields."""
        return {
            "raised": self.raised,
            "open": [
                {
                    "alert": asdict(episode.alert),
                    "slots": episode.slots,
                    "joined_us": episode.joined_us,
                    "active_us": sorted(episode.active_us.items()),
                    "told_ratio": episode.told_ratio,
                    "recurring": episode.recurring,
                }
                for episode in self.open
            ],
        }

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """The book those fields describe."""
        book = cls()
        book.raised = fields["raised"]
        for item in fields["open"]:
            book.open.append(
                Episode(
                    alert=alert_from(item["alert"]),
                    slots=list(item["slots"]),
                    joined_us=item["joined_us"],
                    active_us=dict(_pairs(item["active_us"])),
                    told_ratio=item["told_ratio"],
                    recurring=item["recurring"],
                )
            )
        return book


def alert_from(fields: dict[str, Any]) -> Alert:
    """An alert from the JSON form of `dataclasses.asdict`."""
    return Alert(
        **{
            **fields,
            "kind": AlertKind(fields["kind"]),
            "severity": AlertSeverity(fields["severity"]),
            "tags": tuple(fields["tags"]),
            "contributions": tuple((tag, share) for tag, share in fields["contributions"]),
            "cells": tuple(fields["cells"]),
        }
    )


def _pairs(items: Iterable[Iterable[int]]) -> list[tuple[int, int]]:
    return [(slot, us) for slot, us in items]
