"""What people type to draft limits, the choices they have, and which field a refusal is about."""

from dataclasses import dataclass
from typing import Annotated, Final

from psycopg import Connection
from pydantic import BaseModel, BeforeValidator, Field

from analytics.methods.chart_judge import rule_in_words
from analytics.methods.chart_rules import EVERY_RULE, batches_a_false_signal
from analytics.methods.run_rules import DEFAULT_RULES
from api.chart_rows import ChartDetail
from api.control_limits import SCALES, Order
from api.fields import LONGEST_NAME, NAME
from store.errors import BatchwitnessError
from store.model.chart import LimitsState, Summary
from store.model.result import Scale
from store.sql import queries

# A choice that nobody has made sends an empty text.
NONE_IF_EMPTY: Final = BeforeValidator(lambda said: said or None)
NameOrNone = Annotated[str, Field(max_length=LONGEST_NAME, pattern=f"^$|{NAME}")]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=NAME)]
Text = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]
FIELDS: Final = ("process", "attribute", "summary", "tag", "phase", "scale", "batches", "rules", "reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a chart can show."""

    processes: list[str]
    attributes: list[str]
    tags: list[str]
    phases: list[str]
    summaries: tuple[Summary, ...] = tuple(Summary)
    scales: tuple[Scale, ...] = SCALES


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChoice:
    """A rule, in words, and how seldom it errs in control."""

    rule: str
    words: str
    batches_a_false_signal: float


class Shown(BaseModel):
    """What a chart is to show, as chosen; "" and None: nothing was."""

    process: NameOrNone = ""
    attribute: NameOrNone = ""
    summary: Annotated[Summary | None, NONE_IF_EMPTY] = None
    tag: NameOrNone = ""
    phase: NameOrNone = ""
    scale: Annotated[Scale | None, NONE_IF_EMPTY] = None


class TypedLimits(Shown):
    """The fields of the form as they are shown; `batches` None: nobody has ticked any yet."""

    batches: list[Name] | None = None
    rules: list[Name] = [str(rule) for rule in DEFAULT_RULES]
    reason: Text = ""

    def to_order(self) -> Order:
        """What is asked for."""
        return Order(
            process=self.process,
            attribute=self.attribute or None,
            summary=self.summary,
            tag=self.tag or None,
            phase=self.phase or None,
            scale=self.scale,
            batches=self.batches or (),
            rules=self.rules,
        )


class PostedLimits(TypedLimits):
    """The fields of the form as they were sent: what is not ticked is not there."""

    batches: list[Name] = []
    rules: list[Name] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why something was not done, and the field that it stands beside; an empty one: it is about all of them."""

    field: str
    why: str


def refusal(error: BatchwitnessError | None) -> Refusal | None:
    """The refusal that an error tells, which begins with the names of fields where it is about some.

    >>> from store.errors import InputInvalid
    >>> refusal(InputInvalid("batches: CT-9 has no point"))
    Refusal(field='batches', why='CT-9 has no point')
    >>> refusal(InputInvalid("it is too late: others were faster"))
    Refusal(field='', why='it is too late: others were faster')
    """
    if error is None:
        return None
    names, colon, why = str(error).partition(": ")
    first = names.partition(", ")[0]
    return Refusal(field=first, why=why) if colon and first in FIELDS else Refusal(field="", why=str(error))


def read_choices(connection: Connection) -> Choices:
    """The processes, attributes, tags and phases that are known."""

    def names(query: str) -> list[str]:
        return [name for (name,) in connection.execute(queries("api_chart")[query])]

    return Choices(
        processes=names("processes"), attributes=names("attributes"), tags=names("tags"), phases=names("phases")
    )


def rule_choices() -> list[RuleChoice]:
    """Every rule."""
    return [
        RuleChoice(rule=rule, words=rule_in_words(rule), batches_a_false_signal=batches_a_false_signal(rule))
        for rule in EVERY_RULE
    ]


def further(detail: ChartDetail) -> TypedLimits:
    """The form for further limits of a chart: what it shows, and the rules it has now."""
    in_use = [limits for limits in detail.limits if limits.state is LimitsState.IN_USE]
    before = (in_use or detail.limits)[0]  # a chart is opened with a draft
    return TypedLimits(
        process=detail.chart.process,
        attribute=detail.chart.attribute or "",
        summary=detail.chart.summary,
        tag=detail.chart.tag or "",
        phase=detail.chart.phase or "",
        rules=before.rules,
    )
