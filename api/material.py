"""Whether the reference that judges a batch knows its kind of starting material."""

from collections.abc import Mapping


def unlike_reference(material: str | None, held: Mapping[str, int] | None) -> str | None:
    """What has to be said beside a verdict; None where the reference holds batches of the same kind, or there is none.

    `held` counts the batches a reference was learned from by kind, those without one as "not stated".

    >>> unlike_reference("healthy_donor", {"patient": 24})
    'it starts from healthy donor material, of which its reference holds no batch (24 patient): judged with reserve'
    >>> unlike_reference("patient", {"patient": 24}), unlike_reference("patient", None)
    (None, None)
    """
    if not held or (material is not None and material in held):
        return None
    kinds = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in held.items())
    if material is None:
        return f"nobody has stated what it starts from, so whether its reference fits ({kinds}) is unknown"
    kind = material.replace("_", " ")
    return f"it starts from {kind} material, of which its reference holds no batch ({kinds}): judged with reserve"
