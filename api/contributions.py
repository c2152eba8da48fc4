"""What stood out while a drift lasted: over cells, and ranked over the episode as a whole.

A share is a share of the scores over their limits, of all tags that came near a limit or beyond it in a cell; each tag
counts with the layer in which it came nearest, so that what several layers see is not counted several times. Which
others came near is said of each tag and cell, and of the episode. It says where the monitor saw something, not what
caused it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection
from pydantic import BaseModel

from api.database import Row, rows
from api.overlay import hour_of
from store.model.score import NEAR
from store.sql import queries

Parts = dict[str, list[tuple[str, float]]]  # of a cell: layers and scores over limits of the tags that came near
NAMED = 4  # tags that the sentence names


class RankedLayer(BaseModel):
    """One layer of a tag over the cells of an episode."""

    layer: str
    near: int  # cells in which it came near its limit or beyond
    beyond: int
    largest: float  # score over limit
    largest_h: float


class RankedTag(RankedLayer):
    """One tag over the cells of an episode, by the layer that came nearest in each; `layer` gave the largest."""

    tag: str
    share: float  # of the sum over the episode; those of all tags sum to 1
    of_alert: bool  # whether the alert names it
    layers: list[RankedLayer]  # all that came near a limit, the one that came farthest first


class Contributions(BaseModel):
    """Shares by cell, `share[tag][cell]`, null where the tag was not near; those of a cell sum to 1.

    `layers[tag][cell]` names the layers of the tag that were near, the nearest first.
    """

    near: float
    from_h: float  # of the episode
    to_h: float
    cells: int  # of the episode
    counted: int  # of these with a tag near its limit or beyond
    hours: list[float]  # ends of the cells of the whole batch
    tags: list[str]  # in the order of `ranked`, then those that were near only at other times
    share: list[list[float | None]]
    layers: list[list[list[str]]]
    ranked: list[RankedTag]
    sentence: str


def read_contributions(
    connection: Connection, made: Row, *, run: int | None, tags: Sequence[str], onset: datetime, ended: datetime | None
) -> Contributions:
    """Of a drift in `tags` of the batch `made` by that run; from its onset to its end, or to the newest cell."""
    cells = rows(connection, queries("score")["of_batch"], {"batch_id": made["batch_id"], "run": run})
    hours = [hour_of(cell["ended_time"], made["started"]) for cell in cells]
    parts = [_parts(cell) for cell in cells]
    from_h = hour_of(onset, made["started"])
    to_h = hours[-1] if ended is None and hours else hour_of(ended or onset, made["started"])
    inside = [at for at, hour in enumerate(hours) if from_h < hour <= to_h]
    ranked = _ranked([(hours[at], parts[at]) for at in inside], tags)
    others = {tag for cell in parts for tag in cell} - {one.tag for one in ranked}
    names = [*(one.tag for one in ranked), *sorted(others)]
    counted = sum(bool(parts[at]) for at in inside)
    return Contributions(
        near=NEAR,
        from_h=from_h,
        to_h=to_h,
        cells=len(inside),
        counted=counted,
        hours=hours,
        tags=names,
        share=[[_share(cell, tag) for cell in parts] for tag in names],
        layers=[[[layer for layer, _ in cell.get(tag, ())] for cell in parts] for tag in names],
        ranked=ranked,
        sentence=_sentence(ranked, from_h, to_h, len(inside), counted, any_kept=bool(cells)),
    )


def _parts(cell: Row) -> Parts:
    told = [*zip(cell["tags"], cell["layer"], cell["ratio"], strict=True)]
    told += zip(cell["further_tag"], cell["further_layer"], cell["further_ratio"], strict=True)
    parts: Parts = {}
    for tag, layer, ratio in sorted(told, key=lambda one: -one[2]):
        if ratio >= NEAR:
            parts.setdefault(tag, []).append((layer, ratio))
    return parts


def _share(cell: Parts, tag: str) -> float | None:
    return _nearest(cell[tag]) / sum(map(_nearest, cell.values())) if tag in cell else None


def _nearest(layers: Sequence[tuple[str, float]]) -> float:
    return layers[0][1]


def _ranked(episode: Sequence[tuple[float, Parts]], tags: Sequence[str]) -> list[RankedTag]:
    total = sum(_nearest(layers) for _, cell in episode for layers in cell.values())
    found = []
    for name in {tag for _, cell in episode for tag in cell}:
        own = [(hour, *cell[name][0]) for hour, cell in episode if name in cell]
        by_layer: dict[str, list[tuple[float, str, float]]] = {}
        for hour, cell in episode:
            for layer, ratio in cell.get(name, ()):
                by_layer.setdefault(layer, []).append((hour, layer, ratio))
        layers = [RankedLayer(**_over(one)) for one in by_layer.values()]
        found.append(
            RankedTag(
                **_over(own),
                tag=name,
                share=sum(ratio for _, _, ratio in own) / total,
                of_alert=name in tags,
                layers=sorted(layers, key=lambda one: (-one.largest, one.layer)),
            )
        )
    return sorted(found, key=lambda one: (-one.share, one.tag))


def _over(scores: Sequence[tuple[float, str, float]]) -> dict[str, Any]:
    """What hours, layers and ratios come to over an episode."""
    largest_h, layer, largest = max(scores, key=lambda one: one[2])
    beyond = sum(ratio >= 1.0 for _, _, ratio in scores)
    return {"layer": layer, "near": len(scores), "beyond": beyond, "largest": largest, "largest_h": largest_h}


def _sentence(
    ranked: Sequence[RankedTag], from_h: float, to_h: float, cells: int, counted: int, *, any_kept: bool
) -> str:
    if not any_kept:
        return "No scores are kept of the run that raised this, so nothing can be said of the episode as a whole."
    when = f"From hour {from_h:.1f} to {to_h:.1f}"
    if not ranked:
        return f"{when} no tag came to {100 * NEAR:.0f} % of a limit."
    named = "; ".join(_words(one) for one in ranked[:NAMED])
    more = f"; {len(ranked) - NAMED} more" if len(ranked) > NAMED else ""
    return (
        f"{when} a tag stood at {100 * NEAR:.0f} % of a limit or beyond in {counted} of {cells} cells. Of the scores "
        f"over limits that did, added up over these cells: {named}{more}."
    )


def _words(one: RankedTag) -> str:
    whose = "" if one.of_alert else "not of this alert; "
    beyond = f"beyond its limit in {one.beyond} of {one.near} cells" if one.beyond else "never beyond its limit"
    return (
        f"{one.tag} {100 * one.share:.0f} % ({whose}{beyond}, at most at {100 * one.largest:.0f} % of it, at hour "
        f"{one.largest_h:.1f}, by {one.layer})"
    )
