"""Whether a dashboard is what the SDK's classes say one is: no unknown key, no wrong type, no unknown word.

Grafana itself drops unknown keys and words in silence, and the SDK keeps wrong values as they come, so both
directions are needed: what vanishes on the way through the classes, and what their annotations do not allow.
"""

import enum
import json
import types
import typing
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.cog.runtime import Runtime
from grafana_foundation_sdk.models import dashboard as sdk

ADDED_BY_SDK = {"auto", "auto_min", "auto_count"}  # interval settings it gives to every variable


def panel_types() -> frozenset[str]:
    """The panel plugins the SDK knows options for: all of Grafana's own."""
    register_default_plugins()
    return frozenset(Runtime().panelcfg_variants)


def schema_faults(model: dict[str, Any]) -> list[str]:
    """What in `model` no class of the SDK provides for, as `path: reason`."""
    register_default_plugins()
    try:
        read = sdk.Dashboard.from_json(model)
        faults = list(_lost(model, json.loads(json.dumps(read, cls=JSONEncoder)), ""))
        faults += list(_disallowed(read, sdk.Dashboard, ""))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return [f"/: the SDK cannot read it: {error!r}"]
    for index, panel in enumerate(model.get("panels", [])):
        for override in panel.get("fieldConfig", {}).get("overrides", []):
            if not (override.keys() >= {"matcher", "properties"} and override["matcher"].keys() >= {"id", "options"}):
                faults.append(f"/panels/{index}: an override without matcher or properties")
                continue
            for prop in override["properties"]:
                path = f"/panels/{index}/override {override['matcher']['options']!r}/{prop['id']}"
                faults += _property_faults(panel["type"], prop["id"], prop.get("value"), path)
    return faults


def _property_faults(panel_type: str, name: str, value: object, path: str) -> list[str]:
    """An override names a property in dots and the SDK leaves its value alone: read it as the default it overrides."""
    if name.startswith("custom."):
        variant = Runtime().panelcfg_variants.get(panel_type)
        read_as = variant.field_config_from_json_hook if variant else None
        if read_as is None:
            return [f"{path}: a {panel_type} panel has no properties of its own"]
        key = name.removeprefix("custom.")
    else:
        read_as, key = sdk.FieldConfig.from_json, name
    try:
        read = read_as({key: value})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return [f"{path}: the SDK cannot read it: {error!r}"]
    faults = list(_lost({key: value}, json.loads(json.dumps(read, cls=JSONEncoder)), path))
    # A data link is stored shorter than the dashboard link whose class the SDK reads it with.
    return faults if name == "links" else faults + list(_disallowed(read, type(read), path))


def _lost(given: object, kept: object, path: str) -> typing.Iterator[str]:
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            if key in kept:
                yield from _lost(value, kept[key], f"{path}/{key}")
            elif key not in ADDED_BY_SDK and value is not None:
                yield f"{path}/{key}: no such key"
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for index, (value, kept_value) in enumerate(zip(given, kept, strict=True)):
            yield from _lost(value, kept_value, f"{path}/{index}")
    elif given != kept:
        yield f"{path}: {given!r} is read as {kept!r}"


def _disallowed(value: object, hint: Any, path: str) -> typing.Iterator[str]:
    if isinstance(value, list):
        items = [one for one in _choices(hint) if typing.get_origin(one) is list]
        for index, item in enumerate(value):
            yield from _disallowed(item, typing.get_args(items[0])[0] if items else object, f"{path}/{index}")
    elif isinstance(value, dict):
        maps = [one for one in _choices(hint) if typing.get_origin(one) is dict]
        for key, item in value.items():
            yield from _disallowed(item, typing.get_args(maps[0])[1] if maps else object, f"{path}/{key}")
    elif type(value).__module__.startswith("grafana_foundation_sdk.models"):
        if isinstance(value, enum.Enum):
            return
        for name, inner in typing.get_type_hints(type(value)).items():
            yield from _disallowed(getattr(value, name), inner, f"{path}/{name.removesuffix('_val')}")
    elif not any(_allows(one, value) for one in _choices(hint)):
        yield f"{path}: {value!r} is not {_named(hint)}"


def _choices(hint: Any) -> tuple[Any, ...]:
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if is_union else (hint,)


def _allows(hint: Any, value: object) -> bool:
    if typing.get_origin(hint) is typing.Literal:
        return value in typing.get_args(hint)
    if not isinstance(hint, type):
        return hint is Any
    if issubclass(hint, enum.Enum):
        return any(value == member.value for member in hint)
    if hint in (int, float):  # a bool is an int to Python, not to Grafana
        return isinstance(value, (int, hint)) and not isinstance(value, bool)
    return isinstance(value, hint)


def _named(hint: Any) -> str:
    words = []
    for one in _choices(hint):
        if isinstance(one, type) and issubclass(one, enum.Enum):
            words.append("one of " + ", ".join(repr(member.value) for member in one))
        elif one is not types.NoneType:
            words.append(str(getattr(one, "__name__", one)))
    return " or ".join(words)
