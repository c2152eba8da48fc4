"""The bins of minutes on which an alert rests, as rows of its evidence."""

from collections.abc import Iterator
from dataclasses import asdict

from analytics.detectors.level import Level, SeenLevel
from analytics.detectors.loop import Loop
from analytics.detectors.step import Step
from analytics.layers import LEVEL, LOOP, STEP, Layer
from store.model.times import US_PER_H

Row = dict[str, float | int | str]


def bins_seen(detector: Layer, slot: int, *, tag: str, limit: float, width_us: int) -> Iterator[Row]:
    """What a layer of bins last told of a slot; nothing for a layer of cells, of which `width_us` is the width.

    Of a sudden change nine bins, of a level four: their scores are the lesser excess of the last two. Of a jump in a
    loop one.
    """
    if isinstance(detector, Step | Level):
        rows: list[Row] = []
        for one in detector.seen(slot):
            found = one.held if isinstance(one, SeenLevel) else one.change
            layer = STEP if isinstance(detector, Step) else LEVEL
            row = _row(tag, layer, one.began_us, one.end_us, one.value, width_us)
            rows.append(row if found is None else row | asdict(found))
        rows[-1] |= {"score": detector.score_told(slot), "limit": limit}
        yield from rows
    elif isinstance(detector, Loop):
        jump = detector.jump(slot)
        row = _row(tag, LOOP, jump.began_us, jump.end_us, jump.value, width_us)
        row |= {"jump": jump.off, "jump_sd": jump.measured_sd, "answer_sd": jump.answer_sd}
        row["answered_by"] = ", ".join(detector.answer_of(slot))
        yield row | {"score": detector.score_told(slot), "limit": limit}


def _row(tag: str, layer: str, began_us: int, end_us: int, value: float, width_us: int) -> Row:
    return {
        "tag": tag,
        "cell": (end_us - 1) // width_us,
        "value": value,
        "layer": layer,
        "bin_began_h": began_us / US_PER_H,
        "bin_end_h": end_us / US_PER_H,
    }
