import math

import pytest

from analytics.formula import Course, Formula, FormulaInvalid


def values(text: str, rows: list[dict[str, float]], width_h: float = 0.5) -> list[float]:
    course = Course(Formula.parse(text), width_h)
    return [course.update(row) for row in rows]


def test_arithmetic_and_functions_mean_what_they_say() -> None:
    (value,) = values("-log(max(8 * (1 + p) - d / 2, 0.3)) + exp(0) + min(p, d)", [{"p": 1.0, "d": 4.0}])
    assert value == pytest.approx(-math.log(14.0) + 2.0, rel=1e-15)


def test_an_integral_sums_over_hours_and_a_mean_looks_back() -> None:
    rows = [{"f": 2.0}, {"f": 4.0}, {"f": 6.0}]
    assert values("integral(f)", rows) == [1.0, 3.0, 6.0]
    assert values("mean(f, 1)", rows) == [2.0, 3.0, 5.0]


def test_what_is_unknown_stays_unknown_and_an_integral_goes_on_behind_it() -> None:
    rows = [{"f": 2.0}, {"f": math.nan}, {"f": 2.0}]
    assert repr(values("integral(f)", rows)) == "[1.0, nan, 2.0]"
    assert [math.isnan(value) for value in values("f + 1", rows)] == [False, True, False]
    assert all(math.isnan(value) for value in values("log(0 - f)", rows))
    assert all(math.isnan(value) for value in values("1 / (f - f)", rows))
    assert math.isnan(values("max(f, 1)", rows)[1])
    assert math.isnan(values("min(f, 1)", rows)[1])


def test_DETECT_1_a_course_survives_its_state_anywhere() -> None:
    rows = [{"f": value} for value in (1.0, math.nan, 3.0, 4.5, 2.0, 7.0)]
    text = "integral(f) - mean(integral(f * 2), 2) + mean(f, 1)"
    expected = values(text, rows)
    for stop in range(len(rows)):
        before = Course(Formula.parse(text), 0.5)
        told = [before.update(row) for row in rows[:stop]]
        after = Course(Formula.parse(text), 0.5)
        after.restore(before.state())
        told += [after.update(row) for row in rows[stop:]]
        assert repr(told) == repr(expected)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a +", "invalid syntax"),
        ("a if b else c", "is not arithmetic of tags"),
        ("a.b", "is not arithmetic of tags"),
        ("a[0]", "is not arithmetic of tags"),
        ("[a]", "is not arithmetic of tags"),
        ("lambda: a", "is not arithmetic of tags"),
        ("a ** 9", "is not arithmetic of tags"),
        ("True + a", "True is not a number"),
        ("'a' + b", "'a' is not a number"),
        ("open(a)", "there is no function open"),
        ("log(a, b)", "log takes 1, not 2"),
        ("mean(a, b)", "positive number of hours, not b"),
        ("mean(a, -1)", "positive number of hours, not -1"),
        ("log(x=a)", "is not arithmetic of tags"),
        ("a" * 501, "longer than 500"),
        ("(" * 300 + "a" + ")" * 150, "never closed|too many nested"),
    ],
)
def test_anything_but_arithmetic_of_tags_is_refused(text: str, why: str) -> None:
    with pytest.raises(FormulaInvalid, match=why):
        Formula.parse(text)
