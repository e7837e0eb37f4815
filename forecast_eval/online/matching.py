"""Groups of alike units, as many in each as arms have to be filled."""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

LARGEST_GROUP = 12
"""Units in a matched group; shares that need more are no shares for matching."""
ROUNDS = 30
SEED = 1
"""Rounds of improvement part the groups at random; the same units give the same groups."""


def group_size(shares: Sequence[float]) -> int | None:
    """Fewest units that hold every arm in its share; None where those are too many.

    >>> group_size([1, 1]), group_size([0.2, 0.4]), group_size([1, 3.14159])
    (2, 3, None)
    """
    parts = [Fraction(share / sum(shares)).limit_denominator(LARGEST_GROUP) for share in shares]
    size = lcm(*(part.denominator for part in parts))
    exact = all(abs(part - share / sum(shares)) < 1e-6 for part, share in zip(parts, shares, strict=True))
    return size if exact and size <= LARGEST_GROUP else None


def matched_groups(points: Floats, size: int) -> Ints:
    """Code of each unit's group [unit]: `size` units each, near each other in the space of `points` [unit, axis].

    Groups are begun by the unit that is farthest from the rest, with its nearest neighbours; then they are parted at
    random and joined again at the least sum of squared distances, by optimal assignment, as long as that helps. Units
    that are left over join the nearest group, one a group: by themselves they would tell nothing.

    >>> matched_groups(np.array([[1.0], [9.0], [1.2], [8.0], [8.2]]), 2).tolist()
    [0, 1, 0, 1, 1]
    """
    units = len(points)
    if size < 2 or units < 2 * size:
        return np.zeros(units, dtype=np.int64)
    members, left = _begun(points, size)
    rng = np.random.default_rng(SEED)
    for _ in range(ROUNDS):
        members = _joined_again(points, members, rng)
    codes = np.empty(units, dtype=np.int64)
    codes[members] = np.arange(len(members))[:, None]
    centres = points[members].mean(axis=1)
    free = np.ones(len(members), dtype=bool)
    for unit in left:
        nearest = int(np.where(free, ((centres - points[unit]) ** 2).sum(axis=1), np.inf).argmin())
        codes[unit], free[nearest] = nearest, False
    return _by_first_unit(codes)


def _begun(points: Floats, size: int) -> tuple[Ints, list[int]]:
    """Groups [group, member] made greedily from the outside in, and the units that are left over."""
    left = list(np.argsort(-((points - points.mean(axis=0)) ** 2).sum(axis=1), kind="stable"))
    groups = []
    while len(left) >= size:
        first, others = left[0], np.array(left[1:], dtype=np.int64)
        nearest = others[np.argsort(((points[others] - points[first]) ** 2).sum(axis=1), kind="stable")[: size - 1]]
        groups.append([first, *nearest])
        taken = {first, *nearest.tolist()}
        left = [unit for unit in left if unit not in taken]
    return np.array(groups, dtype=np.int64), [int(unit) for unit in left]


def _joined_again(points: Floats, members: Ints, rng: np.random.Generator) -> Ints:
    """Take one member out of each group and give the members taken out to the groups at least distance."""
    from scipy.optimize import linear_sum_assignment

    mixed = rng.permuted(members, axis=1)
    stay, moved = mixed[:, 1:], mixed[:, 0]
    # sum over those who stay of |x - s|^2 is n * |x - mean|^2 but for what no assignment changes
    gaps = points[moved][:, None, :] - points[stay].mean(axis=1)[None, :, :]  # [moved, group, axis]
    rows, columns = linear_sum_assignment((gaps**2).sum(axis=2))
    joined = np.empty(len(members), dtype=np.int64)
    joined[columns] = moved[rows]
    return np.column_stack([joined, stay])


def _by_first_unit(codes: Ints) -> Ints:
    """Give groups the numbers in which their first units stand."""
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse], dtype=np.int64)
