"""Typed identifiers, so that a tag id can never be passed where a unit id belongs."""

from typing import NewType

UnitId = NewType("UnitId", int)
PositionId = NewType("PositionId", int)
TagId = NewType("TagId", int)
BatchId = NewType("BatchId", int)
ProcessVersionId = NewType("ProcessVersionId", int)
UnitProcedureId = NewType("UnitProcedureId", int)
ReferenceId = NewType("ReferenceId", int)
MonitorId = NewType("MonitorId", int)
AlertId = NewType("AlertId", int)
ActorId = NewType("ActorId", int)
