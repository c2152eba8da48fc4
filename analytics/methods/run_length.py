"""How many batches a chart takes to signal: in control, and after a shift.

Independent normal values, known limits, from the start of the chart. Integral equations by Gauss–Legendre quadrature,
solved by elimination: a few dozen unknowns.
"""

import math
from collections.abc import Callable, Sequence

from scipy import special

NODES = 48


def shewhart_run_length(shift: float, *, reach: float = 3.0) -> float:
    """Mean number of points until one lies beyond ± reach, after a shift of the mean; all in sigma.

    >>> round(shewhart_run_length(0.0), 1), round(shewhart_run_length(1.0), 2)
    (370.4, 43.89)
    """
    return 1.0 / (_below(-reach - shift) + _below(shift - reach))


def cusum_run_length(shift: float, *, slack: float, decision: float) -> float:
    """Mean run of the two-sided tabular CUSUM: 1/L = 1/L⁺ + 1/L⁻ (van Dobben de Bruyn 1968).

    Each side by L(z) = 1 + L(0)Φ(k − z − δ) + ∫₀ʰ L(x)φ(x + k − z − δ)dx (Page 1954).

    >>> round(cusum_run_length(1.0, slack=0.5, decision=5.0), 2)
    10.38
    """
    sides = [_one_sided(sign * shift, slack=slack, decision=decision) for sign in (1.0, -1.0)]
    return 1.0 / math.fsum(1.0 / side for side in sides)


def ewma_run_length(shift: float, *, weight: float, reach: float) -> float:
    """Mean run of the EWMA with the limits of late points: L(z) = 1 + 1/λ ∫ L(x)φ((x − (1 − λ)z)/λ − δ)dx.

    Crowder (1987). The chart's own limits are narrower at its first points, which makes real runs a little shorter.

    >>> round(ewma_run_length(1.0, weight=0.2, reach=2.962), 1)
    10.5
    """
    half = reach * math.sqrt(weight / (2.0 - weight))
    nodes, parts = _quadrature(-half, half)

    def kernel(z: float, x: float) -> float:
        return _density((x - (1.0 - weight) * z) / weight - shift) / weight

    at_nodes = _solved(nodes, parts, kernel)
    return 1.0 + math.fsum(part * kernel(0.0, x) * run for x, part, run in zip(nodes, parts, at_nodes, strict=True))


def _one_sided(shift: float, *, slack: float, decision: float) -> float:
    inner, parts = _quadrature(0.0, decision)
    # The first unknown is the run from zero, where the sum rests with a probability of its own.
    nodes = [0.0, *inner]
    weights = [1.0, *parts]

    def kernel(z: float, x: float) -> float:
        return _below(slack - z - shift) if x == 0.0 else _density(x + slack - z - shift)

    return _solved(nodes, weights, kernel)[0]


def _solved(nodes: Sequence[float], parts: Sequence[float], kernel: Callable[[float, float], float]) -> list[float]:
    """Runs from every node: L = 1 + KL."""
    size = len(nodes)
    table = [[float(i == j) - parts[j] * kernel(nodes[i], nodes[j]) for j in range(size)] + [1.0] for i in range(size)]
    for column in range(size):
        pivot = max(range(column, size), key=lambda line: abs(table[line][column]))
        table[column], table[pivot] = table[pivot], table[column]
        head = table[column]
        for line in range(column + 1, size):
            factor = table[line][column] / head[column]
            if factor:
                table[line] = [a - factor * b for a, b in zip(table[line], head, strict=True)]
    runs = [0.0] * size
    for line in reversed(range(size)):
        rest = math.fsum(table[line][column] * runs[column] for column in range(line + 1, size))
        runs[line] = (table[line][size] - rest) / table[line][line]
    return runs


def _quadrature(low: float, high: float) -> tuple[list[float], list[float]]:
    nodes, parts = special.roots_legendre(NODES)
    half = (high - low) / 2.0
    return [float(low + half * (1.0 + node)) for node in nodes], [float(half * part) for part in parts]


def _below(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def _density(z: float) -> float:
    return math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
