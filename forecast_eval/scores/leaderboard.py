"""The leaderboard: models on one metric, with intervals, paired differences, tests, and who may be the best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.faults import Fault, nearest, refuse

from ..inference import draw, resampled_means, resampled_ratios
from .standing import Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from ..inference import Draws
    from .skill import Direction

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

COLUMNS = (
    "model", "metric", "value", "low", "high", "difference", "difference_low", "difference_high",
    "skill", "skill_low", "skill_high", "win_rate", "win_low", "win_high",
    "dm_p", "dm_p_holm", "p_best", "tied", "n_obs", "n_series", "n_cutoffs",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Sums of one metric's statistic, of every model on the same observations.

    direction : which values are better; "zero" where both signs are bad.
    sums : [model, component, series, cutoff] sums over the steps of the observations that all models have; 0 where
        there are none. A cutoff may stand for a block of time where there are very many.
    finish : [..., component] sums -> [...] value, NaN where there is nothing to divide by.
    per_series : the value is the mean over series of `finish` of each series' sums over cutoffs, without the series
        where that is NaN; else it is `finish` of the sums over series and cutoffs.
    weight : [series] importance in that mean; None where all series count the same.
    observations : [series, cutoff] number of observations that all models have. None takes a cell for observed where
        any sum is not 0, and leaves their number unknown.
    """

    models: tuple[str, ...]
    metric: str
    direction: Direction
    sums: Floats
    finish: Callable[[Floats], Floats]
    per_series: bool = False
    weight: Floats | None = None
    observations: Ints | None = None

    @property
    def observed(self) -> Flags:
        """Whether any model has an observation [series, cutoff]."""
        return np.asarray((self.sums != 0).any(axis=(0, 1)) if self.observations is None else self.observations > 0)

    def of(self, series: Flags, cutoffs: Flags) -> Measured:
        """The same of some series and cutoffs only."""
        if series.all() and cutoffs.all():
            return self
        counts = None if self.observations is None else self.observations[series][:, cutoffs]
        weight = None if self.weight is None else self.weight[series]
        return replace(self, sums=self.sums[:, :, series][..., cutoffs], weight=weight, observations=counts)

    def finite(self) -> tuple[Measured, tuple[str, ...]]:
        """The same, with a model whose sums overflow or are NaN taken for one without observations; and its name."""
        fine = np.asarray(np.isfinite(self.sums).all(axis=(1, 2, 3)))
        if fine.all():
            return self, ()
        sums = np.where(fine[:, None, None, None], self.sums, 0.0)
        return replace(self, sums=sums), tuple(m for m, ok in zip(self.models, fine, strict=True) if not ok)

    def of_each_series(self) -> Floats:
        """Value of each series over all cutoffs [model, series]."""
        return self.finish(np.moveaxis(self.sums.sum(axis=3), 1, -1))

    def at_each_cutoff(self) -> Floats:
        """Value of each cutoff over all series [model, cutoff]."""
        if not self.per_series:
            return self.finish(np.moveaxis(self.sums.sum(axis=2), 1, -1))
        values = self.finish(np.moveaxis(self.sums, 1, -1))  # [model, series, cutoff]
        weight = np.ones(values.shape[1]) if self.weight is None else self.weight
        shares = ~np.isnan(values) * weight[:, None]
        total, count = (np.nan_to_num(values) * shares).sum(axis=1), shares.sum(axis=1)
        return np.asarray(np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0))

    def values(self, draws: Draws) -> Floats:
        """Value in every replicate [replicate, model]."""
        if self.per_series:
            return resampled_means(self.sums, draws, self.finish, weight=self.weight)
        return resampled_ratios(self.sums, draws, self.finish)


