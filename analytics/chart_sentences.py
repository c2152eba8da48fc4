"""Alerts between batches in words: the rule, the batches, the limits, how seldom the rule errs, what to look at."""

from collections.abc import Sequence

from analytics.methods.chart_judge import Judged
from analytics.methods.chart_rules import CUSUM, EWMA, batches_a_false_signal
from analytics.methods.run_rules import RunRule

_ONE = "the result and how its sample was drawn, then what was other in this batch: lots, donor, equipment, people"
_SHIFT = "what has lasted since the first of these batches: a lot, a calibration, a method, a part, a recipe"
_CREEP = "what wears, ages or is used up from batch to batch"
_STREAMS = "whether two streams alternate here: two units, two analysts, two lots"
_SCATTER = "whether the limits still fit: they may rest on batches that scattered more, or values may be rounded"
CHECK = {
    RunRule.NELSON_1: _ONE,
    RunRule.NELSON_2: _SHIFT,
    RunRule.NELSON_3: _CREEP,
    RunRule.NELSON_4: _STREAMS,
    RunRule.NELSON_5: _SHIFT,
    RunRule.NELSON_6: _SHIFT,
    RunRule.NELSON_7: _SCATTER,
    RunRule.NELSON_8: _STREAMS,
    RunRule.WESTERN_ELECTRIC_1: _ONE,
    RunRule.WESTERN_ELECTRIC_2: _SHIFT,
    RunRule.WESTERN_ELECTRIC_3: _SHIFT,
    RunRule.WESTERN_ELECTRIC_4: _SHIFT,
    EWMA: _SHIFT,
    CUSUM: _SHIFT,
}
MOST_NAMED = 8  # batches; the alert's page shows all


def signal_sentence(
    *, told: Judged, limits: str, batches: Sequence[str], rules: Sequence[str], taken_back: Sequence[str], end: str
) -> str:
    """`told` is the signal told first; `batches` all that break a rule, oldest first; `rules` all that are broken."""
    rule = told.signal.rule
    parts = [f"{told.sentence}; in control this rule errs once in about {batches_a_false_signal(rule):.0f} batches"]
    if len(batches) > 1 or len(rules) > 1:
        which = f"{len(batches)} batches break a rule" if len(batches) > 1 else "it breaks several rules"
        parts.append(f"Since {batches[0]}, {which}: {_named(batches)} ({', '.join(rules)})")
    if taken_back:
        parts.append(f"By what is known now no longer {_named(taken_back)}")
    if end:
        parts.append(end)
    parts += [f"Judged by {limits}", f"Check {CHECK[rule]}"]
    return ". ".join(parts) + "."


def withdrawn_sentence(before: str) -> str:
    """Of an alert whose every signal was taken back; `before` is what it said."""
    return f"Withdrawn: by what is known now no rule is broken. It said: {before}"


def limits_in_words(*, version: int, kind: str, n: int) -> str:
    """Limits as a sentence names them.

    >>> limits_in_words(version=2, kind="long_term", n=44)
    'version 2 of the limits, long term, of 44 batches'
    """
    return f"version {version} of the limits, {kind.replace('_', ' ')}, of {n} batches"


def _named(batches: Sequence[str]) -> str:
    more = f" and {len(batches) - MOST_NAMED} earlier ones" if len(batches) > MOST_NAMED else ""
    return ", ".join(batches[-MOST_NAMED:]) + more
