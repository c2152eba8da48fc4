"""What a product template declares, from its text to an alert."""

from dataclasses import replace

import numpy as np
import pytest

from analytics.detectors.declared import Terms
from analytics.formula import Formula
from analytics.grid import Grid
from analytics.learning_declared import BalanceCourses
from analytics.learning_phases import RunsOnCourse
from analytics.reference import ReferenceModel
from analytics.template import Statistic, Template, TemplateInvalid, fitting, shipped
from store.model.alert import AlertKind
from store.model.times import US_PER_H
from tests.analytics import tank


@pytest.fixture(scope="module")
def model() -> ReferenceModel:
    return tank.reference()


def test_a_pump_that_delivers_less_than_it_reports_is_told_by_the_volume_balance(model: ReferenceModel) -> None:
    alerts = tank.alerts_of(model, tank.run_of(500, delivered=0.7))
    first = next(alert for alert in alerts if alert.kind is AlertKind.DRIFT)
    assert first.detector.startswith("volume ")
    assert first.tags[0] == "level"
    assert 48.0 < first.raised_us / US_PER_H < 60.0
    assert 44.0 <= first.onset_us / US_PER_H <= 54.0
    assert "Level is less than the volume balance explains by" in first.sentence
    assert first.sentence.endswith("; check the pump and the level sensor.")


def test_a_pH_sensor_that_its_loop_follows_is_told_by_the_samples(model: ReferenceModel) -> None:
    alerts = tank.alerts_of(model, tank.run_of(501, sensor=0.12))
    first = next(alert for alert in alerts if alert.kind is AlertKind.DRIFT)
    assert first.detector in {"assay", "assays"}
    assert first.tags == ("pH",)
    assert 48.0 < first.raised_us / US_PER_H < 73.0
    assert "pH and pH_sample disagree since hour" in first.sentence
    assert "below the online value" in first.sentence


def test_neither_is_seen_by_what_is_not_declared() -> None:
    plain = tank.reference(template=None)
    for run in (tank.run_of(501, sensor=0.12),):
        assert not [alert for alert in tank.alerts_of(plain, run) if alert.kind is AlertKind.DRIFT]


def test_unchanged_batches_raise_few_alerts(model: ReferenceModel) -> None:
    alarmed = sum(
        any(alert.kind is AlertKind.DRIFT for alert in tank.alerts_of(model, tank.run_of(seed)))
        for seed in range(600, 640)
    )
    assert alarmed <= 4


def test_a_batch_without_the_declared_tags_is_judged_by_the_rest(model: ReferenceModel) -> None:
    run = tank.run_of(502, delivered=0.7)
    without = replace(run, tags={name: part for name, part in run.tags.items() if name not in {"feed", "pH_sample"}})
    alerts = tank.alerts_of(model, without)
    assert not [alert for alert in alerts if alert.detector.startswith(("volume", "assay"))]


@pytest.mark.parametrize("seed", range(4))
def test_DETECT_1_declared_layers_do_not_depend_on_how_the_stream_was_cut(model: ReferenceModel, seed: int) -> None:
    run = tank.run_of(503, delivered=0.8, sensor=0.1)
    stream = tank.stream_of(run)
    whole = tank.monitor(model)
    expected = whole.feed(stream)
    rng = np.random.default_rng(seed)
    edges = sorted(rng.choice(np.arange(1, len(stream)), 40, replace=False).tolist())
    pieces = tank.monitor(model)
    told = []
    for number, piece in enumerate(tank.cut(stream, edges)):
        told += pieces.feed(piece)
        if number % 7 == seed:
            pieces = type(pieces).from_bytes(pieces.to_bytes(), reference_new=model, reference_old=None)
    assert told == expected
    assert pieces.to_bytes() == whole.to_bytes()
    assert {alert.detector for alert in told} & {"assay", "assays"}


