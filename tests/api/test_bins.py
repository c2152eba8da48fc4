"""The bins of an alert told from minutes: which of them gives the score, and where its limit lies."""

from itertools import pairwise

import pytest

from api.bin_drawing import Stroke, draw
from api.bins import SeenBins, seen_bins
from tests.api.test_alerts import evidence_of, sudden_change

READINGS = {"pH": [(29.0 + hour / 4, 30.0 if hour < 6 else 24.5) for hour in range(12)]}


def only(layer: str) -> SeenBins:
    (seen,) = seen_bins(evidence_of(layer))
    return seen


def level_of(strokes: list[Stroke], kind: str) -> Stroke:
    (found,) = [stroke for stroke in strokes if stroke.kind == kind]
    return found


def test_the_bin_that_gives_the_score_is_the_one_with_the_lesser_excess() -> None:
    seen = only("step")
    assert seen.scored == 7
    judged = seen.bins[seen.scored].judged
    assert judged is not None
    assert judged.excess == seen.score == -6.5


@pytest.mark.parametrize(
    ("layer", "limit"), [("step", 30 - 0.5 - 6 * 0.75), ("level", 30.25 - 7 * 0.5), ("loop", None)]
)
def test_the_limit_lies_as_many_SD_beyond_what_is_expected_as_the_score_may_reach(
    layer: str, limit: float | None
) -> None:
    assert only(layer).limit_at == limit


def test_what_rises_has_its_limit_above_what_is_expected() -> None:
    rise = sudden_change()
    for row in rise[-2:]:
        row |= {"after": row["before"] + 5.0, "excess": 6.5}
    rise[-1]["score"] = 6.5
    (seen,) = seen_bins(rise)
    assert seen.limit_at == 30.0 + 0.25 + 6 * 0.75


def test_bins_of_several_tags_and_layers_stay_apart() -> None:
    found = seen_bins([*sudden_change("pH"), *sudden_change("lactate"), *evidence_of("level")])
    assert [(seen.layer, seen.tag, len(seen.bins)) for seen in found] == [
        ("step", "pH", 9),
        ("step", "lactate", 9),
        ("level", "pH", 4),
    ]


def test_a_sudden_change_is_drawn_from_its_level_before_past_the_limit_to_its_level_now() -> None:
    (panel,) = draw(only("step"), since_h=28.0, until_h=32.0, readings=READINGS, units={"pH": ""})
    before, now = level_of(panel.strokes, "before"), level_of(panel.strokes, "now")
    assert panel.limit_y is not None
    assert panel.band is not None
    _, top, _, high = panel.band
    assert before.y < panel.limit_y < now.y, "downwards on the page"
    assert top <= before.y <= top + high < panel.limit_y, "a batch like the reference would have stayed"
    bins = [stroke for stroke in panel.strokes if stroke.kind == "bin"]
    assert all(one.to == pytest.approx(other.x, abs=0.2) for one, other in pairwise(bins))
    assert (before.x, before.to) == (bins[0].x, bins[4].to)
    assert (now.x, now.to) == (bins[5].x, bins[7].to)


def test_a_jump_is_drawn_at_what_was_read_and_at_what_was_foretold_with_what_answered() -> None:
    readings = {"pH": [(30.9, 7.06)], "lactate": [(30.8, 1.0), (30.9, 2.0)]}
    jump, answer = draw(only("loop"), since_h=29.0, until_h=32.0, readings=readings, units={"pH": "", "lactate": "g/L"})
    read, foretold = level_of(jump.strokes, "now"), level_of(jump.strokes, "foretold")
    assert read.y < foretold.y
    assert jump.shade is not None
    assert jump.shade == answer.shade
    assert jump.shade[0] == read.x
    assert (answer.tag, answer.unit_of_measure, answer.dots.count("M")) == ("lactate", "g/L", 2)
