"""What is said of the layers that see bins of minutes."""

from collections.abc import Sequence

from analytics.detectors.bin_memory import CLIP
from analytics.detectors.level import Level
from analytics.detectors.loop import Loop
from analytics.detectors.step import Step
from analytics.sentences import also_named, amount_of, as_sentence, direction, quantity, spoken
from store.model.plant import Tag
from store.model.times import US_PER_H

OfBins = Step | Loop | Level


def bin_sentence(
    detector: OfBins,
    slot: int,
    *,
    tags: Sequence[Tag],
    since_h: float,
    score: float,
    limit: float,
    others: Sequence[Tag],
    batches: int,
) -> str:
    """What was last told of a slot, beside `others`; `tags` are those of all slots, `score` and `limit` in SD."""
    tag = tags[slot]
    if isinstance(detector, Step):
        before, now = detector.levels(slot)
        return _step_sentence(
            tag=tag,
            before=before,
            now=now,
            at_h=detector.began_us(slot) / US_PER_H,
            alone=detector.is_alone(slot),
            score=score,
            limit=limit,
            others=others,
            batches=batches,
        )
    if isinstance(detector, Loop):
        return _loop_sentence(
            tag=tag,
            jump=detector.jump(slot).off,
            at_h=detector.began_us(slot) / US_PER_H,
            answered_by=[tag for tag in tags if tag.name in detector.answer_of(slot)],
            check=detector.check_of(slot),
            score=score,
            limit=limit,
            others=others,
            batches=batches,
        )
    held = detector.level(slot)
    return _level_sentence(
        tag=tag,
        level=held.level,
        expected=held.high if held.excess > 0 else held.low,
        since_h=since_h,
        score=score,
        limit=limit,
        others=others,
        batches=batches,
    )


def _step_sentence(
    *,
    tag: Tag,
    before: float,
    now: float,
    at_h: float,
    alone: bool,
    score: float,
    limit: float,
    others: Sequence[Tag],
    batches: int,
) -> str:
    """`before` and `now` are levels around `at_h`; `score` and `limit` are in SD of the tag's usual changes.

    `alone` says that it was judged because nothing else changed.
    """
    where = "while no other tag changed" if alone else "where the recipe does not change it"
    text = (
        f"{spoken(tag)} went from {quantity(before, tag)} to {quantity(now, tag)} at hour {at_h:.1f}, {where} "
        f"({_sd(score)} SD of its usual changes in {batches} batches, limit {limit:.1f})"
    )
    text += also_named(others)
    return as_sentence(f"{text}; look at its sensor first" if alone else text)


def _loop_sentence(
    *,
    tag: Tag,
    jump: float,
    at_h: float,
    answered_by: Sequence[Tag],
    check: str,
    score: float,
    limit: float,
    others: Sequence[Tag],
    batches: int,
) -> str:
    """`jump` is in the tag's unit; `answered_by` is what its controller moved; `score` is the lesser of both in SD."""
    by = quantity(float(f"{abs(jump):.2g}"), tag)
    text = (
        f"{spoken(tag)} jumped {'up' if jump > 0 else 'down'} by {by} at hour {at_h:.1f} and its "
        f"controller answered with {' and '.join(spoken(one) for one in answered_by)}, while no other tag changed "
        f"({_sd(score)} SD of both in {batches} batches, limit {limit:.1f}): the sensor may have jumped"
    )
    return as_sentence(f"{text}{also_named(others)}; check {check}")


def _level_sentence(
    *,
    tag: Tag,
    level: float,
    expected: float,
    since_h: float,
    score: float,
    limit: float,
    others: Sequence[Tag],
    batches: int,
) -> str:
    """`level` is that of the last bins, `expected` the nearest at which reference batches held the tag on average."""
    text = (
        f"{spoken(tag)} is held {amount_of(tag, level - expected, expected)} {direction(level - expected)} the "
        f"reference since hour {since_h:.1f} ({quantity(level, tag)} against {quantity(expected, tag)} expected, "
        f"{_sd(score)} SD of its level in {batches} batches, limit {limit:.1f})"
    )
    return as_sentence(f"{text}{also_named(others)}")


def _sd(score: float) -> str:
    """How large a score is; beyond the clip nobody knows.

    >>> _sd(-7.25), _sd(CLIP)
    ('7.2', 'at least 30.0')
    """
    return f"{'at least ' if abs(score) >= CLIP else ''}{abs(score):.1f}"
