"""Alerts in words: complete sentences for a person, with what, how much and since when."""

from collections.abc import Sequence

from store.model.plant import Tag

# On these scales zero is a convention, so a percentage of the value would mean nothing.
NO_RATIO_UNITS = frozenset({"Cel", "K", "[pH]", "pH"})


def drift_sentence(
    *,
    tag: Tag,
    value: float,
    expected: float,
    sd: float,
    since_h: float,
    others: Sequence[tuple[Tag, float]],
    batches: int,
    advisory: bool,
) -> str:
    """`value` and `expected` are means since `since_h`; `others` are further tags with their signed z."""
    amount = amount_of(tag, value - expected, expected)
    text = (
        f"{spoken(tag)} is {amount} {direction(value - expected)} the reference since hour {since_h:.1f} "
        f"({quantity(value, tag)} against {quantity(expected, tag)} expected, "
        f"{abs(value - expected) / sd:.1f} SD of {batches} reference batches)"
    )
    if others:
        named = ", ".join(f"{spoken(other)} ({direction(z)})" for other, z in others[:4])
        more = f" and {len(others) - 4} more" if len(others) > 4 else ""
        text += f"; also {named}{more}"
    if advisory:
        text += f"; advisory, because {batches} batches are too few for learned limits"
    return as_sentence(text)


def balance_sentence(
    *,
    tag: Tag,
    surplus: float,
    window_h: float,
    value: float,
    expected: float,
    since_h: float,
    others: Sequence[Tag],
    batches: int,
) -> str:
    """`surplus` is the unexplained change over the last `window_h`; `value` and `expected` are those of now."""
    text = (
        f"{spoken(tag)} changed over {window_h:g} h by {quantity(abs(surplus), tag)} "
        f"{'more' if surplus > 0 else 'less'} than the other tags explain, since hour {since_h:.1f} "
        f"(now {quantity(value, tag)}, reference {quantity(expected, tag)}; relations of {batches} batches)"
    )
    return as_sentence(text + also_named(others))


def declared_sentence(
    *,
    tag: Tag,
    balance: str,
    check: str,
    span_h: float,
    score: float,
    limit: float,
    surplus: float | None,
    since_h: float,
    others: Sequence[Tag],
    batches: int,
) -> str:
    """`score` and `limit` are in SD of the balance; `surplus` is in the tag's unit over the span, None without one.

    `check` is what a person looks at first.
    """
    amount = "" if surplus is None else f" by {quantity(abs(surplus), tag)} over {span_h:g} h"
    text = (
        f"{spoken(tag)} is {'more' if score > 0 else 'less'} than the {balance} balance explains{amount}, "
        f"since hour {since_h:.1f} ({abs(score):.1f} SD of {batches} batches over {span_h:g} h, limit {limit:.1f})"
    )
    return as_sentence(f"{text}{also_named(others)}; check {check}")


def assay_sentence(
    *,
    tag: Tag,
    assay: str,
    difference: float,
    usual: float,
    samples: int,
    since_h: float,
    others: Sequence[Tag],
    batches: int,
) -> str:
    """`difference` is the mean of assay − online over the last samples, `usual` the SD of one, in the tag's unit."""
    last = "the last sample is" if samples == 1 else f"the last {samples} samples are on average"
    text = (
        f"{spoken(tag)} and {assay} disagree since hour {since_h:.1f}: {last} {quantity(abs(difference), tag)} "
        f"{direction(difference)} the online value (one sample differs by {quantity(usual, tag)} SD in {batches} "
        "batches): the online sensor may have drifted"
    )
    return as_sentence(text + also_named(others))


def components_sentence(
    *, statistic: str, score: float, limit: float, since_h: float, driven_by: Sequence[tuple[Tag, float]], batches: int
) -> str:
    """`statistic` is the layer; `driven_by` are the tags with their shares, the largest first."""
    said = {
        "hotelling_t2": ("taken together the tags lie away from the reference", "Hotelling's T²"),
        "spe": ("the tags do not move together as they do in the reference", "the squared prediction error"),
    }
    what, name = said[statistic]
    return as_sentence(
        f"{what} since hour {since_h:.1f} (the root of {name} is {score:.1f}, limit {limit:.1f}; {batches} reference "
        f"batches); driven by {_shares(driven_by)}"
    )


def pace_sentence(
    *,
    pace: float,
    maturity: float,
    due: float,
    by_phases: bool,
    score: float,
    limit: float,
    since_h: float,
    told_by: Sequence[tuple[Tag, float]],
    batches: int,
) -> str:
    """`pace` is relative to the reference's; `maturity` and `due` say where the batch is and was due, 0 to 1."""
    return as_sentence(
        f"the batch matures at {100 * pace:.0f} % of the reference's pace since hour {since_h:.1f} (maturity "
        f"{maturity:.2f}, {due:.2f} by {'its phases' if by_phases else 'the clock'}; {abs(score):.1f} SD of {batches} "
        f"reference batches, limit {limit:.1f}); told by {_shares(told_by)}"
    )


def own_past_sentence(
    *, tag: Tag, value: float, expected: float, score: float, limit: float, since_h: float, others: Sequence[Tag]
) -> str:
    """`expected` is what the batch's own past foretells of the newest cell."""
    text = (
        f"{spoken(tag)} is {direction(value - expected)} what the batch's own past foretells since hour {since_h:.1f} "
        f"(now {quantity(value, tag)}, {quantity(expected, tag)} foretold; {abs(score):.1f} SD of such forecasts, "
        f"limit {limit:.1f})"
    )
    return as_sentence(text + also_named(others))


