"""The committed JSON is what the code writes, and what it writes is a board people can read."""

from pathlib import Path
from typing import Any

from dashboards import batch_over_reference, between_batches
from dashboards.build import CONTENTS, JSON, build
from dashboards.command import PACKAGE, stale


def test_building_again_changes_no_byte_of_what_is_committed(tmp_path: Path) -> None:
    written = build(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in written] == list(CONTENTS)
    for path in written:
        assert path.read_bytes() == (JSON / path.relative_to(tmp_path)).read_bytes()
    assert stale(PACKAGE) == []


def test_a_file_changed_by_hand_and_one_nobody_writes_are_named(tmp_path: Path) -> None:
    build(tmp_path / "json")
    changed = tmp_path / "json" / "floor" / "wall_board.json"
    changed.write_text(changed.read_text().replace("NO DATA", "fine"))
    (tmp_path / "json" / "floor" / "left_over.json").write_text("{}")
    assert [fault.split(" ", 1)[0] for fault in stale(tmp_path)] == [
        "json/floor/left_over.json",
        "json/floor/wall_board.json",
    ]


def test_every_panel_on_a_review_board_names_its_batch_and_process_version_or_its_chart(
    dashboard: dict[str, Any],
) -> None:
    if "review" not in dashboard["tags"]:
        columns = {column["selector"] for panel in dashboard["panels"] for column in panel["targets"][0]["columns"]}
        assert {"process_version", "data_until"} <= columns
        return
    named = {"$chart"} if dashboard["uid"] == between_batches.UID else {"$batch", "$process"}
    for panel in dashboard["panels"]:
        if panel["title"] not in ("All batches", "All charts"):
            assert {name for name in named if name in panel["title"]} == named, panel["id"]


def test_nobody_can_save_a_change_from_the_browser(dashboard: dict[str, Any]) -> None:
    assert dashboard["editable"] is False


def test_lines_break_where_readings_are_missing(dashboard: dict[str, Any]) -> None:
    for panel in dashboard["panels"]:
        if panel["type"] == "timeseries":
            assert panel["fieldConfig"]["defaults"]["custom"]["spanNulls"] is False


def test_the_old_process_is_points_without_a_line_between_them(dashboard: dict[str, Any]) -> None:
    drawn = {
        override["matcher"]["options"]: {prop["id"]: prop["value"] for prop in override["properties"]}
        for panel in dashboard["panels"]
        for override in panel["fieldConfig"]["overrides"]
        if override["matcher"]["options"].startswith("old ")
    }
    of_old = dashboard["uid"] == batch_over_reference.UID
    assert set(drawn) == ({"old process", "old lower", "old upper"} if of_old else set())
    assert {properties["custom.drawStyle"] for properties in drawn.values()} <= {"points"}