@dataclass(frozen=True, slots=True, eq=False)
class Resampling:
    """How the uncertainty of a leaderboard is found.

    clusters : [series] code of each series' cluster, as its store; blocks : [cutoff] code of each cutoff's block of
        time, see `inference.time_blocks`.
    overlap : ceil(horizon / step) - 1, over how many later cutoffs a horizon reaches; for the Diebold-Mariano test.
    """

    clusters: Ints
    blocks: Ints
    confidence: float = 0.95
    replicates: int = 1000
    overlap: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that no interval can be made with; all at once."""
        faults = []
        if not 0.5 <= self.confidence < 1:
            faults.append(_fault("confidence", self.confidence, "be from 0.5 to below 1", "0.95 is usual"))
        elif self.replicates * (1 - self.confidence) < 2:
            least = int(np.ceil(2 / (1 - self.confidence)))
            faults.append(_fault("replicates", self.replicates, f"be >= {least}", "1000 is usual"))
        if self.overlap < 0:
            faults.append(_fault("overlap", self.overlap, "be >= 0", "give ceil(horizon / step) - 1"))
        refuse(faults)

    def draws(self, series: Flags, cutoffs: Flags) -> Draws:
        """Draws of the series and cutoffs that have observations; always the same ones for the same of these."""
        rng = np.random.default_rng(self.seed)
        return draw(self.clusters[series], self.blocks[cutoffs], replicates=self.replicates, rng=rng)


@dataclass(frozen=True, slots=True, eq=False)
class Leaderboard:
    """One row a metric and model, the best of a metric first; and what could not be computed, in words.

    value, low, high : the metric with its interval, over clusters and blocks; see `inference.interval`.
    difference : by how much worse than the best model, in the metric's unit and never negative: of |values| where 0 is
        best. The interval is paired; since the best was chosen by the same data, it leans away from 0.
    skill : part of the baseline's error that is saved, by the geometric mean over series; win_rate : share of series
        and rivals that are beaten. Their intervals rest on clusters of series and take the cutoffs as they are: they
        are too narrow where models take turns in time.
    dm_p, dm_p_holm : Diebold-Mariano test against the best model, from the metric of each cutoff; as it is, and
        adjusted for the number of rivals. It asks whether a lead on these very series lasts over time; that the best
        was chosen by the same data makes both somewhat too small.
    p_best : share of the replicates in which the model is the best.
    tied : the model may be the best, on other series and times as well; see `inference.tied_with_best` for what is
        guaranteed.
    n_obs, n_series, n_cutoffs : what the value rests on; n_obs is NaN where `Measured` does not say.
    """

    table: pd.DataFrame
    notes: tuple[str, ...] = field(default=())


def leaderboard(
    measured: Measured | Iterable[Measured] | Mapping[str, Measured],
    *,
    resampling: Resampling,
    baseline: str | None = None,
) -> Leaderboard:
    """Rank models on one metric, or on each of several, with the same draws for all; see `Leaderboard`.

    baseline : the model that skill is measured against; None leaves skill NaN.

    Raises InputError where the baseline is no model, or codes do not fit the sums.

    >>> sums = np.array([[[[2.0, 4.0, 3.0]], [[1.0, 1.0, 1.0]]], [[[3.0, 5.0, 5.0]], [[1.0, 1.0, 1.0]]]])
    >>> mae = Measured(("b", "a"), "mae", "lower", sums, lambda s: s[..., 0] / np.where(s[..., 1], s[..., 1], np.nan))
    >>> found = leaderboard(mae, resampling=Resampling(np.zeros(1, dtype=int), np.arange(3)), baseline="a")
    >>> found.table[["model", "value", "difference", "skill", "win_rate"]].round(3).values.tolist()
    [['b', 3.0, 0.0, 0.308, 1.0], ['a', 4.333, 1.333, 0.0, 0.0]]
    """
    tables: list[pd.DataFrame] = []
    notes: list[str] = []
    kept: dict[bytes, Draws] = {}
    for one in _each(measured):
        refuse(list(_misfits(one, resampling, baseline)))
        whole, lost = one.finite()
        series, cutoffs = (np.asarray(whole.observed.any(axis=axis)) for axis in (1, 0))
        key = series.tobytes() + cutoffs.tobytes()
        if key not in kept:
            kept = {key: resampling.draws(series, cutoffs)}  # the last ones only: they may be large
        part = whole.of(series, cutoffs)
        standing = Standing(part, kept[key], baseline, resampling.confidence, resampling.overlap)
        notes += [*standing.notes(), *(f"{one.metric}: sums of {name} are not finite" for name in lost)]
        tables.append(standing.table()[list(COLUMNS)])
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))
    return Leaderboard(table, tuple(dict.fromkeys(notes)))


def _each(measured: Measured | Iterable[Measured] | Mapping[str, Measured]) -> Iterable[Measured]:
    if isinstance(measured, Measured):
        return [measured]
    return measured.values() if isinstance(measured, Mapping) else measured


def _misfits(measured: Measured, resampling: Resampling, baseline: str | None) -> Iterator[Fault]:
    series, cutoffs = measured.sums.shape[2:]
    for name, codes, size in (("clusters", resampling.clusters, series), ("blocks", resampling.blocks, cutoffs)):
        if len(codes) != size:
            of = "series" if name == "clusters" else "cutoffs"
            yield _fault(
                name, f"{len(codes)} codes", f"be as many as the {size} {of}", f"give one code for each of {of}"
            )
    if baseline is not None and baseline not in measured.models:
        yield _fault("baseline", repr(baseline), "be one of the models", nearest(baseline, measured.models))


def _fault(name: str, value: object, rule: str, fix: str) -> Fault:
    return Fault("leaderboard", f"{name}={value} must {rule}", f"leaderboard.{name}", fix)
