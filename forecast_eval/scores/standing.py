"""Where each model stands on one metric: the columns of the leaderboard."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..inference import adjusted, best_shares, diebold_mariano, interval, tied_with_best
from ..inference.bootstrap import resampled_ratios
from ..inference.diebold_mariano import cutoffs_needed
from .skill import games, log_ratios, loss_of, skill, win_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from ..inference import Draws
    from .leaderboard import Measured

    Floats = NDArray[np.float64]
    Columns = Mapping[str, object]

TRUSTED = 8
"""Cutoffs for each that a horizon spans, below which the Diebold-Mariano test rejects clearly too often."""


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """Models on one metric.

    measured : of the series and cutoffs that have observations; draws : of their clusters and blocks.
    baseline : model that skill is measured against, or None; overlap : see `diebold_mariano`.
    """

    measured: Measured
    draws: Draws
    baseline: str | None
    confidence: float
    overlap: int

    def table(self) -> pd.DataFrame:
        """One row a model, the best first, those without a value last; the columns of `leaderboard.COLUMNS`."""
        names = {"model": self.measured.models, "metric": self.measured.metric}
        values, replicates = self.measured.values(self.draws.once())[0], self.measured.values(self.draws)
        losses = loss_of(values, self.measured.direction)
        columns: dict[str, object] = {
            **names,
            **self._ends("value", ("low", "high"), values, replicates),
            **self._against_best(losses, loss_of(replicates, self.measured.direction)),
            **self._by_series(),
            **self._tests(losses),
            **self._counts(values),
        }
        order = np.argsort(np.where(np.isnan(losses), np.inf, losses), kind="stable")
        return pd.DataFrame(columns).iloc[order].reset_index(drop=True)

    def notes(self) -> tuple[str, ...]:
        """What could not be computed, or is not to be trusted, in words."""
        if not self.measured.observed.any():
            return (f"{self.measured.metric}: no observations that all models have",)
        return (*self.draws.notes, *self._skill_notes(), *self._test_notes())

    def _ends(self, name: str, ends: tuple[str, str], estimate: Floats, replicates: Floats) -> Columns:
        found = interval(estimate, replicates, confidence=self.confidence, draws=self.draws)
        return {name: estimate, **dict(zip(ends, found, strict=True))}

    def _against_best(self, losses: Floats, replicates: Floats) -> Columns:
        """Differences to the best model, and who else may be the best."""
        best = _best(losses)
        gap = partial(self._ends, "difference", ("difference_low", "difference_high"))
        return {
            **gap(losses - losses[best], replicates - replicates[:, [best]]),
            "p_best": np.where(np.isnan(losses), np.nan, best_shares(replicates)),
            "tied": tied_with_best(losses, replicates, confidence=self.confidence, draws=self.draws),
        }

    def _by_series(self) -> Columns:
        values = self.measured.of_each_series()
        played = games(loss_of(values, self.measured.direction))
        columns = {**self._over_series("win_rate", ("win_low", "win_high"), played, win_rate, least=0.0)}
        logs = self._logs(values)
        if logs is None:
            logs = np.zeros_like(played)
        return {**self._over_series("skill", ("skill_low", "skill_high"), logs, skill, least=-np.inf), **columns}

    def _over_series(
        self, name: str, ends: tuple[str, str], sums: Floats, finish: Callable[[Floats], Floats], *, least: float
    ) -> Columns:
        """A figure made of sums [model, 2, series, 1], with its interval over clusters of series, at most 1."""
        draws = self.draws.of_series()
        estimate = resampled_ratios(sums, draws.once(), finish)[0]
        found = interval(estimate, resampled_ratios(sums, draws, finish), confidence=self.confidence, draws=draws)
        return {name: estimate, **{end: np.clip(f, least, 1.0) for end, f in zip(ends, found, strict=True)}}

    def _logs(self, values: Floats) -> Floats | None:
        if self.baseline is None:
            return None
        return log_ratios(values, self.measured.models.index(self.baseline), self.measured.direction)

    def _skill_notes(self) -> Iterator[str]:
        if self.baseline is None:
            return
        logs = self._logs(self.measured.of_each_series())
        if logs is None:
            yield f"{self.measured.metric}: no skill score, since values of series are negative"
        elif not logs[:, 1].any():
            yield f"{self.measured.metric}: no skill score, since the baseline {self.baseline} has no value"

    def _tests(self, losses: Floats) -> Columns:
        """Diebold-Mariano tests of each rival against the best model."""
        best = _best(losses)
        over_time = loss_of(self.measured.at_each_cutoff(), self.measured.direction)
        p = [
            np.nan if model == best else diebold_mariano(own, over_time[best], overlap=self.overlap).p_value
            for model, own in enumerate(over_time)
        ]
        return {"dm_p": np.array(p), "dm_p_holm": adjusted(np.array(p))}

    def _test_notes(self) -> Iterator[str]:
        cutoffs, needed = self.measured.sums.shape[3], cutoffs_needed(self.overlap)
        if cutoffs < needed:
            yield f"no Diebold-Mariano test: {cutoffs} cutoffs are fewer than {needed}"
        elif self.overlap and cutoffs < TRUSTED * (self.overlap + 1):
            yield (
                f"the Diebold-Mariano test rejects too often: {cutoffs} cutoffs whose horizons overlap with "
                f"{self.overlap} more are few"
            )

    def _counts(self, values: Floats) -> Columns:
        """What each value rests on; nothing where there is none."""
        valued, cells = ~np.isnan(values), self.measured.observed
        series = np.full(len(values), cells.any(axis=1).sum())
        if self.measured.per_series:
            series = (~np.isnan(self.measured.of_each_series())).sum(axis=1)
        counts = self.measured.observations
        return {
            "n_obs": np.full(len(values), np.nan) if counts is None else np.where(valued, int(counts.sum()), 0),
            "n_series": np.where(valued, series, 0),
            "n_cutoffs": np.where(valued, cells.any(axis=0).sum(), 0),
        }


def _best(losses: Floats) -> int:
    """Position of the lowest loss, the first of several; of the first model where none has one."""
    return int(np.argmin(np.where(np.isnan(losses), np.inf, losses)))
