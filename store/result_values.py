"""What a laboratory's text says as a number: scientific notation, bounds, and how finely it was rounded."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from store.errors import PayloadRejected
from store.fields import finite, shown, text

NUMBER = re.compile(
    r"\s*(?P<bound><=|>=|[<>≤≥])?\s*"
    r"(?P<mantissa>[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+))"
    r"([eE](?P<exponent>[+-]?[0-9]{1,4})|\s*[x×*·]\s*10\s*(\^|\*\*)\s*(?P<power>[+-]?[0-9]{1,4}))?\s*"
)
BOUNDS = {"≤": "<=", "≥": ">="}


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A value as it was written and what can be calculated with."""

    text: str
    number: float | None  # None: the text is no number
    censored: str | None  # "<", "<=", ">" or ">=": the text states a bound
    step: float | None  # of the last digit written: 0.1 for "92.1", 1e12 for "1.2e13"


def read_value(object_: Mapping[str, object], field: str, *, path: str = "") -> Value:
    """The value in `field`: text, or a bare JSON number, which is kept as it prints. `path` precedes the field's name.

    Raises PayloadRejected naming the field and the value.
    """
    value = object_.get(field)
    if isinstance(value, int | float) and not isinstance(value, bool):
        finite(value, f"{path}{field}")
        return parse_value(repr(value))
    if isinstance(value, str):
        return parse_value(text(object_, field, path=path))
    raise PayloadRejected(
        "missing_field" if value is None else "wrong_type",
        f"{path}{field} must be text or a number, not {shown(value)}",
    )


def parse_value(written: str) -> Value:
    """What a text says. A comma is no decimal point: "0,5" stays a text.

    >>> parse_value("<0.5")
    Value(text='<0.5', number=0.5, censored='<', step=0.1)
    >>> parse_value("≤ 1.2×10^3").number, parse_value("≤ 1.2×10^3").censored
    (1200.0, '<=')
    >>> parse_value("no growth").number is None
    True
    """
    match = NUMBER.fullmatch(written)
    if match is None:
        return Value(text=written, number=None, censored=None, step=None)
    exact = Decimal(match["mantissa"]).scaleb(int(match["exponent"] or match["power"] or 0))
    number = float(exact)
    if abs(number) == float("inf"):
        return Value(text=written, number=None, censored=None, step=None)
    exponent = exact.as_tuple().exponent
    assert isinstance(exponent, int)
    bound = match["bound"]
    return Value(
        text=written,
        number=number,
        censored=BOUNDS.get(bound, bound),
        step=float(Decimal(1).scaleb(exponent)),
    )
