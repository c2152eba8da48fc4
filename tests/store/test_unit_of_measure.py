"""Conversions against values of UCUM's own definitions, worked out by hand."""

import pytest

from store.errors import InputInvalid
from store.unit_of_measure import conversion


@pytest.mark.parametrize(
    ("given", "wanted", "value", "converted"),
    [
        ("[degF]", "Cel", 98.6, 37.0),
        ("Cel", "[degF]", -40.0, -40.0),
        ("K", "Cel", 310.15, 37.0),
        ("mm[Hg]", "kPa", 100.0, 13.3322),
        ("bar", "[psi]", 1.0, 14.50377377302092),
        ("mL/h", "L/d", 10.0, 0.24),
        ("10*6/mL", "{cells}/uL", 1.5, 1500.0),
        ("10*6.mL-1", "/mL", 1.5, 1_500_000.0),
        ("/min", "Hz", 60.0, 1.0),
        ("mmol/L", "umol/mL", 5.5, 5.5),
        ("mg/dL", "g/L", 90.0, 0.9),
        ("%", "1", 50.0, 0.5),
        ("%{air}", "%", 41.2, 41.2),
        ("U/mL", "kat/m3", 60.0, 1.0),
        ("kg.m/s2", "N", 3.0, 3.0),
        ("1/(m.s)", "m-1.s-1", 4.0, 4.0),
        ("[IU]/mL", "[IU]/L", 0.25, 250.0),
        ("[gal_us]", "L", 1.0, 3.785411784),
    ],
)
def test_values_are_converted_exactly_and_rounded_once(given: str, wanted: str, value: float, converted: float) -> None:
    assert conversion(given, wanted)(value) == converted


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("mmol/L", "mg/dL"),
        ("[IU]/mL", "U/mL"),
        ("/mL", "[CFU]/mL"),
        ("[pH]", "1"),
        ("Cel/h", "K/h"),
        ("m", "s"),
        ("furlong", "m"),
        ("", "1"),
        ("m//s", "m/s"),
        ("m/", "m"),
        ("(m", "m"),
        ("m)", "m"),
        ("mL min", "mL"),
        ("kCel", "Cel"),
        ("(" * 5_000, "m"),
    ],
)
def test_what_is_of_another_kind_or_no_unit_of_measure_is_refused(given: str, wanted: str) -> None:
    with pytest.raises(InputInvalid):
        conversion(given, wanted)
