import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from markupsafe import escape

from analytics.dataset import DatasetError, Label, read_dataset, read_labels
from analytics.evaluate import Evaluation, evaluate
from analytics.evaluating import run, write_alerts
from analytics.evaluation_report import Outcome, report_html, rows_of
from analytics.scoring import BatchAlert, score_alerts
from store.model.alert import Alert, AlertKind, AlertSeverity
from store.model.times import US_PER_H

DATA = Path(__file__).parent.parent / "data" / "indpensim"
FAULTY = ("T-FLT-013", "T-FLT-022")
TAGS = ("Fs", "Fg", "pressure", "RPM", "DO2", "T")


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All references, three monitored batches, six tags: enough to run everything in seconds."""
    directory = tmp_path_factory.mktemp("few")
    with (DATA / "batches.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    unchanged = next(row["batch_id"] for row in rows if row["role"] == "monitored" and "FLT" not in row["batch_id"])
    wanted = {*FAULTY, unchanged} | {row["batch_id"] for row in rows if row["role"] == "reference_new"}
    with (directory / "batches.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["batch_id", "process", "role"])
        writer.writeheader()
        writer.writerows(row for row in rows if row["batch_id"] in wanted)
    table = pq.read_table(DATA / "timeseries.parquet", columns=["batch_id", "time_h", *TAGS])
    mask = pa.array([batch in wanted for batch in table["batch_id"].to_pylist()])
    pq.write_table(table.filter(mask), directory / "timeseries.parquet")
    for name in ("labels.csv", "tags.json"):
        shutil.copy(DATA / name, directory / name)
    return directory


@pytest.fixture(scope="module")
def result(few: Path) -> Evaluation:
    return evaluate(few)


def test_evaluate_finds_visible_faults_and_leaves_an_unchanged_batch_alone(result: Evaluation) -> None:
    assert result.score is not None
    assert (result.score.unchanged_batches, result.score.unchanged_alarmed) == (1, 0)
    assert (result.score.faulty_batches, result.score.faulty_detected) == (2, 2)
    assert result.score.delay_median_h is not None
    assert result.score.delay_median_h <= 5.0
    assert set(result.score.by_kind) == {"feed_step_visible", "pressure_high"}


def test_alerts_do_not_depend_on_labels_and_without_labels_there_is_no_score(
    few: Path, result: Evaluation, tmp_path: Path
) -> None:
    blindfold = tmp_path / "blindfold"
    shutil.copytree(few, blindfold)
    (blindfold / "labels.csv").unlink()
    unseen = evaluate(blindfold)
    assert unseen.alerts == result.alerts
    assert result.alerts
    assert unseen.score is None
    assert unseen.to_json()["faulty_detected"] is None


def test_the_command_prints_one_object_and_writes_the_alerts(
    few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(few, as_json=True, alerts_file=tmp_path / "alerts.json") == 0
    (line,) = capsys.readouterr().out.splitlines()
    printed = json.loads(line)
    assert {
        "unchanged_batches",
        "unchanged_alarmed",
        "faulty_batches",
        "faulty_detected",
        "delay_median_h",
        "delay_p90_h",
        "intervals",
        "by_kind",
        "by_layer",
    } <= set(printed)
    alerts = json.loads((tmp_path / "alerts.json").read_text())
    assert len(alerts) == printed["alerts"]
    assert {alert["batch"] for alert in alerts if alert["kind"] == "drift"} == set(FAULTY)


def test_alerts_can_be_written_as_a_table(result: Evaluation, tmp_path: Path) -> None:
    write_alerts(tmp_path / "alerts.csv", result.alerts)
    with (tmp_path / "alerts.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["kind"] for row in rows} >= {"drift"}
    assert all(float(row["score"]) >= float(row["limit"]) for row in rows if row["kind"] == "drift")


def test_each_family_of_channels_can_be_left_out(few: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(few, as_json=True, alerts_file=None, ablation=True) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["families"] == ["ewma", "balance", "page_hinkley", "step", "level"]
    assert set(said["ablation"]) == set(said["families"])
    for family, less in said["ablation"].items():
        assert family not in less["families"]
        assert family not in less["by_layer"]
    with pytest.raises(ValueError, match="nothing is left to judge by"):
        evaluate(few, without=said["families"])


def test_assays_are_read_with_the_line_of_what_is_no_number(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(DATA, whole)
    data = read_dataset(whole)
    assert data.assays[-2:] == ("pH_offline", "T_offline")
    hours, values = data.new[0].tags["pH_offline"]
    assert (len(hours), hours[0]) == (19, 12.0)
    assert 6.0 < values.min() < values.max() < 7.0
    lines = (whole / "offline_assays.csv").read_text().splitlines()
    lines[2] = lines[2].replace(lines[2].split(",")[2], "much", 1)
    (whole / "offline_assays.csv").write_text("\n".join(lines))
    with pytest.raises(DatasetError, match=r"offline_assays\.csv, line 3, P: could not convert"):
        read_dataset(whole)


def test_phases_that_begin_on_time_in_every_batch_change_no_alert(
    few: Path, result: Evaluation, tmp_path: Path
) -> None:
    phased = tmp_path / "phased"
    shutil.copytree(few, phased)
    batches = [run.batch for data in [read_dataset(few)] for run in (*data.new, *data.monitored)]
    lines = [f"{batch},{name},{at_h}" for batch in batches for name, at_h in (("batch", 0.0), ("fed", 48.0))]
    (phased / "phases.csv").write_text("\n".join(["batch_id,phase,start_h", *lines]))
    run = read_dataset(phased).new[0]
    assert [(phase.name, phase.from_h) for phase in run.phases] == [("batch", 0.0), ("fed", 48.0)]
    assert run.phases[0].to_h == 48.0
    assert run.phases[1].to_h > 200.0
    told = [(one.batch, one.alert.raised_us, one.alert.tags, one.alert.detector) for one in evaluate(phased).alerts]
    assert told == [(one.batch, one.alert.raised_us, one.alert.tags, one.alert.detector) for one in result.alerts]
    (phased / "phases.csv").write_text("batch_id,phase,start_h\nT-NEW-999,batch,0\n")
    with pytest.raises(DatasetError, match=r"phases\.csv, line 2: timeseries\.parquet has no readings of T-NEW-999"):
        read_dataset(phased)
    (phased / "phases.csv").write_text(f"batch_id,phase,start_h\n{run.batch},batch,soon\n")
    with pytest.raises(DatasetError, match=r"phases\.csv, line 2: could not convert"):
        read_dataset(phased)


def test_a_folder_without_data_is_refused_with_the_missing_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DatasetError, match=r"batches\.csv is missing"):
        read_dataset(tmp_path)
    assert run(tmp_path, as_json=True, alerts_file=None) == 2
    assert "batches.csv" in capsys.readouterr().err.replace("\n", "")


def alert(raised_h: float, kind: AlertKind = AlertKind.DRIFT) -> Alert:
    return Alert(
        ordinal=1,
        kind=kind,
        severity=AlertSeverity.MEDIUM,
        detector="ewma",
        tags=("pH",),
        raised_us=round(raised_h * US_PER_H),
        onset_us=0,
        phase_time_h=raised_h,
        score=2.0,
        limit=1.0,
        sentence="",
    )


def test_an_alert_before_the_fault_is_a_miss_and_only_drift_within_a_batch_counts() -> None:
    labels = {
        "early": Label(drift=True, group="within_batch_fault", kind="step", start_h=50.0),
        "late": Label(drift=True, group="within_batch_fault", kind="step", start_h=50.0),
        "departed": Label(drift=True, group="within_batch_fault", kind="ramp", start_h=50.0),
        "quiet": Label(drift=False, group="new_no_change", kind="none", start_h=None),
        "false": Label(drift=False, group="new_no_change", kind="none", start_h=None),
        "declining": Label(drift=True, group="between_batch_decline", kind="decline", start_h=None),
    }
    alerts = [
        BatchAlert(batch="early", alert=alert(40.0)),
        BatchAlert(batch="early", alert=alert(60.0)),
        BatchAlert(batch="late", alert=alert(53.0)),
        BatchAlert(batch="departed", alert=alert(60.0, AlertKind.DEPARTURE)),
        BatchAlert(batch="false", alert=alert(10.0)),
        BatchAlert(batch="declining", alert=alert(10.0)),
    ]
    score = score_alerts(list(labels), alerts, labels)
    assert (score.unchanged_batches, score.unchanged_alarmed) == (2, 1)
    assert (score.faulty_batches, score.faulty_detected) == (3, 1)
    assert score.delay_median_h == pytest.approx(3.0)
    assert score.by_layer == {"ewma": {"faulty_detected": 1, "faulty_early": 1, "unchanged_alarmed": 1}}
    assert score.by_kind["step"]["detected"] == 1


def test_the_report_shows_every_batch_and_the_figures_of_the_score(few: Path, result: Evaluation) -> None:
    labels = read_labels(few)
    assert labels is not None
    assert result.score is not None
    rows = {row.batch: row for row in rows_of(result, labels)}
    page = report_html(result, name="few", labels=labels, fewer={"ewma": result})

    assert set(rows) == set(result.watched)
    assert sorted(row.outcome for row in rows.values()) == [Outcome.FOUND, Outcome.FOUND, Outcome.QUIET]
    delays = sorted(row.delay_h for row in rows.values() if row.delay_h is not None)
    assert result.score.delay_median_h == pytest.approx(sum(delays) / 2)
    for batch, row in rows.items():
        assert f'data-batch="{batch}" data-outcome="{row.outcome}"' in page
    assert "<b>2 of 2</b>faulty batches found" in page
    assert "<b>0 of 1</b>unchanged batches alerted" in page
    for alert in (item.alert for item in result.alerts if item.alert.kind is AlertKind.DRIFT):
        assert escape(alert.sentence) in page
    assert "<td>ewma</td>" in page
    assert "http" not in page, "nothing is fetched"


def test_a_report_without_labels_says_that_there_is_no_score(result: Evaluation) -> None:
    blind = replace(result, score=None)
    page = report_html(blind, name="own history", labels=None, fewer={})

    assert "No labels:" in page
    assert {row.outcome for row in rows_of(blind, None)} == {Outcome.UNKNOWN}
    assert "By kind of fault" not in page


def test_the_report_tells_a_miss_an_early_alert_and_a_false_one_apart(result: Evaluation) -> None:
    found = next(item for item in result.alerts if item.alert.kind is AlertKind.DRIFT)
    raised_h = found.alert.raised_us / US_PER_H

    def outcome(*, drift: bool, start_h: float | None, alerts: tuple[BatchAlert, ...]) -> Outcome:
        label = Label(drift=drift, group="within_batch_fault" if drift else "", kind="x", start_h=start_h)
        (row,) = rows_of(replace(result, watched=(found.batch,), alerts=alerts), {found.batch: label})
        return row.outcome

    assert outcome(drift=True, start_h=raised_h - 1, alerts=(found,)) is Outcome.FOUND
    assert outcome(drift=True, start_h=raised_h + 1, alerts=(found,)) is Outcome.EARLY
    assert outcome(drift=True, start_h=raised_h, alerts=()) is Outcome.MISSED
    assert outcome(drift=False, start_h=None, alerts=(found,)) is Outcome.FALSE
    assert outcome(drift=False, start_h=None, alerts=()) is Outcome.QUIET
