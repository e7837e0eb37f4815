"""Numbers and definitions that others have published about comparing models."""

import numpy as np
import pytest

from forecast_eval.inference import adjusted
from forecast_eval.scores.leaderboard import Measured, Resampling, leaderboard

BENJAMINI_HOCHBERG = (
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0,
)  # fmt: skip


@pytest.mark.parametrize(("method", "rejected"), [("bonferroni", 3), ("holm", 3), ("benjamini-hochberg", 4)])
def test_rejections_of_benjamini_and_hochberg_1995(method, rejected):
    """The 15 p-values of their example, at level .05."""
    assert (adjusted(np.array(BENJAMINI_HOCHBERG), method=method) <= 0.05).sum() == rejected


def test_win_rate_and_skill_are_those_of_fev():
    """Win rate: mean over tasks and rivals of 1(e<e') + 1(tie)/2; skill: 1 - geometric mean of clip(e/b, .01, 100)."""
    errors = np.array([
        [0.5, 3.0, 0.0, 4.0, 2.0, 700.0],
        [1.0, 3.0, 0.0, 1.0, 0.0, 2.0],  # the baseline
        [2.0, 3.0, 1.0, 1.0, 0.001, 1.0],
    ])  # fmt: skip
    models, tasks = errors.shape
    measured = Measured(("good", "base", "odd"), "mae", "lower", errors[:, None, :, None], lambda s: s[..., 0])
    resampling = Resampling(np.arange(tasks), np.arange(1))
    got = leaderboard(measured, resampling=resampling, baseline="base").table.set_index("model")
    for m, name in enumerate(measured.models):
        wins = [
            float(errors[m, t] < errors[r, t]) + 0.5 * float(errors[m, t] == errors[r, t])
            for t in range(tasks) for r in range(models) if r != m
        ]  # fmt: skip
        clipped = []
        for t in range(tasks):
            ours, base = errors[m, t], errors[1, t]
            ratio = ours / base if base else (1.0 if ours == 0 else np.inf)  # 0/0 is 1
            clipped.append(min(max(ratio, 0.01), 100.0))
        assert got.loc[name, "win_rate"] == pytest.approx(np.mean(wins))
        assert got.loc[name, "skill"] == pytest.approx(1 - np.prod(clipped) ** (1 / tasks))
    assert got.loc["base", "skill"] == 0
