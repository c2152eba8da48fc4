"""What Grafana would take without a word and show wrongly: looked for in the files, before anybody sees a screen."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dashboards.panel import infinity_faults, panel_faults
from dashboards.schema import schema_faults

SCHEMA_VERSION = 42  # the last of the classic dashboards, what the pinned SDK writes
UID = re.compile(r"[A-Za-z0-9_-]{1,40}")
VARIABLE = re.compile(r"\$\{(\w+)[^}]*\}|\$([A-Za-z_]\w*)|\[\[(\w+)[^\]]*\]\]")
PROVISIONED_UID = re.compile(r"^\s+uid:\s*(\S+)\s*$", re.MULTILINE)
SECRET_KEY = re.compile(
    r"""^\s*(?:-\s+)?["']?(\w*(?:password|passwd|secret|token|apikey|api_key)\w*)["']?\s*[:=]\s*(\S.*)$""",
    re.IGNORECASE | re.MULTILINE,
)
SECRET_VALUE = re.compile(r"Bearer\s+[\w.-]{8}|\beyJ[\w-]{10}|\bgl(?:sa|c)_\w{8}|-----BEGIN")
FROM_OUTSIDE = re.compile(r"""["']?\$(?:__file|__env)?\{[^}]+\}["']?,?$""")


def check(directory: Path) -> list[str]:
    """Everything wrong below `directory`; empty when all is well.

    `directory` holds `json/SERVICE/*.json` and `provisioning/SERVICE/`, as the package itself does.
    """
    faults = []
    uids: Counter[str] = Counter()
    files = sorted((directory / "json").glob("*/*.json"))
    if not files:
        faults.append(f"{directory / 'json'}: no dashboards")
    for path in files:
        name = path.relative_to(directory).as_posix()
        try:
            model = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            faults.append(f"{name}: not JSON: {error}")
            continue
        uids[model.get("uid", "")] += 1
        sources = provisioned_sources(directory, service=path.parent.name)
        faults += [f"{name}: {fault}" for fault in dashboard_faults(model, sources)]
    faults += [f"uid {uid!r} belongs to {times} dashboards" for uid, times in uids.items() if times > 1]
    texts = [*files, *sorted((directory / "provisioning").rglob("*.y*ml"))]
    return faults + [
        f"{path.relative_to(directory).as_posix()}: {fault}" for path in texts for fault in _secrets(path.read_text())
    ]


def provisioned_sources(directory: Path, *, service: str) -> frozenset[str]:
    """The uids of the data sources that the files of one Grafana service bring."""
    folder = directory / "provisioning" / service / "datasources"
    return frozenset(uid for path in folder.glob("*.y*ml") for uid in PROVISIONED_UID.findall(path.read_text()))


def dashboard_faults(model: dict[str, Any], sources: frozenset[str]) -> Iterator[str]:
    """What is wrong with one dashboard that may use the data sources `sources`.

    Where it breaks the schema only that is told: everything else here reads it as the schema says.
    """
    broken = schema_faults(model)
    if broken:
        yield from broken
        return
    if not UID.fullmatch(model.get("uid", "")):
        yield f"uid {model.get('uid')!r} is not 1 to 40 letters, digits, - and _"
    if model.get("schemaVersion") != SCHEMA_VERSION:
        yield f"schemaVersion is {model.get('schemaVersion')!r}, not {SCHEMA_VERSION}"
    if model.get("editable") is not False:
        yield "can be edited in the browser, where nothing can be saved"
    for key in ("title", "description"):
        if not model.get(key):
            yield f"no {key}"
    yield from panel_faults(model.get("panels", []))
    for node in _nodes(model):
        if node.get("type") == "json" and "url_options" in node:
            yield from (
                f"query {node.get('refId')!r} to {node.get('url')!r} {fault}" for fault in infinity_faults(node)
            )
    yield from _source_faults(model, sources)
    yield from _variable_faults(model)


def _source_faults(model: dict[str, Any], sources: frozenset[str]) -> Iterator[str]:
    """Every data source named anywhere must be among those the service has."""
    for node in _nodes(model):
        source = node.get("datasource")
        if isinstance(source, dict) and source.get("uid") not in sources:
            yield f"data source {source.get('uid')!r} is not provisioned, only {', '.join(sorted(sources)) or 'none'}"


def _variable_faults(model: dict[str, Any]) -> Iterator[str]:
    variables = model.get("templating", {}).get("list", [])
    names = Counter(variable["name"] for variable in variables)
    yield from (f"variable {name!r} is defined {times} times" for name, times in names.items() if times > 1)
    used = _used([model.get("panels", []), model.get("annotations", {}), model.get("title", "")])
    used |= {panel["repeat"] for panel in model.get("panels", []) if "repeat" in panel}
    for variable in variables:
        inside = _used([variable.get("query"), variable.get("regex", "")])
        if variable["name"] in inside:
            yield f"variable {variable['name']!r} asks for itself"
        used |= inside
    yield from (f"variable {name!r} is used and not defined" for name in sorted(used - names.keys()))
    yield from (f"variable {name!r} is defined and not used" for name in sorted(names.keys() - used))


def _used(node: object) -> set[str]:
    """The variables in all texts below `node`; names that begin with two underscores are Grafana's own."""
    if isinstance(node, str):
        found = {next(filter(None, match)) for match in VARIABLE.findall(node)}
        return {name for name in found if not name.startswith("__")}
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return {name for child in children for name in _used(child)}


def _nodes(node: object) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _nodes(child)


def _secrets(written: str) -> Iterator[str]:
    """A key that holds a secret may only say where the secret comes from."""
    for key, value in SECRET_KEY.findall(written):
        if not FROM_OUTSIDE.fullmatch(value.strip()):
            yield f"{key} is written down; name a file or a variable that holds it"
    if SECRET_VALUE.search(written):
        yield "something that looks like a token or a key is written down"
