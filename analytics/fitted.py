"""What reference batches taught a detector, as fields and arrays of a stored model."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np

from analytics.packing import Array

Fitted = TypeVar("Fitted")


def fields_of(part: Any) -> dict[str, Any]:
    """The fields of a dataclass that are no arrays, for JSON."""
    values = {field.name: getattr(part, field.name) for field in fields(part)}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if not isinstance(value, np.ndarray)
    }


def arrays_of(part: Any, prefix: str) -> dict[str, Array]:
    """The fields of a dataclass that are arrays, by `prefix` and name."""
    values = {field.name: getattr(part, field.name) for field in fields(part)}
    return {f"{prefix} {name}": value for name, value in values.items() if isinstance(value, np.ndarray)}


def fitted_from(kind: type[Fitted], plain: Mapping[str, Any], arrays: Mapping[str, Array], prefix: str) -> Fitted:
    """The dataclass that `fields_of` and `arrays_of` took apart. Raises TypeError when a field is missing."""
    start = f"{prefix} "
    kept = {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}
    return kind(**kept, **{name[len(start) :]: array for name, array in arrays.items() if name.startswith(start)})
