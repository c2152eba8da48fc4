"""A running Grafana: whether it shows what the files say, and the alerts of a batch as annotations in it.

Provisioned objects are only read here, never written: Grafana refuses such changes, and the files are the source.
"""

import json
import urllib.parse
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaException
from niquests.exceptions import RequestException

from dashboards.check import provisioned_sources

WITHIN_S = 10.0
CHOSEN_BY_GRAFANA = {"id", "version"}  # differ in every installation


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One alert as a mark or span on time axes. `alert` makes it the same one when it is pushed again."""

    alert: str
    batch: str
    kind: str
    text: str
    time_ms: int
    time_end_ms: int | None  # None while the alert lasts

    @property
    def tags(self) -> list[str]:
        """What a dashboard selects it by."""
        return ["batchwitness", f"alert-{self.alert}", f"batch-{self.batch}", self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What a push did, in annotations."""

    added: int
    updated: int
    unchanged: int


def check_running(url: str, token: str, *, service: str, directory: Path) -> list[str]:
    """What in the Grafana at `url` differs from the files of `service` (`floor` or `review`) below `directory`.

    Empty when it is healthy, has the data sources and shows the same dashboards. `token` belongs to a service
    account that may read data sources and dashboards. What cannot be asked is a fault, not an exception.
    """
    fault = _health_fault(url)
    if fault:
        return [fault]
    grafana = _client(url, token)
    faults = []
    for uid in sorted(provisioned_sources(directory, service=service)):
        try:
            health = grafana.datasource.health(uid)
            if str(health.get("status")).upper() != "OK":
                faults.append(f"data source {uid} is not well: {health.get('message', health)}")
        except (GrafanaException, RequestException) as error:
            faults.append(f"data source {uid}: {error}")
    for path in sorted((directory / "json" / service).glob("*.json")):
        expected = json.loads(path.read_text(encoding="utf-8"))
        try:
            answer = grafana.dashboard.get_dashboard(expected["uid"])
        except (GrafanaException, RequestException) as error:
            faults.append(f"dashboard {expected['uid']}: {error}")
            continue
        faults += [f"dashboard {expected['uid']}: {fault}" for fault in _differences(expected, answer)]
    return faults


def push_annotations(url: str, token: str, annotations: Iterable[Annotation]) -> Pushed:
    """Put alerts into the organisation's annotations, so that a site's own dashboards can show them.

    The same alert again changes nothing; one that ended or was reworded since is updated. Raises GrafanaException
    when Grafana refuses and niquests' RequestException when it does not answer; what was pushed until then stays.
    """
    grafana = _client(url, token)
    added = updated = unchanged = 0
    for annotation in annotations:
        found = grafana.annotations.find_annotations(tags=annotation.tags[:2], limit=1)
        content = {
            "time_from": annotation.time_ms,
            "time_to": annotation.time_end_ms,
            "tags": annotation.tags,
            "text": annotation.text,
        }
        if not found:
            grafana.annotations.add_annotation(**content)
            added += 1
        elif _same(annotation, found[0]):
            unchanged += 1
        else:
            grafana.annotations.update_annotation(found[0]["id"], **content)
            updated += 1
    return Pushed(added=added, updated=updated, unchanged=unchanged)


def alerts_of(api_url: str, api_token: str, *, batch: str, from_ms: int, to_ms: int) -> list[Annotation]:
    """The alerts in the course of a batch as the API's review routes give them; a signal is between batches.

    Raises URLError when the API does not answer.
    """
    query = urllib.parse.urlencode({"batch": batch, "from": from_ms, "to": to_ms})
    request = urllib.request.Request(  # noqa: S310 -- the address is the operator's own
        f"{api_url.rstrip('/')}/grafana/alerts?{query}", headers={"Authorization": f"Bearer {api_token}"}
    )
    with urllib.request.urlopen(request, timeout=WITHIN_S) as answer:  # noqa: S310 -- as above
        rows = json.load(answer)
    return [
        Annotation(
            alert=str(row["alert"]),
            batch=str(row["batch"]),
            kind=row["kind"],
            text=f"{row['title']}: {row['text']}",
            time_ms=row["time"],
            time_end_ms=row["timeEnd"],
        )
        for row in rows
        if row["kind"] != "signal"
    ]


def _client(url: str, token: str) -> Any:
    """The client; Any, because most of its methods have no annotations."""
    return GrafanaApi.from_url(url.rstrip("/") + "/", credential=token, timeout=WITHIN_S)


def _health_fault(url: str) -> str | None:
    """A plain GET: the client's own health check wants a login and asks something else."""
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/api/health", timeout=WITHIN_S) as answer:  # noqa: S310 -- as above
            health = json.load(answer)
    except (OSError, ValueError) as error:
        return f"{url} does not answer as a Grafana: {error}"
    return None if health.get("database") == "ok" else f"{url} says its database is {health.get('database')!r}"


def _differences(expected: dict[str, Any], answer: dict[str, Any]) -> list[str]:
    shown = answer["dashboard"]
    keys = (expected.keys() | shown.keys()) - CHOSEN_BY_GRAFANA
    faults = [f"{key} differs from the file" for key in sorted(keys) if expected.get(key) != shown.get(key)]
    if not answer.get("meta", {}).get("provisioned"):
        faults.append("was not brought by a file, so anybody may have changed it")
    return faults


def _same(annotation: Annotation, found: dict[str, Any]) -> bool:
    """Grafana gives an annotation without an end the end 0 or its own beginning."""
    ends = {annotation.time_end_ms} if annotation.time_end_ms is not None else {None, 0, annotation.time_ms}
    return (
        found.get("text") == annotation.text
        and found.get("time") == annotation.time_ms
        and found.get("timeEnd") in ends
        and set(found.get("tags", ())) == set(annotation.tags)
    )
