"""Rules for points and runs of points, each by the name of its convention.

Every rule that is added brings false signals of its own: all eight of Nelson together one in 74 points, his first two
one in 217. The default is the first and one for shifts.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from enum import StrEnum

from analytics.methods.control import ControlLimits, Side, Signal

LONGEST = 15  # points that a rule looks back on, the newest included


class RunRule(StrEnum):
    """Nelson (1984) and Western Electric (1956), whose rules of the same number are others."""

    NELSON_1 = "nelson_1"  # a point beyond 3 sigma
    NELSON_2 = "nelson_2"  # nine in a row on one side of the centre
    NELSON_3 = "nelson_3"  # six in a row rising or falling: five steps, each in the same direction
    NELSON_4 = "nelson_4"  # fourteen in a row alternating: thirteen steps up and down in turn
    NELSON_5 = "nelson_5"  # two of three beyond 2 sigma on one side
    NELSON_6 = "nelson_6"  # four of five beyond 1 sigma on one side
    NELSON_7 = "nelson_7"  # fifteen in a row within 1 sigma
    NELSON_8 = "nelson_8"  # eight in a row beyond 1 sigma, on either side
    WESTERN_ELECTRIC_1 = "western_electric_1"  # as Nelson's first
    WESTERN_ELECTRIC_2 = "western_electric_2"  # as Nelson's fifth
    WESTERN_ELECTRIC_3 = "western_electric_3"  # as Nelson's sixth
    WESTERN_ELECTRIC_4 = "western_electric_4"  # eight in a row on one side of the centre


DEFAULT_RULES = (RunRule.NELSON_1, RunRule.NELSON_2)


def broken_rules(
    values: Sequence[float], limits: ControlLimits, rules: Sequence[RunRule] = DEFAULT_RULES
) -> tuple[Signal, ...]:
    """What the newest of these points signals, given those before it in order.

    A pattern is signalled at every point at which it holds, so that a lasting shift keeps signalling. A value on the
    centre line is on neither side, one on a limit is not beyond it, and two equal neighbours end a trend.

    >>> limits = ControlLimits(centre=0.0, sigma=1.0, n=20)
    >>> [signal.rule for signal in broken_rules([0.1] * 8 + [3.5], limits)]
    ['nelson_1', 'nelson_2']
    >>> broken_rules([0.1] * 8, limits)
    ()
    """
    if not values:
        return ()
    z = [(value - limits.centre) / limits.sigma for value in values[-LONGEST:]]
    found = []
    for rule in rules:
        pattern = _PATTERNS[rule](z)
        if pattern is not None:
            side, reach, points = pattern
            found.append(
                Signal(
                    rule=str(rule),
                    side=side,
                    statistic=values[-1],
                    limit=limits.centre + reach * limits.sigma,
                    points=points,
                )
            )
    return tuple(found)


def false_rate(rule: RunRule) -> float:
    """The share of points at which a rule signals in a process in control: independent, normal, limits known.

    >>> [round(false_rate(rule), 5) for rule in (RunRule.NELSON_1, RunRule.NELSON_2, RunRule.NELSON_3)]
    [0.0027, 0.00391, 0.00278]
    """
    return _FALSE_RATES[rule]


_Pattern = tuple[Side, float, int] | None  # side, the line that matters in sigma, points


def _beyond(reach: float, *, needed: int, of: int) -> Callable[[Sequence[float]], _Pattern]:
    def judge(z: Sequence[float]) -> _Pattern:
        window = z[-of:]
        if sum(value > reach for value in window) >= needed:
            return Side.ABOVE, reach, len(window)
        if sum(value < -reach for value in window) >= needed:
            return Side.BELOW, -reach, len(window)
        return None

    return judge


def _trend(z: Sequence[float]) -> _Pattern:
    if len(z) < 6:
        return None
    steps = [b - a for a, b in zip(z[-6:], z[-5:], strict=False)]
    if all(step > 0 for step in steps):
        return Side.ABOVE, 0.0, 6
    return (Side.BELOW, 0.0, 6) if all(step < 0 for step in steps) else None


def _alternating(z: Sequence[float]) -> _Pattern:
    if len(z) < 14:
        return None
    steps = [b - a for a, b in zip(z[-14:], z[-13:], strict=False)]
    turns = all(a * b < 0 for a, b in itertools.pairwise(steps))
    return (Side.NEITHER, 0.0, 14) if turns else None


def _hugging(z: Sequence[float]) -> _Pattern:
    near = len(z) >= 15 and all(abs(value) < 1.0 for value in z[-15:])
    return (Side.NEITHER, 1.0, 15) if near else None


def _shunning(z: Sequence[float]) -> _Pattern:
    far = len(z) >= 8 and all(abs(value) > 1.0 for value in z[-8:])
    return (Side.NEITHER, 1.0, 8) if far else None


def _tail(reach: float) -> float:
    return 0.5 * math.erfc(reach / math.sqrt(2.0))


def _any_of(reach: float, needed: int, of: int) -> float:
    """Chance that at least so many of a window lie beyond, on one side or the other (never on both: needed > of/2)."""
    p = _tail(reach)
    return 2.0 * math.fsum(math.comb(of, k) * p**k * (1 - p) ** (of - k) for k in range(needed, of + 1))


_PATTERNS: dict[RunRule, Callable[[Sequence[float]], _Pattern]] = {
    RunRule.NELSON_1: _beyond(3.0, needed=1, of=1),
    RunRule.NELSON_2: _beyond(0.0, needed=9, of=9),
    RunRule.NELSON_3: _trend,
    RunRule.NELSON_4: _alternating,
    RunRule.NELSON_5: _beyond(2.0, needed=2, of=3),
    RunRule.NELSON_6: _beyond(1.0, needed=4, of=5),
    RunRule.NELSON_7: _hugging,
    RunRule.NELSON_8: _shunning,
    RunRule.WESTERN_ELECTRIC_1: _beyond(3.0, needed=1, of=1),
    RunRule.WESTERN_ELECTRIC_2: _beyond(2.0, needed=2, of=3),
    RunRule.WESTERN_ELECTRIC_3: _beyond(1.0, needed=4, of=5),
    RunRule.WESTERN_ELECTRIC_4: _beyond(0.0, needed=8, of=8),
}
_ALTERNATING_OF_14 = 199_360_981  # alternating permutations of 14 that begin with a step up (André 1879)
_FALSE_RATES: dict[RunRule, float] = {
    RunRule.NELSON_1: 2.0 * _tail(3.0),
    RunRule.NELSON_2: 2.0**-8,
    RunRule.NELSON_3: 2.0 / math.factorial(6),
    RunRule.NELSON_4: 2.0 * _ALTERNATING_OF_14 / math.factorial(14),
    RunRule.NELSON_5: _any_of(2.0, 2, 3),
    RunRule.NELSON_6: _any_of(1.0, 4, 5),
    RunRule.NELSON_7: (1.0 - 2.0 * _tail(1.0)) ** 15,
    RunRule.NELSON_8: (2.0 * _tail(1.0)) ** 8,
    RunRule.WESTERN_ELECTRIC_1: 2.0 * _tail(3.0),
    RunRule.WESTERN_ELECTRIC_2: _any_of(2.0, 2, 3),
    RunRule.WESTERN_ELECTRIC_3: _any_of(1.0, 4, 5),
    RunRule.WESTERN_ELECTRIC_4: 2.0**-7,
}
