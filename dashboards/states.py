"""The words and colours of states, the same on every board: grey is for silence and green only for what runs well."""

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models.dashboard import (
    DashboardSpecialValueMapOptions,
    SpecialValueMap,
    SpecialValueMatch,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

# Distinct in lightness too, so that they can be told apart without seeing the hue.
GREEN: Final = "#2e7d32"
RED: Final = "#d50000"
AMBER: Final = "#ff9100"
BLUE: Final = "#1f4e79"
GREY: Final = "#9e9e9e"
BAND: Final = "#5794f2"
OLD: Final = "#b877d9"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The word and the colour of one value."""

    text: str
    color: str


UNIT_STATES: Final = {
    "running": Shown(text="RUNNING", color=GREEN),
    "alert": Shown(text="ALERT", color=RED),
    "idle": Shown(text="IDLE", color=BLUE),
    "no_data": Shown(text="NO DATA", color=GREY),
}
ENVELOPE: Final = {
    "in": Shown(text="inside", color=GREEN),
    "out": Shown(text="OUTSIDE", color=RED),
    "unknown": Shown(text="unknown", color=GREY),
}
ALERT_STATES: Final = {
    "raised": Shown(text="RAISED", color=RED),
    "acknowledged": Shown(text="acknowledged", color=AMBER),
    "assessed": Shown(text="assessed", color=BLUE),
    "closed": Shown(text="closed", color=GREY),
}
SEVERITIES: Final = {
    "high": Shown(text="HIGH", color=RED),
    "medium": Shown(text="medium", color=AMBER),
    "low": Shown(text="low", color=BLUE),
}
SAMPLE_STATES: Final = {
    "not_yet_drawn": Shown(text="to be drawn", color=BLUE),
    "awaited": Shown(text="awaited", color=BLUE),
    "overdue": Shown(text="OVERDUE", color=RED),
}
RESULT_STATES: Final = {
    "preliminary": Shown(text="preliminary", color=BLUE),
    "final": Shown(text="final", color=GREEN),
    "corrected": Shown(text="CORRECTED", color=AMBER),
    "invalidated": Shown(text="INVALIDATED", color=RED),
}
SIGNAL_STATES: Final = {
    "holds": Shown(text="HOLDS", color=RED),
    "taken_back": Shown(text="taken back", color=GREY),
    "superseded": Shown(text="superseded", color=GREY),
}


def grey() -> ThresholdsConfig:
    """The ground on which everything stands until a mapping says otherwise."""
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps([Threshold(color=GREY, value=None)])


def words(shown: dict[str, Shown]) -> list[ValueMapping]:
    """Value mappings for the named values, and NO DATA in grey where there is none."""
    return [
        ValueMap(
            options={
                value: ValueMappingResult(text=how.text, color=how.color, index=index)
                for index, (value, how) in enumerate(shown.items())
            }
        ),
        SpecialValueMap(
            options=DashboardSpecialValueMapOptions(
                match=SpecialValueMatch.NULL_AND_NAN,
                result=ValueMappingResult(text="NO DATA", color=GREY, index=len(shown)),
            )
        ),
    ]
