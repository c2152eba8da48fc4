"""Replicates of a reportable result: kept below it, never results themselves, and checked against it by its rule."""

import math
import statistics
from collections.abc import Mapping, Sequence

from store.errors import PayloadRejected
from store.fields import optional_text, shown
from store.model.result import Replicate, ReportableRule
from store.result_values import Value, read_value

MOST_REPLICATES = 100  # of one result; more is not an assay but an export
RELATIVE_ERROR = 1e-9  # what calculating in another order may differ by


def read_replicates(given: object) -> tuple[Replicate, ...]:
    """The replicates of a result, in the laboratory's order. Raises PayloadRejected naming the field and the value."""
    if given is None:
        return ()
    if not isinstance(given, list) or len(given) > MOST_REPLICATES:
        raise PayloadRejected(
            "wrong_type", f"replicates must be an array of up to {MOST_REPLICATES} objects, not {shown(given)}"
        )
    return tuple(_replicate(one, f"replicates[{number}].") for number, one in enumerate(given))


def check_reportable(value: Value, replicates: Sequence[Replicate], rule: ReportableRule) -> None:
    """Refuse a reportable value that its rule does not give.

    The value may be rounded as it is written: by up to half a step of its last digit. Raises PayloadRejected naming
    both figures.
    """
    if rule is ReportableRule.DECLARED:
        return
    numbers = []
    for index, replicate in enumerate(replicates):
        if not replicate.valid:
            continue
        if replicate.value_number is None or replicate.censored is not None:
            raise PayloadRejected(
                "not_reportable",
                f"replicates[{index}].value {shown(replicate.value_text)} is no number, so there is no {rule} of it; "
                "a value that somebody judged is reportable: declared",
            )
        numbers.append(replicate.value_number)
    if not numbers:
        raise PayloadRejected("not_reportable", f"reportable is {rule}, and there is no valid replicate")
    if value.number is None or value.step is None or value.censored is not None:
        raise PayloadRejected("not_reportable", f"value {shown(value.text)} is no number, and reportable is {rule}")
    found = _calculated(numbers, rule)
    if abs(found - value.number) > value.step / 2 + RELATIVE_ERROR * abs(found):
        raise PayloadRejected(
            "not_reportable",
            f"value {value.text} is not the {rule} of its {len(numbers)} valid replicates, which is {found:.6g}",
        )


def _calculated(numbers: list[float], rule: ReportableRule) -> float:
    if rule is ReportableRule.MEDIAN:
        return statistics.median(numbers)
    if rule is ReportableRule.MEAN:
        # Halves first: the sum of two numbers can be too large for a float.
        return math.fsum(number / len(numbers) for number in numbers)
    if min(numbers) <= 0:
        raise PayloadRejected(
            "not_reportable", f"replicates hold {min(numbers):g}, and a geometric_mean is of positive numbers"
        )
    return math.exp(math.fsum(math.log(number) for number in numbers) / len(numbers))


def _replicate(given: object, path: str) -> Replicate:
    if not isinstance(given, Mapping):
        raise PayloadRejected("wrong_type", f"{path[:-1]} must be an object, not {shown(given)}")
    value = read_value(given, "value", path=path)
    valid = True if given.get("valid") is None else given.get("valid")
    if not isinstance(valid, bool):
        raise PayloadRejected("wrong_type", f"{path}valid must be true or false, not {shown(valid)}")
    reason = optional_text(given, "reason", path=path)
    if not valid and reason is None:
        raise PayloadRejected("missing_field", f"{path}reason is missing: a replicate that is not valid says why")
    return Replicate(
        value_text=value.text, value_number=value.number, censored=value.censored, valid=valid, reason=reason
    )
