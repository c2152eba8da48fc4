"""What people put right in the record: nothing is written over, what held before can be shown."""

from enum import StrEnum


class CorrectionKind(StrEnum):
    """What a correction is about."""

    READINGS = "readings"
    INTERVALS = "intervals"  # of unit procedures and phases, and which batch a unit procedure belongs to
    STARTING_MATERIAL = "starting_material"  # what a batch started from


class RevisionKind(StrEnum):
    """What somebody said of a reading."""

    CORRECTED = "corrected"  # another value holds
    INVALIDATED = "invalidated"  # no value holds
    REINSTATED = "reinstated"  # it holds as it arrived
    SETTLED = "settled"  # of two values that contradict each other, one holds


class AlertOutcome(StrEnum):
    """What a correction did to an alert: of the run before it and the run after it."""

    UNCORRECTED = "uncorrected"  # nothing it rests on was corrected
    UNCHANGED = "unchanged"  # raised again just as it was
    CHANGED = "changed"  # raised again at another time, with another score or on other tags
    NEW = "new"  # raised only after the correction
    RECOMPUTING = "recomputing"  # the run after the correction has not come so far yet
    NOT_TOLD = "not_told"  # of a revision that catches up with its batch, or was given up before it had
    RAISED_AGAIN = "raised_again"  # of an earlier run: a later one raised it just as it was
    REPLACED = "replaced"  # of an earlier run: a later one raised it otherwise
    NO_LONGER_RAISED = "no_longer_raised"  # of an earlier run: after the correction it is not raised
    WITHDRAWN = "withdrawn"  # of a signal: by corrected results no rule is broken any more


class QuarantineState(StrEnum):
    """What became of something that was put aside."""

    OPEN = "open"
    REQUESTED = "requested"  # somebody asked ingest to take it again
    STORED = "stored"  # taken again, and in the record now
    REPLACED = "replaced"  # taken again, and refused for another reason, which has a row of its own
    SET_ASIDE = "set_aside"  # for good: somebody decided that it stays out of the record
