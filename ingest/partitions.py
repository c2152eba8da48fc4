"""Static partitions of the plain topics: which worker's session at the broker gets what.

Each partition names units, as `site/area/unit` with `+` for any one level; everything that no partition names belongs
to the rest, which there always is. Partitions do not overlap, so each message has one place.
"""

from dataclasses import dataclass

from store.errors import SettingsContradict

ANY = "+"
LEVELS = 3  # site, area, unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One slot's share. Its name is its client id at the broker, its chain in the journal and its slot."""

    name: str
    filters: tuple[str, ...]  # topic filters at the broker

    def holds(self, topic: str) -> bool:
        """Whether a topic belongs here."""
        return any(matches(topic_filter, topic) for topic_filter in self.filters)


def partitions(stated: str, *, client_id: str, prefix: str) -> list[Partition]:
    """The rest, then the partitions in the order stated: units separated by commas, partitions by semicolons.

    Raises SettingsContradict for filters that are none, or that overlap.

    >>> [one.name for one in partitions("basel/hall/BR-01,basel/hall/BR-02;basel/ward/+", client_id="bw", prefix="p")]
    ['bw', 'bw-1', 'bw-2']
    """
    groups = [[unit.strip() for unit in group.split(",")] for group in stated.split(";")] if stated.strip() else []
    units = [unit for group in groups for unit in group]
    for number, unit in enumerate(units):
        levels = unit.split("/")
        if len(levels) != LEVELS or not all(level and "#" not in level for level in levels):
            raise SettingsContradict(f"BATCHWITNESS_INGEST_PARTITIONS: {unit!r} is not site/area/unit")
        for other in units[:number]:
            if _overlap(unit, other):
                raise SettingsContradict(f"BATCHWITNESS_INGEST_PARTITIONS: {other!r} and {unit!r} overlap")
    return [
        Partition(name=client_id, filters=(f"{prefix}/#",)),
        *(
            Partition(name=f"{client_id}-{number}", filters=tuple(f"{prefix}/{unit}/#" for unit in group))
            for number, group in enumerate(groups, start=1)
        ),
    ]


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a topic filter takes a topic (MQTT 5.0, 4.7).

    >>> matches("p/basel/+/BR-01/#", "p/basel/hall/BR-01/readings"), matches("p/basel/+/BR-01/#", "p/basel/hall/BR-1/x")
    (True, False)
    """
    wanted, given = topic_filter.split("/"), topic.split("/")
    for number, level in enumerate(wanted):
        if level == "#":
            return True
        if number >= len(given) or level not in {ANY, given[number]}:
            return False
    return len(wanted) == len(given)


def _overlap(one: str, other: str) -> bool:
    return all(a == b or ANY in (a, b) for a, b in zip(one.split("/"), other.split("/"), strict=True))
