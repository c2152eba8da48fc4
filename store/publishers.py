"""Who may speak for a unit: what others say of it does not enter the record."""

from collections.abc import Mapping

from store.directory import Directory, KnownUnit
from store.errors import PayloadRejected
from store.fields import shown


def refused_publisher(object_: Mapping[str, object], unit: KnownUnit, directory: Directory) -> PayloadRejected | None:
    """Why this object's publisher may not speak for the unit; None when it may.

    A unit nobody is registered for takes everybody. The name is what the object says of itself; that nobody says
    another's is for the broker's access rules to see to.
    """
    if not unit.publishers:
        return None
    stated = object_.get("publisher")
    if type(stated) is str and unit.publishers.get(stated):
        return None
    if type(stated) is str and directory.knows_publisher(stated):
        return PayloadRejected("publisher_not_allowed", f"publisher {shown(stated)} may not speak for this unit")
    who = "an object without publisher" if stated is None else f"publisher {shown(stated)}"
    return PayloadRejected("unknown_publisher", f"{who}: this unit takes only its registered publishers")