def departure_sentence(
    *, tag: Tag, value: float, expected: float, sd: float, hour: float, batches: int, inside: int, compared: int
) -> str:
    """At one matched point: the value here, the old process's mean and SD there."""
    return as_sentence(
        f"{spoken(tag)} departs from the old process at hour {hour:.1f}: {quantity(value, tag)} against "
        f"{quantity(expected, tag)} in {batches} old batches, {abs(value - expected) / sd:.1f} old SD "
        f"{direction(value - expected)}; {inside} of {compared} matched points so far lie within the limits that "
        f"alert"
    )


def range_sentence(*, tag: Tag, value: float, low: float, high: float, kind: str, since_h: float) -> str:
    """`low` and `high` may be infinite."""
    side, bound = ("below", low) if value < low else ("above", high)
    return as_sentence(
        f"{spoken(tag)} at {quantity(value, tag)} is {side} the {kind.replace('_', ' ')} limit of "
        f"{quantity(bound, tag)} since hour {since_h:.1f}"
    )


def silence_sentence(*, tags: Sequence[Tag], watched: int, since_h: float, until_h: float | None = None) -> str:
    """`watched` is how many tags owe regular readings; `until_h` is when the last of them spoke again."""
    if len(tags) == watched and watched > 1:
        if until_h is not None:
            return as_sentence(
                f"no tag of the unit spoke from hour {since_h:.1f} to {until_h:.1f} ({watched} should have)"
            )
        return as_sentence(f"no tag of the unit has spoken since hour {since_h:.1f} ({watched} are expected to)")
    named = ", ".join(spoken(tag) for tag in tags[:5])
    more = f" and {len(tags) - 5} more" if len(tags) > 5 else ""
    if until_h is not None:
        verb = "was" if len(tags) == 1 else "were"
        return as_sentence(f"{named}{more} {verb} silent from hour {since_h:.1f} to {until_h:.1f}")
    verb = "has" if len(tags) == 1 else "have"
    return as_sentence(f"{named}{more} {verb} been silent since hour {since_h:.1f}")


def spike_sentence(*, tag: Tag, readings: int, value: float, since_h: float, last_h: float) -> str:
    """Single readings outside the approved range; `value` is the last of them."""
    if readings == 1:
        return as_sentence(
            f"a single reading of {spoken(tag)} at hour {last_h:.1f} lay outside its range: {quantity(value, tag)}; "
            f"the next one was inside"
        )
    return as_sentence(
        f"{readings} single readings of {spoken(tag)} lay outside its range from hour {since_h:.1f} to {last_h:.1f}, "
        f"the last at {quantity(value, tag)}; after each the next one was inside"
    )


def bad_sentence(*, tag: Tag, since_h: float) -> str:
    """A tag that says of all its readings that they are bad."""
    return as_sentence(
        f"{spoken(tag)} has sent bad readings only since hour {since_h:.1f}: they are stored, and it cannot be judged "
        f"meanwhile; look at the sensor and its connection"
    )


def sparse_sentence(*, tags: Sequence[Tag], readings: int, fewest: int, width_h: float, since_h: float) -> str:
    """Tags whose cells hold too few readings; `readings` and `fewest` are those of the first in one cell."""
    counted = "one reading" if readings == 1 else f"{readings} readings"
    text = (
        f"{spoken(tags[0])} has been read too seldom since hour {since_h:.1f} and cannot be judged meanwhile: "
        f"{counted} in {width_h:g} h, where the reference needs {fewest}; look for readings lost on the way, or draft "
        f"a reference from batches that were read as often"
    )
    return as_sentence(text + also_named(tags[1:]))


def spoken(tag: Tag) -> str:
    """A tag as a person calls it: what it measures, with its name where they differ."""
    if not tag.measurand or tag.measurand.casefold() == tag.name.replace("_", " ").casefold():
        return tag.measurand or tag.name
    return f"{tag.measurand} ({tag.name})"


def quantity(value: float, tag: Tag) -> str:
    """A value with four significant digits and its unit."""
    number = f"{value:.4g}"
    return number if tag.unit_of_measure in {"1", "[pH]", "pH", ""} else f"{number} {tag.unit_of_measure}"


def also_named(others: Sequence[Tag]) -> str:
    """What follows a first tag: the other ones, four by name."""
    if not others:
        return ""
    more = f" and {len(others) - 4} more" if len(others) > 4 else ""
    return f"; also {', '.join(spoken(other) for other in others[:4])}{more}"


def _shares(tags: Sequence[tuple[Tag, float]]) -> str:
    named = [f"{spoken(tag)} ({100 * share:.0f} %)" for tag, share in tags[:4]]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"


def amount_of(tag: Tag, difference: float, expected: float) -> str:
    """How large a difference is, in per cent where zero is no convention."""
    if tag.unit_of_measure not in NO_RATIO_UNITS and tag.measurand != "pH" and expected > 0:
        return f"{100 * abs(difference) / expected:.3g} %"
    return quantity(abs(difference), tag)


def direction(difference: float) -> str:
    """On which side."""
    return "above" if difference > 0 else "below"


def as_sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    # pH keeps its p.
    first = text[0] if text[1:2].isupper() else text[0].upper()
    return first + text[1:] + "."
