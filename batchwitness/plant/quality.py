"""What the laboratory reports about a batch: the truth with each assay's own error and delay."""

from dataclasses import dataclass, replace

import numpy as np

from batchwitness.plant.faults import FaultKind, share_lost
from batchwitness.plant.specs import BatchSpec, randomness

INFECTION_SPREAD = 0.3  # k of the negative binomial that ties copies to transduced cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One reported result; hours are since the start of the batch."""

    result: str
    attribute: str
    method: str
    specimen: str
    value: str
    unit_of_measure: str
    sampled_h: float
    measured_h: float
    status: str = "final"
    replaces: str | None = None
    stated_by: str = "qc.analyst"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a culture really became."""

    viability: float  # 0..1 at harvest
    fold: float  # live cells at harvest over live cells at the start
    viability_in_process: tuple[tuple[float, float], ...]  # hour, 0..1


@dataclass(frozen=True, slots=True, kw_only=True)
class Assay:
    """How an attribute is measured: method, unit (UCUM) and the hours from sample to result, from and to."""

    attribute: str
    method: str
    unit_of_measure: str
    delay_h: tuple[float, float]


ASSAYS = {
    assay.attribute: assay
    for assay in (
        Assay(attribute="in_process_viability", method="AO-PI counter v2", unit_of_measure="%", delay_h=(0.5, 2.0)),
        Assay(attribute="viability", method="AO-PI counter v2", unit_of_measure="%", delay_h=(0.5, 3.0)),
        Assay(attribute="transduced_fraction", method="flow cytometry FC-12", unit_of_measure="%", delay_h=(4.0, 24.0)),
        Assay(
            attribute="vector_copy_number",
            method="ddPCR VCN-3",
            unit_of_measure="{copies}/{cell}",
            delay_h=(24.0, 120.0),
        ),
        Assay(attribute="cd4_cd8_ratio", method="flow cytometry FC-12", unit_of_measure="1", delay_h=(4.0, 24.0)),
        Assay(attribute="fold_expansion", method="AO-PI counter v2", unit_of_measure="1", delay_h=(0.5, 3.0)),
        Assay(
            attribute="potency_ifn_gamma", method="co-culture ELISA P-7", unit_of_measure="pg/mL", delay_h=(48.0, 96.0)
        ),
        Assay(attribute="endotoxin", method="LAL cartridge E-1", unit_of_measure="[EU]/mL", delay_h=(2.0, 6.0)),
    )
}


def report(spec: BatchSpec, outcome: Outcome, *, harvest_h: float) -> list[Result]:
    """All results of a batch in the order in which they are measured."""
    random = randomness("laboratory", spec.name, spec.seed)
    donor = randomness("donor quality", spec.donor).standard_normal(3)
    transduced = _transduced(spec, float(donor[0]), random)
    copies = INFECTION_SPREAD * ((1.0 - transduced) ** (-1.0 / INFECTION_SPREAD) - 1.0)
    viability = _logistic(_logit(outcome.viability) + 0.3 * float(random.standard_normal()))
    final = {
        "viability": _percent(viability + 0.01 * float(random.standard_normal())),
        "transduced_fraction": _percent(transduced * _error(0.05, random)),
        "vector_copy_number": f"{copies * _error(0.08, random):.2f}",
        "cd4_cd8_ratio": f"{2.0 * np.exp(0.5 * float(donor[1])) * _error(0.10, random):.2f}",
        "fold_expansion": f"{outcome.fold * _error(0.06, random):.1f}",
        "potency_ifn_gamma": f"{900.0 * np.exp(0.6 * float(donor[2])) * transduced / 0.4 * _error(0.20, random):.0f}",
        "endotoxin": "<0.5" if random.random() < 0.95 else f"{random.uniform(0.5, 1.2):.2f}",
    }
    drawn = [
        ("in_process_viability", f"{spec.name}-IPC-{n}", at_h, _percent(share + 0.01 * float(random.standard_normal())))
        for n, (at_h, share) in enumerate(outcome.viability_in_process, 1)
    ] + [(attribute, f"{spec.name}-DP-1", harvest_h, value) for attribute, value in final.items()]
    results = []
    for number, (attribute, specimen, sampled_h, value) in enumerate(drawn, 1):
        assay = ASSAYS[attribute]
        results.append(
            Result(
                result=f"LIMS-{spec.name}-{number:02d}",
                attribute=attribute,
                method=assay.method,
                specimen=specimen,
                value=value,
                unit_of_measure=assay.unit_of_measure,
                sampled_h=sampled_h,
                measured_h=sampled_h + float(random.uniform(*assay.delay_h)),
            )
        )
    return sorted(results, key=lambda result: result.measured_h)


def late(result: Result, *, by_h: float) -> Result:
    """The same result, measured later than the plan allows."""
    return replace(result, measured_h=result.measured_h + by_h)


def corrected(result: Result, *, value: str, after_h: float) -> Result:
    """The laboratory's correction of a result, in the laboratory's words: a new result that replaces the old one."""
    return replace(
        result,
        result=f"{result.result}-C",
        value=value,
        status="corrected",
        replaces=result.result,
        measured_h=result.measured_h + after_h,
        stated_by="qc.lead",
    )


def _transduced(spec: BatchSpec, donor: float, random: np.random.Generator) -> float:
    """True share of transduced cells; donor, batch and vector lot add up on the logit scale."""
    lot = 0.15 * float(randomness("vector lot", spec.vector_lot).standard_normal())
    platform = 0.05 if spec.process == "AUTO-2.0" else 0.0
    logit = _logit(0.38) + platform + 0.3 * donor + 0.25 * float(random.standard_normal()) + lot
    titre = 1.0 - share_lost(spec.fault, FaultKind.WEAK_VECTOR_LOT)
    copies = INFECTION_SPREAD * ((1.0 - _logistic(logit)) ** (-1.0 / INFECTION_SPREAD) - 1.0) * titre
    return float(1.0 - (1.0 + copies / INFECTION_SPREAD) ** -INFECTION_SPREAD)


def _error(cv: float, random: np.random.Generator) -> float:
    return float(np.exp(cv * random.standard_normal()))


def _percent(share: float) -> str:
    return f"{100.0 * min(max(share, 0.0), 1.0):.1f}"


def _logit(share: float) -> float:
    return float(np.log(share / (1.0 - share)))


def _logistic(logit: float) -> float:
    return float(1.0 / (1.0 + np.exp(-logit)))