def test_DETECT_1_what_a_sudden_change_says_of_samples_does_not_depend_on_the_cut(model: ReferenceModel) -> None:
    after_h = 64.3  # a sample is told at 64.5, in the same cell
    run = tank.run_of(503, sensor=0.1)
    times_h, values = run.tags["acid"]
    run = replace(run, tags={**run.tags, "acid": (times_h, values + np.where(times_h >= after_h, 2.0, 0.0))})
    hours = tank.stream_of(run).source_times_us / US_PER_H
    stream = tank.stream_of(run).at(np.flatnonzero(hours < 68.0))
    expected = tank.monitor(model).feed(stream)
    assert {"acid", "pH"} <= {tag for alert in expected for tag in alert.tags}
    before = tank.monitor(model)
    first = int(np.searchsorted(stream.source_times_us, round(64.0 * US_PER_H)))
    begun = before.feed(stream.at(np.arange(first)))
    for edge in range(first, len(stream), 3):
        rest = type(before).from_bytes(before.to_bytes(), reference_new=model, reference_old=None)
        told = rest.feed(stream.at(np.arange(first, edge))) + rest.feed(stream.at(np.arange(edge, len(stream))))
        assert begun + told == expected


def test_a_sample_told_two_days_late_is_compared_and_one_told_later_is_not(model: ReferenceModel) -> None:
    assert model.trajectory is not None
    for late_h, compared in ((30.0, True), (60.0, False)):
        run = tank.run_of(504)
        ids = {tag.name: tag.tag_id for tag in tank.tags()}
        watching = tank.monitor(model)
        online = tank.stream_of(replace(run, tags={n: p for n, p in run.tags.items() if n != "pH_sample"}))
        until = int(np.searchsorted(online.source_times_us, round((10.0 + late_h) * US_PER_H)))
        first, rest = tank.cut(online, [until])
        watching.feed(first)
        told_us = round(10.5 * US_PER_H)
        sample = replace(
            first,
            ordinals=first.ordinals[-1:] + 1,
            tag_ids=np.array([ids["pH_sample"]], np.int32),
            source_times_us=np.array([told_us]),
            values=np.array([7.9]),
            qualities=first.qualities[:1],
        )
        told = [*watching.feed(sample), *watching.feed(rest)]
        assert any(alert.detector in {"assay", "assays"} for alert in told) is compared


def test_a_reference_with_declared_parts_survives_its_bytes(model: ReferenceModel) -> None:
    again = ReferenceModel.from_bytes(model.to_bytes())
    assert again.to_bytes() == model.to_bytes()
    assert again.trajectory is not None
    assert [(part.channel, part.statistic) for part in again.trajectory.declared] == [
        ("volume 6 h", Statistic.SLOPE),
        ("volume 12 h", Statistic.SLOPE),
    ]


def test_weights_are_those_that_made_the_courses() -> None:
    rng = np.random.default_rng(5)
    terms = rng.normal(size=(24, 80, 2)) * (1.0, 50.0)
    target = terms @ (2.0, -0.03) + rng.normal(0, 0.01, (24, 80)) + np.linspace(0, 9, 80)
    courses = BalanceCourses(
        balance=tank.TEMPLATE.balances[0],
        span_h=6.0,
        width_h=1.0,
        differences=np.concatenate([target[..., None], terms], axis=2),
        known=np.ones((24, 80), np.bool_),
        places=RunsOnCourse.of([tank.run_of(seed) for seed in range(24)], None, Grid(width_us=US_PER_H, cells=80)),
        base=None,
    )
    fitted = courses.fitted()
    np.testing.assert_allclose(fitted.weights, (2.0, -0.03), rtol=0.01)
    assert 0.005 < float(np.median(fitted.residual_sd)) < 0.05


def test_a_flow_that_falls_silent_makes_no_surplus(model: ReferenceModel) -> None:
    run = tank.run_of(505)
    times_h, values = run.tags["feed"]
    spoke = (times_h < 50.0) | (times_h > 62.0)
    silent = replace(run, tags={**run.tags, "feed": (times_h[spoke], values[spoke])})
    assert not [alert for alert in tank.alerts_of(model, silent) if alert.kind is AlertKind.DRIFT]


