"""Skill score and win rate: how models do series by series, whatever the scale of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Direction = Literal["lower", "higher", "zero"]

BOUNDS = 0.01, 100.0
"""What a series' ratio to the baseline is clipped to, so that a single series cannot decide."""
SAME = 1e-12
"""Relative difference below which two errors are tied: the last digits of a sum say nothing."""


def loss_of(values: Floats, direction: Direction) -> Floats:
    """Values as losses, of which the lower is the better: |value| where 0 is best, -value where higher is better."""
    if direction == "zero":
        return np.abs(values)
    return -values if direction == "higher" else values


def games(losses: Floats) -> Floats:
    """Games won and games played by each model at each series, as sums [model, 2, series, 1].

    losses : [model, series], NaN where a model has none.

    A task is a series, and a model plays every rival there that has a loss too: 1 where its own is lower, 1/2 where
    they are the same. The win rate is the ratio of the sums over series.

    >>> games(np.array([[1.0, 2.0], [1.0, 5.0], [4.0, np.nan]]))[0, :, :, 0].tolist()
    [[1.5, 1.0], [2.0, 1.0]]
    """
    out = np.zeros((len(losses), 2, losses.shape[1], 1))
    for model, own in enumerate(losses):
        for rival in (losses[k] for k in range(len(losses)) if k != model):
            played = ~np.isnan(own) & ~np.isnan(rival)
            tie = np.abs(own - rival) <= SAME * np.maximum(np.abs(own), np.abs(rival))
            out[model, 0, :, 0] += np.where(played, np.where(tie, 0.5, own < rival), 0.0)
            out[model, 1, :, 0] += played
    return out


def log_ratios(values: Floats, baseline: int, direction: Direction) -> Floats | None:
    """Log of each series' error over the baseline's, and 1, as sums [model, 2, series, 1].

    values : [model, series]; baseline : position of the model that all are compared with.

    The ratio is of values, of |values| where 0 is best, and upside down where higher is better: twice the value is half
    the error. It is clipped to .01 and 100; 0/0 is 1, and x/0 is 100. The skill is 1 - exp(mean of the logs): the part
    of the baseline's error that is saved. Series where either has no value are left out. None where values are
    negative and should not be: a ratio of them means nothing.

    >>> values = np.array([[2.0, 0.0, 3.0], [4.0, 0.0, 0.0]])
    >>> np.exp(log_ratios(values, 1, "lower")[0, 0, :, 0]).round(2).tolist()
    [0.5, 1.0, 100.0]
    """
    errors = np.abs(values) if direction == "zero" else values
    if (errors < 0).any():
        return None
    over = np.broadcast_to(errors[baseline], errors.shape)
    above, below = (over, errors) if direction == "higher" else (errors, over)
    known = ~np.isnan(above) & ~np.isnan(below)
    ratio = np.divide(above, below, out=np.where(above == 0, 1.0, np.inf), where=known & (below > 0))
    logs = np.where(known, np.log(np.clip(ratio, *BOUNDS)), 0.0)
    return np.stack([logs, known.astype(np.float64)], axis=1)[..., None]


def win_rate(sums: Floats) -> Floats:
    """Share of the games won, from [..., (won, played)] sums; NaN where none was played."""
    won, played = sums[..., 0], sums[..., 1]
    return np.divide(won, played, out=np.full_like(won, np.nan), where=played > 0)


def skill(sums: Floats) -> Floats:
    """1 - geometric mean of the ratios, from [..., (log, count)] sums; NaN where there is none."""
    return 1 - np.exp(win_rate(sums))
