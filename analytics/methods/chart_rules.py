"""The rules a chart over batches may be judged by, and how seldom each errs in a process in control."""

from functools import cache
from typing import Final

from analytics.methods.cusum import DECISION, SLACK
from analytics.methods.ewma_chart import REACH, WEIGHT
from analytics.methods.run_length import cusum_run_length, ewma_run_length
from analytics.methods.run_rules import RunRule, false_rate

EWMA: Final = "ewma"
CUSUM: Final = "cusum"
EVERY_RULE: Final = (*(str(rule) for rule in RunRule), EWMA, CUSUM)
# Rules of a single batch outside its limits; all others tell of several batches together.
OF_ONE_BATCH: Final = frozenset({RunRule.NELSON_1, RunRule.WESTERN_ELECTRIC_1})


@cache
def batches_a_false_signal(rule: str) -> float:
    """Mean number of batches to a signal that means nothing: in control, independent, normal, limits known.

    >>> round(batches_a_false_signal("nelson_1")), round(batches_a_false_signal("cusum"))
    (370, 465)
    """
    if rule == EWMA:
        return ewma_run_length(0.0, weight=WEIGHT, reach=REACH)
    if rule == CUSUM:
        return cusum_run_length(0.0, slack=SLACK, decision=DECISION)
    return 1.0 / false_rate(RunRule(rule))
