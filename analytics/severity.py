"""How soon somebody has to look at an alert: one rule for each kind, of what the alert itself says."""

from store.model.alert import AlertSeverity

FAR_BEYOND = 1.5  # a score half as large again as its limit is no borderline case
FAR_OFF_SD = 5.0  # a tag that lies so far from the reference is no borderline case either
SEVERAL_TAGS = 3  # tags that leave the reference together: no single instrument
ADVISORY_LAYER = "prediction"  # limits of six to nineteen reference batches


def drift_severity(*, layer: str, ratio: float, distance_sd: float, tags: int) -> AlertSeverity:
    """Of a drift in so many tags: the largest score is `ratio` times its limit, the farthest tag `distance_sd` off.

    >>> drift_severity(layer="ewma", ratio=1.1, distance_sd=3.4, tags=1)
    <AlertSeverity.MEDIUM: 'medium'>
    >>> drift_severity(layer="ewma", ratio=1.1, distance_sd=3.4, tags=3)
    <AlertSeverity.HIGH: 'high'>
    >>> drift_severity(layer="prediction", ratio=2.5, distance_sd=6.0, tags=1)
    <AlertSeverity.LOW: 'low'>
    """
    if layer == ADVISORY_LAYER:
        return AlertSeverity.LOW
    grave = ratio >= FAR_BEYOND or distance_sd >= FAR_OFF_SD or tags >= SEVERAL_TAGS
    return AlertSeverity.HIGH if grave else AlertSeverity.MEDIUM


def silence_severity(*, silent: int, watched: int) -> AlertSeverity:
    """Of `silent` tags of the `watched` that owe readings; a unit of which nothing is known comes first."""
    return AlertSeverity.HIGH if silent >= watched else AlertSeverity.MEDIUM


def signal_severity(*, outside: bool) -> AlertSeverity:
    """Of a signal between batches: whether one batch lies outside its limits, or several say something together.

    Never high: no batch that runs becomes better by somebody's looking now. A process that creeps has time.
    """
    return AlertSeverity.MEDIUM if outside else AlertSeverity.LOW


def graver(one: AlertSeverity, other: AlertSeverity) -> AlertSeverity:
    """The graver of two."""
    order = list(AlertSeverity)
    return max(one, other, key=order.index)
