"""Since when a score has been on one side of the reference, without keeping the scores."""

from typing import Self

import numpy as np

from analytics.packing import pack, unpack
from analytics.segment import Floats


class Onset:
    """Per column the first cell of the present run beyond 1 on one side, one cell of doubt forgiven.

    Three numbers a column, however long the batch.

    >>> onset = Onset(1)
    >>> for cell, score in enumerate([0.2, 1.4, 0.8, 1.6]):
    ...     onset.update(cell, np.array([score]))
    >>> onset.began(0, 3)
    1
    >>> onset.update(4, np.array([-1.2]))
    >>> onset.began(0, 4)
    4
    """

    def __init__(self, columns: int) -> None:
        self._first = np.zeros(columns, np.int64)
        self._side = np.zeros(columns)  # 0: no run
        self._doubtful = np.zeros(columns, np.int64)

    def update(self, cell: int, scores: Floats) -> None:
        """`scores` (columns,) in units in which 1 is ordinary; NaN says nothing."""
        side = np.where(np.abs(scores) >= 1.0, np.sign(scores), 0.0)
        begins = (side != 0.0) & (side != self._side)
        goes_on = (side != 0.0) & ~begins
        doubted = (side == 0.0) & ~np.isnan(scores) & (self._side != 0.0)
        self._first = np.where(begins, cell, self._first)
        self._side = np.where(begins, side, self._side)
        self._doubtful = np.where(begins | goes_on, 0, self._doubtful + doubted)
        self._side = np.where(self._doubtful > 1, 0.0, self._side)

    def began(self, column: int, cell: int) -> int:
        """The first cell of the present run; `cell` itself where there is none."""
        return int(self._first[column]) if self._side[column] != 0.0 else cell

    def to_bytes(self) -> bytes:
        """First cells, sides and doubts."""
        return pack("onset", 1, {}, {"first": self._first, "side": self._side, "doubtful": self._doubtful})

    def restore(self, data: bytes) -> Self:
        """These runs in the state those bytes describe."""
        _, arrays = unpack("onset", 1, data)
        self._first, self._side, self._doubtful = arrays["first"], arrays["side"], arrays["doubtful"]
        return self
