"""Many seeds of the plant without a broker: what rates of true and false alerts are measured on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from batchwitness.plant.batches import SimulatedBatch, simulate
from batchwitness.plant.faults import Fault
from batchwitness.plant.scenario import FEED_UNDERDELIVERS, HEATER_FADES
from batchwitness.plant.specs import BatchSpec, randomness

PLANTED = (HEATER_FADES, FEED_UNDERDELIVERS)
SEEDS_AT_ONCE = 8  # about 0.4 GB


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One plant, drawn afresh: reference, unchanged and faulty batches. Faults are in the batches' specs."""

    seed: int
    reference: tuple[SimulatedBatch, ...]
    unchanged: tuple[SimulatedBatch, ...]
    faulty: tuple[SimulatedBatch, ...]


def trials(
    seeds: Sequence[int],
    *,
    reference: int = 24,
    unchanged: int = 4,
    faults: Sequence[Fault] = PLANTED,
    interval_s: float = 300.0,
    phases_sd_h: float = 0.0,
) -> Iterator[Trial]:
    """AUTO-2.0 plants, one a seed, with one faulty batch a fault; a few seeds are in memory at a time.

    `phases_sd_h` is by how much operators begin phases earlier or later.
    """
    size = reference + unchanged + len(faults)
    for first in range(0, len(seeds), SEEDS_AT_ONCE):
        chunk = seeds[first : first + SEEDS_AT_ONCE]
        specs = [spec for seed in chunk for spec in _specs(seed, reference + unchanged, faults, phases_sd_h)]
        batches = simulate(specs, interval_s=interval_s)
        for number, seed in enumerate(chunk):
            of_seed = batches[number * size : (number + 1) * size]
            yield Trial(
                seed=seed,
                reference=tuple(of_seed[:reference]),
                unchanged=tuple(of_seed[reference : reference + unchanged]),
                faulty=tuple(of_seed[reference + unchanged :]),
            )


def _specs(seed: int, healthy: int, faults: Sequence[Fault], phases_sd_h: float) -> list[BatchSpec]:
    random = randomness("trial", seed)
    plain = [
        BatchSpec(
            name=f"T{seed}-{number:03d}",
            process="AUTO-2.0",
            donor=f"D{seed}-{number:03d}",
            seed=seed,
            activator_lot=f"ACT-{seed}-{number // 6}",
            vector_lot=f"VEC-{seed}-{number // 5}",
            clock_h=float(random.uniform(0.0, 24.0)),
            phases_sd_h=phases_sd_h,
        )
        for number in range(healthy + len(faults))
    ]
    return [
        *plain[:healthy],
        *(replace(spec, fault=fault) for spec, fault in zip(plain[healthy:], faults, strict=True)),
    ]
