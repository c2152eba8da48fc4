"""log and exp from additions, multiplications and divisions alone.

A C library chooses other instructions for these on other processors, and then the last bit differs. IEEE 754 fixes the
result of the four operations, so what is built from them in a fixed order has the same bits everywhere. Within three
units in the last place of the true value.
"""

import math

LN2_HIGH = float.fromhex("0x1.62e42fefa0000p-1")  # 39 bits, so that its multiples by an exponent are exact
LN2_LOW = float.fromhex("0x1.cf79abc9e3b3ap-40")
LOG_TERMS = 12  # (√2 − 1)/(√2 + 1) to the 25th is below 2⁻⁶³
EXP_TERMS = 14  # (ln 2 / 2)¹⁵/15! is below 2⁻⁶²


def log(x: float) -> float:
    """The natural logarithm of a positive number; NaN for any other.

    >>> log(1.0), abs(log(10.0) - 2.302585092994046) < 1e-15
    (0.0, True)
    """
    if not x > 0.0 or math.isinf(x):
        return math.nan
    mantissa, exponent = math.frexp(x)
    if mantissa < 0.7071067811865476:
        mantissa, exponent = 2.0 * mantissa, exponent - 1
    # ln m = 2 artanh s, s = (m − 1)/(m + 1), as its series.
    s = (mantissa - 1.0) / (mantissa + 1.0)
    square = s * s
    total = 0.0
    for term in range(LOG_TERMS, 0, -1):
        total = square * (1.0 / (2 * term + 1) + total)
    return exponent * LN2_HIGH + (2.0 * s + (2.0 * s * total + exponent * LN2_LOW))


def exp(x: float) -> float:
    """E to the power x; 0 below −745, infinite above 709, NaN for NaN.

    >>> exp(0.0), abs(exp(1.0) - 2.718281828459045) < 1e-15
    (1.0, True)
    """
    if math.isnan(x):
        return math.nan
    if x > 709.0:
        return math.inf
    if x < -745.0:
        return 0.0
    multiple = round(x / (LN2_HIGH + LN2_LOW))
    rest = (x - multiple * LN2_HIGH) - multiple * LN2_LOW
    total = 1.0
    for term in range(EXP_TERMS, 0, -1):
        total = 1.0 + rest * total / term
    return math.ldexp(total, multiple)
