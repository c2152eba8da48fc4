"""The bins of minutes on which an alert rests, as rows of its evidence."""

from collections.abc import Iterator
from dataclasses import asdict

from analytics.detectors.loop import Loop
from analytics.detectors.step import Step
from analytics.layers import LOOP, STEP, Layer
from store.model.times import US_PER_H

Row = dict[str, float | int | str]


def bins_seen(detector: Layer, slot: int, *, tag: str, limit: float, width_us: int) -> Iterator[Row]:
    """What a layer of bins last told of a slot; nothing for a layer of cells, of which `width_us` is the width.

    Of a sudden change nine bins: its score is the lesser excess of the last two. Of a jump in a loop one.
    """
    if isinstance(detector, Step):
        seen = detector.seen(slot)
        for one in seen:
            row = _row(tag, STEP, one.end_us, one.value, width_us)
            if one.change is not None:
                row |= asdict(one.change)
            if one is seen[-1]:
                row |= {"score": detector.score_told(slot), "limit": limit}
            yield row
    elif isinstance(detector, Loop):
        jump = detector.jump(slot)
        row = _row(tag, LOOP, jump.end_us, jump.value, width_us)
        row |= {"jump": jump.off, "jump_sd": jump.measured_sd, "answer_sd": jump.answer_sd}
        yield row | {"score": detector.score_told(slot), "limit": limit}


def _row(tag: str, layer: str, end_us: int, value: float, width_us: int) -> Row:
    return {
        "tag": tag,
        "cell": (end_us - 1) // width_us,
        "value": value,
        "layer": layer,
        "bin_end_h": end_us / US_PER_H,
    }