def test_every_shipped_template_is_whole_and_is_chosen_by_tags_and_units() -> None:
    templates = shipped()
    assert {template.name for template in templates} >= {"indpensim"}
    for template in templates:
        assert fitting(template.units, [template]) is template
        other = dict(template.units) | {next(iter(template.units)): "furlong"}
        assert fitting(other, [template]) is None
        assert "furlong" in template.unsuited(other)[0]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (('accuses = "level"', 'accuses = "lever"'), "balance volume: lever is not among"),
        (('integral(feed)"', 'integral(food)"'), "balance volume: food is not among"),
        (("level - integral", "level ** integral"), "is not arithmetic of tags"),
        (('integral(feed)"]', 'sin(feed)"]'), "there is no function sin"),
        (
            ('statistic = "slope"', 'statistic = "mood"'),
            "line 14: balance volume: statistic 'mood' is none of change, slope",
        ),
        (("spans_h = [6, 12]", "spans_h = [6, 6]"), "level over 6 h stands twice"),
        (("spans_h = [6, 12]", "spans_h = []"), "need positive hours"),
        (('checks = "pH"', 'checks = "ph"'), "assay pH_sample: ph is not among"),
        (('name = "tank"', ""), "line 1: template: name is missing"),
        (("within_h = 0.5", "within = 0.5"), "line 20: assay pH_sample: there is no field within, only assay"),
        (("within_h = 0.5", 'within_h = "short"'), "line 20: assay pH_sample: within_h must be hours from 0 on"),
        (("[[assay]]", "[[assays]]"), "line 16: template: there is no field assays"),
        (('level = "L"', "level = 3"), "line 4: units: level must be a text, not 3"),
        (('explained_by = ["integral(feed)"]', 'explained_by = "feed"'), "line 13: balance volume: explained_by must"),
        (("spans_h = [6, 12]", "spans_h = [6, 12"), "at line 16"),
        (('check = "the pump"', ""), "line 8: balance volume: check is missing"),
        (('name = "tank"', 'name = "tank"\n    also = ["pace", "mood"]'), "line 3: template: also 'mood' is none of"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused_with_the_place(change: tuple[str, str], why: str) -> None:
    text = """
    name = "tank"
    [units]
    level = "L"
    feed = "L/h"
    pH = "pH"
    pH_sample = "pH"
    [[balance]]
    name = "volume"
    check = "the pump"
    accuses = "level"
    target = "level - integral(feed)"
    explained_by = ["integral(feed)"]
    statistic = "slope"
    spans_h = [6, 12]
    [[assay]]
    assay = "pH_sample"
    checks = "pH"
    drawn_before_h = 0.5
    within_h = 0.5
    """
    assert Template.parse(text).name == "tank"
    assert change[0] in text
    with pytest.raises(TemplateInvalid, match=why.replace("(", r"\(")):
        Template.parse(text.replace(*change))


def filled(values: list[float], expected: list[float], *, moving: int | None = None) -> list[float]:
    """What the term of a tag is in every cell of an hour, where the reference expects that."""
    terms = Terms([Formula.parse("level")], width_h=1.0, smoothing_h=0.0)
    rows = []
    for cell, (value, usual) in enumerate(zip(values, expected, strict=True)):
        stored = terms.to_bytes()
        terms = Terms([Formula.parse("level")], width_h=1.0, smoothing_h=0.0)
        terms.restore(stored)
        row = terms.update({"level": value}, {"level": usual}, {"level"} if cell == moving else ())
        rows.append(float(row[0]))
    return rows


NOTHING = float("nan")


def test_a_missing_cell_goes_where_the_reference_went_for_two_hours() -> None:
    found = filled([3.0, NOTHING, NOTHING, NOTHING, 9.0], [1.0, 2.0, 4.0, 5.0, 6.0])
    np.testing.assert_array_equal(found, [3.0, 4.0, 6.0, NOTHING, 9.0])


def test_a_missing_cell_stands_where_the_reference_knows_nothing() -> None:
    np.testing.assert_array_equal(filled([3.0, NOTHING, NOTHING], [1.0, NOTHING, 2.0]), [3.0, 3.0, 4.0])
    np.testing.assert_array_equal(filled([3.0, NOTHING], [NOTHING, 2.0]), [3.0, 3.0])


def test_a_cell_that_is_missing_while_the_course_moves_is_unknown_until_the_tag_speaks() -> None:
    found = filled([3.0, NOTHING, NOTHING, 8.0], [1.0, 5.0, 5.0, 5.0], moving=1)
    np.testing.assert_array_equal(found, [3.0, NOTHING, NOTHING, 8.0])
