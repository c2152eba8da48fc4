"""Declared balances as a stored model holds them: formulas are their text."""

from collections.abc import Mapping
from typing import Any

from analytics.detectors.declared import FittedBalance
from analytics.fitted import fitted_from
from analytics.formula import Formula
from analytics.packing import Array
from analytics.template import Statistic


def balance_fields(part: FittedBalance) -> dict[str, Any]:
    """What of a balance is no array, for JSON."""
    return {
        "name": part.name,
        "accuses": part.accuses,
        "target": part.target.text,
        "explained_by": [formula.text for formula in part.explained_by],
        "statistic": str(part.statistic),
        "span_h": part.span_h,
        "smoothing_h": part.smoothing_h,
        "check": part.check,
    }


def balance_from(fields: Mapping[str, Any], arrays: Mapping[str, Array], prefix: str) -> FittedBalance:
    """The balance that `balance_fields` and `arrays_of` took apart. Raises KeyError or TypeError without a part."""
    read = {
        **fields,
        "target": Formula.parse(fields["target"]),
        "explained_by": tuple(Formula.parse(text) for text in fields["explained_by"]),
        "statistic": Statistic(fields["statistic"]),
    }
    return fitted_from(FittedBalance, read, arrays, prefix)
