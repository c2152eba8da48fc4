"""Small symmetric positive definite systems, solved with sums and products in a fixed order.

A linear algebra library adds in an order that depends on the processor, and then the last bits differ.
"""

from analytics.segment import Floats


def solved(matrix: Floats, right: Floats) -> Floats:
    """X with matrix·x = right, by elimination without pivots: `matrix` (n, n, …), `right` (n, …), x (n, …).

    Trailing axes are systems of their own. Meant for a few unknowns; nobody checks that the matrix is definite.

    >>> import numpy as np
    >>> solved(np.array([[4.0, 2.0], [2.0, 3.0]]), np.array([2.0, 5.0])).tolist()
    [-0.5, 2.0]
    """
    left, x = matrix.copy(), right.copy()
    count = len(x)
    for pivot in range(count):
        for row in range(pivot + 1, count):
            factor = left[row, pivot] / left[pivot, pivot]
            left[row, pivot:] = left[row, pivot:] - factor * left[pivot, pivot:]
            x[row] = x[row] - factor * x[pivot]
    for row in range(count - 1, -1, -1):
        for column in range(row + 1, count):
            x[row] = x[row] - left[row, column] * x[column]
        x[row] = x[row] / left[row, row]
    return x
