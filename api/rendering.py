"""Pages from templates: escaped, never kept by a cache, with numbers and times as people read them."""

from datetime import UTC, datetime
from importlib.metadata import version
from math import floor
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

VERSION = version("batchwitness")
NOTHING = "–"


def render(request: Request, template: str, **values: Any) -> HTMLResponse:
    """The page `template` in api/templates with `values`."""
    actor = getattr(request.state, "actor", None)
    text = _environment.get_template(template).render(path=request.url.path, actor=actor, software=VERSION, **values)
    return HTMLResponse(text, headers={"Cache-Control": "no-store"})


def number(value: float | None, digits: int = 3) -> str:
    """A number with `digits` significant digits, without an exponent where people do not expect one.

    >>> number(0.012345), number(52.0), number(1234567.0), number(None)
    ('0.0123', '52', '1.23e+06', '–')
    """
    return NOTHING if value is None else f"{value:.{digits}g}"


def fixed(value: float, decimals: int) -> str:
    """A number with so many decimals, so that a column of them lines up; zero has no sign.

    >>> fixed(14.1, 2), fixed(-0.004, 2), fixed(81.0, 0)
    ('14.10', '0.00', '81')
    """
    return f"{value:z.{decimals}f}"


def instant(value: datetime | None) -> str:
    """A time in UTC to the second.

    >>> instant(datetime(2026, 11, 22, 10, 5, 7, tzinfo=UTC))
    '2026-11-22 10:05:07 UTC'
    """
    return NOTHING if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def hours(value: float | None) -> str:
    """Process hours.

    >>> hours(31.26), hours(None)
    ('31.3 h', '–')
    """
    return NOTHING if value is None else f"{value:.1f} h"


def percent(share: float) -> str:
    """A share of a whole, never rounded up to all of it.

    >>> percent(0.9999), percent(1.0), percent(0.5)
    ('99.9 %', '100.0 %', '50.0 %')
    """
    return f"{floor(share * 1000) / 10:.1f} %"


def age(seconds: float | None) -> str:
    """A length of time in its largest sensible unit.

    >>> age(42), age(150), age(7200), age(400000), age(None)
    ('42 s', '2.5 min', '2.0 h', '4.6 d', '–')
    """
    if seconds is None:
        return NOTHING
    for limit, divisor, unit in ((100, 1, "s"), (6000, 60, "min"), (200_000, 3600, "h")):
        if seconds < limit:
            return f"{seconds / divisor:.{0 if divisor == 1 else 1}f} {unit}"
    return f"{seconds / 86_400:.1f} d"


def seconds(length_s: float | None) -> str:
    """A length of time between clocks: short ones to the millisecond, negative ones too.

    >>> seconds(0.0293), seconds(-2.46), seconds(1140.0), seconds(None)
    ('0.029 s', '-2.460 s', '19.0 min', '–')
    """
    if length_s is None or abs(length_s) >= 100:
        return age(length_s)
    return f"{length_s:.3f} s"


_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(
    number=number, fixed=fixed, instant=instant, hours=hours, age=age, percent=percent, seconds=seconds
)
