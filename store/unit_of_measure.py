"""Convert values between UCUM units of measure of one kind, exactly: what is linear, and the two common temperatures.

UCUM drops what is counted: genomes, cells and colonies per mL are all `/mL`. So two units that convert into each other
here still may not be mixed where the measurands differ; whoever calls this has compared those first. A mole is a
dimension of its own here, although UCUM counts it as a number: mmol/L and mg/dL of glucose need a molar mass.

Source: The Unified Code for Units of Measure, Regenstrief Institute, version 2.1: grammar, prefixes, values of atoms.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cache
from math import gcd, lcm

from store.errors import InputInvalid

Dimensions = Mapping[str, int]  # base unit to exponent, none of them 0

PREFIXES = {
    "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
    "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24,
}  # fmt: skip
BASE = ("m", "s", "g", "rad", "K", "C", "cd", "mol")
ARBITRARY = ("[iU]", "[IU]", "[EU]", "[pH]", "[arb'U]", "[CFU]", "[PFU]", "[USP'U]")  # convert into nothing else
METRIC = {  # atoms that take prefixes, by their value in others
    "L": ("dm3", "1"), "l": ("dm3", "1"), "Hz": ("s-1", "1"), "N": ("kg.m/s2", "1"), "Pa": ("N/m2", "1"),
    "J": ("N.m", "1"), "W": ("J/s", "1"), "A": ("C/s", "1"), "V": ("J/C", "1"), "Ohm": ("V/A", "1"),
    "S": ("A/V", "1"), "F": ("C/V", "1"), "bar": ("Pa", "100000"), "kat": ("mol/s", "1"), "U": ("umol/min", "1"),
    "cal": ("J", "4.184"), "osm": ("mol", "1"), "eq": ("mol", "1"), "Bq": ("s-1", "1"), "Gy": ("J/kg", "1"),
    "t": ("kg", "1000"), "m[Hg]": ("kPa", "133.3220"), "m[H2O]": ("kPa", "9.80665"), "st": ("m3", "1"),
    "lm": ("cd", "1"), "lx": ("lm/m2", "1"),
}  # fmt: skip
OTHERS = {  # atoms that take none
    "%": ("10*-2", "1"), "[ppth]": ("10*-3", "1"), "[ppm]": ("10*-6", "1"), "[ppb]": ("10*-9", "1"),
    "min": ("s", "60"), "h": ("min", "60"), "d": ("h", "24"), "wk": ("d", "7"), "atm": ("Pa", "101325"),
    "[psi]": ("[lbf_av]/[in_i]2", "1"), "[lbf_av]": ("[lb_av].m/s2", "9.80665"), "[lb_av]": ("g", "453.59237"),
    "[oz_av]": ("[lb_av]", "0.0625"), "[in_i]": ("cm", "2.54"), "[ft_i]": ("[in_i]", "12"),
    "[gal_us]": ("[in_i]3", "231"), "[foz_us]": ("[gal_us]", "0.0078125"), "[in_i'H2O]": ("m[H2O]", "0.0254"),
    "[in_i'Hg]": ("m[Hg]", "0.0254"),
}  # fmt: skip
OFFSETS = {"Cel": (Fraction(1), Fraction("273.15")), "[degF]": (Fraction(5, 9), Fraction("459.67") * Fraction(5, 9))}
TOKEN = re.compile(
    r"(?P<annotation>\{[^{}]*\})|(?P<ten>10[*^](?P<power>[+-]?\d+)?)|(?P<number>\d+(?![\d*^]))"
    r"|(?P<atom>(?:[A-Za-z%'\"_]|\[[^\[\]]*\])+)(?P<exponent>[+-]?\d+)?|(?P<sign>[./()])"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """value × times / over + plus / over, computed in decimals and rounded once."""

    times: int
    plus: int
    over: int

    def __call__(self, value: float) -> float:
        """The value in the other unit of measure.

        >>> conversion("[degF]", "Cel")(98.6)
        37.0
        """
        return float((Decimal(repr(value)) * self.times + self.plus) / self.over)


@cache
def conversion(given: str, wanted: str) -> Conversion:
    """How values in `given` become values in `wanted`. Raises InputInvalid for units of different kinds.

    >>> conversion("mmol/L", "mol/m3")(5.5)
    5.5
    """
    source, target = _unit(given), _unit(wanted)
    if source.dimensions != target.dimensions:
        raise InputInvalid(f"{given} and {wanted} are units of different kinds: nothing converts one into the other")
    factor = source.factor / target.factor
    offset = (source.offset - target.offset) / target.factor
    over = lcm(factor.denominator, offset.denominator)
    times, plus = int(factor * over), int(offset * over)
    shared = gcd(times, plus, over)
    return Conversion(times=times // shared, plus=plus // shared, over=over // shared)


@dataclass(frozen=True, slots=True)
class _Unit:
    """Base units = value × factor + offset."""

    factor: Fraction
    dimensions: Dimensions = field(default_factory=dict)
    offset: Fraction = Fraction(0)

    def times(self, other: "_Unit", power: int = 1) -> "_Unit":
        if other.offset or (self.offset and (other.dimensions or other.factor != 1)):
            raise InputInvalid("Cel and [degF] have no part in products: use K")
        exponents = dict(self.dimensions)
        for base, exponent in other.dimensions.items():
            exponents[base] = exponents.get(base, 0) + exponent * power
        return _Unit(
            self.factor * other.factor**power, {base: power for base, power in exponents.items() if power}, self.offset
        )


ONE = _Unit(Fraction(1))


def _unit(text: str) -> _Unit:
    try:
        unit, end = _term(text, 0)
    except RecursionError:
        end = -1
    if end != len(text) or not text:
        raise InputInvalid(f"{text!r} is no UCUM unit of measure that is known here")
    return unit


def _term(text: str, at: int) -> tuple[_Unit, int]:
    """A product of components from `at` on, and where it ends."""
    unit, power, expected = ONE, 1, True
    while at < len(text) and text[at] != ")":
        token = TOKEN.match(text, at)
        if token is None:
            break
        if token["sign"] in (".", "/"):
            if expected and not (token["sign"] == "/" and at == 0):
                break
            power, expected, at = (-1 if token["sign"] == "/" else 1), True, token.end()
            continue
        if not expected and token["annotation"] is None:
            break
        if token["sign"] == "(":
            component, at = _term(text, token.end())
            if text[at : at + 1] != ")":
                break
            at += 1
        else:
            component, at = _component(token), token.end()
        unit = component if unit is ONE and power == 1 else unit.times(component, power)
        expected = False
    return (unit, at) if not expected else (unit, -1)


def _component(token: re.Match[str]) -> _Unit:
    if token["annotation"] is not None:
        return ONE
    if token["ten"] is not None:
        return _Unit(Fraction(10) ** int(token["power"] or 1))
    if token["number"] is not None:
        return _Unit(Fraction(int(token["number"])))
    atom = _atom(token["atom"])
    return atom if token["exponent"] is None else ONE.times(atom, int(token["exponent"]))


@cache
def _atom(name: str) -> _Unit:
    whole = _plain(name)
    if whole is not None:
        return whole
    for length in (2, 1):
        prefix, rest = name[:length], name[length:]
        if prefix in PREFIXES and (rest in METRIC or rest in BASE):
            scaled = _plain(rest)
            assert scaled is not None
            return _Unit(scaled.factor * Fraction(10) ** PREFIXES[prefix], scaled.dimensions)
    raise InputInvalid(f"{name!r} is no UCUM atom that is known here")


def _plain(name: str) -> _Unit | None:
    """An atom without prefix."""
    if name in BASE or name in ARBITRARY:
        return _Unit(Fraction(1), {name: 1})
    if name in OFFSETS:
        factor, offset = OFFSETS[name]
        return _Unit(factor, {"K": 1}, offset)
    if name in METRIC or name in OTHERS:
        unit, value = METRIC.get(name) or OTHERS[name]
        inner = _unit(unit)
        return _Unit(inner.factor * Fraction(value), inner.dimensions)
    return None
