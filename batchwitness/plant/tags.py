"""The tags of the demo plant: what each process measures, in which unit, how well and within which approved range."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TagSpec:
    """One tag of one process. Noise is the standard deviation of one reading about the truth."""

    name: str
    measurand: str
    unit_of_measure: str  # UCUM
    principle: str
    physical: tuple[float, float]
    decimals: int
    noise: float = 0.0  # absolute, in unit_of_measure
    relative_noise: float = 0.0  # share of the value
    relative_accuracy: float = 0.0  # SD of the gain between batches
    approved: tuple[float, float] | None = None  # proven acceptable range while the process runs


AUTOMATED_TAGS = (
    TagSpec(
        name="temperature",
        measurand="culture temperature",
        unit_of_measure="Cel",
        principle="Pt100 in the culture",
        physical=(0.0, 60.0),
        decimals=2,
        noise=0.03,
        approved=(35.0, 38.5),
    ),
    TagSpec(
        name="pH",
        measurand="pH",
        unit_of_measure="[pH]",
        principle="optical sensor spot",
        physical=(4.0, 10.0),
        decimals=2,
        noise=0.01,
        approved=(6.8, 7.6),
    ),
    TagSpec(
        name="dissolved_oxygen",
        measurand="dissolved oxygen, share of air saturation",
        unit_of_measure="%",
        principle="optical sensor spot",
        physical=(0.0, 200.0),
        decimals=1,
        noise=0.7,
        approved=(20.0, 100.0),
    ),
    TagSpec(
        name="gas_o2",
        measurand="oxygen in the gas mix",
        unit_of_measure="%",
        principle="mass flow controllers",
        physical=(0.0, 100.0),
        decimals=1,
        relative_noise=0.01,
        relative_accuracy=0.01,
    ),
    TagSpec(
        name="gas_co2",
        measurand="carbon dioxide in the gas mix",
        unit_of_measure="%",
        principle="mass flow controllers",
        physical=(0.0, 100.0),
        decimals=2,
        relative_noise=0.01,
        relative_accuracy=0.01,
    ),
    TagSpec(
        name="heater_duty",
        measurand="heater duty",
        unit_of_measure="%",
        principle="controller output",
        physical=(0.0, 100.0),
        decimals=1,
        noise=1.5,
    ),
    TagSpec(
        name="base_rate",
        measurand="base feed rate",
        unit_of_measure="mL/h",
        principle="pump command",
        physical=(0.0, 50.0),
        decimals=3,
    ),
    TagSpec(
        name="feed_rate",
        measurand="medium feed rate",
        unit_of_measure="mL/h",
        principle="pump command",
        physical=(0.0, 100.0),
        decimals=2,
    ),
    TagSpec(
        name="feed_total",
        measurand="medium fed since the start",
        unit_of_measure="mL",
        principle="pump totaliser of the command",
        physical=(0.0, 20000.0),
        decimals=1,
    ),
    TagSpec(
        name="weight",
        measurand="culture weight",
        unit_of_measure="g",
        principle="load cell",
        physical=(-50.0, 2000.0),
        decimals=1,
        noise=1.0,
        relative_accuracy=0.001,
    ),
    TagSpec(
        name="agitation",
        measurand="agitation speed",
        unit_of_measure="/min",
        principle="drive encoder",
        physical=(0.0, 200.0),
        decimals=1,
        noise=0.1,
    ),
    TagSpec(
        name="glucose",
        measurand="glucose concentration",
        unit_of_measure="mmol/L",
        principle="online enzymatic biosensor",
        physical=(0.0, 60.0),
        decimals=1,
        relative_noise=0.04,
        relative_accuracy=0.02,
    ),
    TagSpec(
        name="lactate",
        measurand="lactate concentration",
        unit_of_measure="mmol/L",
        principle="online enzymatic biosensor",
        physical=(0.0, 100.0),
        decimals=1,
        relative_noise=0.04,
        relative_accuracy=0.02,
    ),
    TagSpec(
        name="viable_cell_density",
        measurand="viable cell density",
        unit_of_measure="10*6/mL",
        principle="capacitance",
        physical=(0.0, 100.0),
        decimals=2,
        noise=0.03,
        relative_noise=0.03,
        relative_accuracy=0.04,
    ),
)

MANUAL_TAGS = (
    TagSpec(
        name="temperature",
        measurand="incubator temperature",
        unit_of_measure="Cel",
        principle="incubator display",
        physical=(0.0, 60.0),
        decimals=1,
        noise=0.1,
        approved=(35.0, 38.5),
    ),
    TagSpec(
        name="co2",
        measurand="carbon dioxide in the incubator",
        unit_of_measure="%",
        principle="incubator display",
        physical=(0.0, 100.0),
        decimals=1,
        noise=0.1,
        approved=(3.0, 7.0),
    ),
    TagSpec(
        name="glucose",
        measurand="glucose concentration",
        unit_of_measure="mmol/L",
        principle="hand-held enzymatic strip",
        physical=(0.0, 60.0),
        decimals=1,
        relative_noise=0.05,
        relative_accuracy=0.03,
    ),
    TagSpec(
        name="lactate",
        measurand="lactate concentration",
        unit_of_measure="mmol/L",
        principle="hand-held enzymatic strip",
        physical=(0.0, 100.0),
        decimals=1,
        relative_noise=0.05,
        relative_accuracy=0.03,
    ),
    TagSpec(
        name="viable_cell_density",
        measurand="viable cell density",
        unit_of_measure="10*6/mL",
        principle="counting chamber, trypan blue",
        physical=(0.0, 100.0),
        decimals=2,
        relative_noise=0.06,
        relative_accuracy=0.05,
    ),
    TagSpec(
        name="viability",
        measurand="viable share of the cells",
        unit_of_measure="%",
        principle="counting chamber, trypan blue",
        physical=(0.0, 100.0),
        decimals=0,
        noise=2.0,
    ),
)
