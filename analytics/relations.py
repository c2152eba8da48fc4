"""Learning how tags move together: ridge weights that explain every tag's change by the others."""

from dataclasses import dataclass

import numpy as np

from analytics.detectors.balance import CLIP
from analytics.segment import Floats

PENALTIES = (1.0, 10.0, 100.0, 1000.0, 10000.0)
REDUNDANT = 0.9  # two tags whose changes agree so well measure one thing and must not explain each other


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """Changes, and summed deviations over a window by its length, (batches, cells, tags), in typical SD."""

    change: Floats
    level: Floats


def moves(values: Floats, mean: Floats, scale: Floats, window: int) -> Moves:
    """What `Balance` sees of completed batches: `values` (batches, cells, tags), `mean` (cells, tags)."""
    deviation = np.clip((values - mean) / scale, -CLIP, CLIP)
    deviation = _carried_forward(deviation)
    cells = deviation.shape[1]
    first = np.maximum(np.arange(cells) - window, 0)
    sums = np.cumsum(deviation, axis=1)
    # Divided by the whole window, so that a flow explains as much of a change while the window is still filling.
    level = (sums - sums[:, first]) / window
    return Moves(change=deviation - deviation[:, first], level=level)


def learn_weights(seen: Moves) -> Floats:
    """Weights (2, explaining, explained): of changes, then of levels.

    Columns are scaled to unit RMS; the penalty of every tag is the one with the least squared error in left-out
    batches.
    """
    batches, _, tags = seen.change.shape
    columns = np.concatenate([seen.change, seen.level], axis=2)
    rms = np.sqrt((columns**2).mean(axis=(0, 1)))
    rms = np.where(rms > 1e-9, rms, np.inf)
    columns = columns / rms
    grams = np.array([part.T @ part for part in columns])
    products = np.array([part.T @ change for part, change in zip(columns, seen.change, strict=True)])
    squares = (seen.change**2).sum(axis=1)
    gram, product = grams.sum(axis=0), products.sum(axis=0)
    alike = _alike(seen.change)
    weights = np.zeros((2 * tags, tags))
    for tag in range(tags):
        others = np.flatnonzero(np.tile(alike[:, tag] < REDUNDANT, 2) & (np.arange(2 * tags) % tags != tag))
        if len(others) == 0 or not squares[:, tag].any():
            continue
        pick = np.ix_(others, others)
        ridge = np.array([penalty * np.eye(len(others)) for penalty in PENALTIES])
        errors = np.zeros(len(PENALTIES))
        for batch in range(batches):
            left = gram[pick] - grams[batch][pick]
            right = (product - products[batch])[others, tag]
            solved = np.linalg.solve(left + ridge, np.broadcast_to(right[:, None], (len(ridge), len(others), 1)))
            for number, part in enumerate(solved[:, :, 0]):
                errors[number] += (
                    squares[batch, tag] - 2.0 * part @ products[batch][others, tag] + part @ grams[batch][pick] @ part
                )
        best = ridge[int(np.argmin(errors))]
        weights[others, tag] = np.linalg.solve(gram[pick] + best, product[others, tag])
    scaled: Floats = (weights / rms[:, None]).reshape(2, tags, tags)
    return scaled


def unexplained(seen: Moves, weights: Floats) -> Floats:
    """Residuals (batches, cells, tags) in typical SD."""
    residual: Floats = seen.change - seen.change @ weights[0] - seen.level @ weights[1]
    return residual


def _alike(change: Floats) -> Floats:
    """Absolute correlation of the changes of any two tags, 0 where one never changes."""
    flat = change.reshape(-1, change.shape[2])
    centred = flat - flat.mean(axis=0)
    norms = np.sqrt((centred**2).sum(axis=0))
    norms = np.where(norms > 1e-9, norms, np.inf)
    correlation: Floats = np.abs(centred.T @ centred / np.outer(norms, norms))
    return correlation


def _carried_forward(deviation: Floats) -> Floats:
    """Missing cells keep the last deviation of their tag, 0 before the first."""
    filled = deviation.copy()
    filled[:, 0] = np.nan_to_num(filled[:, 0])
    for cell in range(1, filled.shape[1]):
        filled[:, cell] = np.where(np.isnan(filled[:, cell]), filled[:, cell - 1], filled[:, cell])
    return filled
