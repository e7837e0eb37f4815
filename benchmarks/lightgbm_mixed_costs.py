"""LightGBM on rows that mix critical ratios: newsvendor cost, coverage and training time, side by side.

    OMP_NUM_THREADS=1 python benchmarks/lightgbm_mixed_costs.py [--seeds 3] [--rows 20000] [--leaves 31]

Demand is Gamma, with a mean of order 1000 and a spread that depend on five features, not linearly. Each row has a
critical ratio of .9 or .2 at random, at costs that add up to 10 a unit; the ratio is a sixth feature of all candidates.
All have 300 trees at LightGBM's default learning rate, on one thread. The oracle orders the true quantile.

Costs are means over seeds, as multiples of the oracle's. Time is the median over seeds of training alone, as a multiple
of one built-in quantile model, that of level .9, which is the faster one.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import lightgbm
import numpy as np
from scipy.stats import gamma

from losses import Newsvendor, UnitCosts
from losses.lightgbm import NewsvendorRegressor, objective

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Vector = NDArray[np.float64]
    Fit = Callable[["Rows"], Callable[["Rows"], Vector]]

RATIOS = (0.9, 0.2)
TREES = {"n_estimators": 300, "n_jobs": 1, "verbose": -1}
BUDGET, LIMIT, TIME = 0.03, 1.04, 2.0


@dataclass(frozen=True, slots=True)
class Rows:
    """Features [row, feature] with the critical ratio last, demand [row], and the order that is best [row]."""

    x: Vector
    demand: Vector
    best: Vector

    @property
    def ratio(self) -> Vector:
        """Critical ratio [row]."""
        return np.asarray(self.x[:, -1])

    @property
    def costs(self) -> UnitCosts:
        """Costs that add up to 10 a unit."""
        return UnitCosts(10 * self.ratio, 10 * (1 - self.ratio))

    def cost(self, order: Vector) -> float:
        """Mean newsvendor cost of an order [currency]."""
        return float(Newsvendor().value(self.demand, order, self.costs).mean())

    def of(self, ratio: float, order: Vector) -> float:
        """Share of the rows of a ratio whose demand is met."""
        mine = self.ratio == ratio
        return float(np.mean(self.demand[mine] <= order[mine]))


def market(rng: np.random.Generator, rows: int) -> Rows:
    """Gamma demand whose mean and shape depend on five features."""
    x = rng.normal(size=(rows, 5))
    ratio = rng.choice(RATIOS, rows)
    level = 0.5 * x[:, 0] + 0.4 * np.sin(2 * x[:, 1]) + 0.3 * x[:, 2] * (x[:, 3] > 0)
    mean, shape = 1000 * np.exp(level), np.exp(1.2 + 0.6 * np.tanh(x[:, 4]))
    return Rows(
        np.column_stack([x, ratio]), rng.gamma(shape, mean / shape), gamma.ppf(ratio, shape, scale=mean / shape)
    )


def ours(train: Rows) -> Callable[[Rows], Vector]:
    """Start at the best constant, majorise in every round."""
    model = NewsvendorRegressor(**TREES).fit(train.x, train.demand, costs=train.costs)
    return lambda rows: model.predict(rows.x)


def ours_as_objective(train: Rows) -> Callable[[Rows], Vector]:
    """The same derivatives, from 0."""
    model = lightgbm.LGBMRegressor(objective=objective(Newsvendor(), train.costs), **TREES)
    model.fit(train.x, train.demand)
    return lambda rows: model.predict(rows.x)


def raw_pinball(train: Rows) -> Callable[[Rows], Vector]:
    """The exact gradient with a constant curvature of 1."""

    def derivatives(demand: Vector, order: Vector) -> tuple[Vector, Vector]:
        return Newsvendor().gradient(demand, order, train.costs), np.ones_like(order)

    model = lightgbm.LGBMRegressor(objective=derivatives, **TREES).fit(train.x, train.demand)
    return lambda rows: model.predict(rows.x)


def fixed_tanh(train: Rows) -> Callable[[Rows], Vector]:
    """Majorise with one width for all rows and rounds, a tenth of the spread; start at the quantile."""
    costs = train.costs
    start = float(np.quantile(train.demand, np.mean(costs.critical_ratio())))
    width = 0.1 * float(np.mean(np.abs(train.demand - start)))

    def derivatives(demand: Vector, raw: Vector) -> tuple[Vector, Vector]:
        excess = raw + start - demand
        tilt = 5 * np.tanh(excess / (2 * width))
        slope = (costs.overage - costs.underage) / 2 + tilt
        return slope * width, np.where(excess == 0, 2.5, width * tilt / np.where(excess == 0, 1, excess))

    model = lightgbm.LGBMRegressor(objective=derivatives, **TREES).fit(train.x, train.demand)
    return lambda rows: model.predict(rows.x) + start


def doubled(train: Rows) -> Callable[[Rows], Vector]:
    """Each row twice in a weighted absolute error: pinball is absolute error plus a pull up or down."""
    pull = 2 * train.ratio - 1
    far = np.where(pull > 0, 2, -1) * train.demand.max()
    x, y = np.vstack([train.x, train.x]), np.concatenate([train.demand, far])
    weight = np.concatenate([np.ones_like(pull), np.abs(pull)])
    model = lightgbm.LGBMRegressor(objective="l1", **TREES).fit(x, y, sample_weight=weight)
    return lambda rows: model.predict(rows.x)


def built_in(train: Rows, *, own_rows: bool = False) -> Callable[[Rows], Vector]:
    """LightGBM's quantile objective, one model a ratio."""
    models = {}
    for ratio in RATIOS:
        keep = train.ratio == ratio if own_rows else slice(None)
        model = lightgbm.LGBMRegressor(objective="quantile", alpha=ratio, **TREES)
        models[ratio] = model.fit(train.x[keep], train.demand[keep])
    return lambda rows: np.select(
        [rows.ratio == ratio for ratio in RATIOS], [models[ratio].predict(rows.x) for ratio in RATIOS]
    )


def built_in_one(train: Rows) -> Callable[[Rows], Vector]:
    """One model of level .9 for all rows: the unit of time."""
    model = lightgbm.LGBMRegressor(objective="quantile", alpha=0.9, **TREES).fit(train.x, train.demand)
    return lambda rows: model.predict(rows.x)


def residual(train: Rows, *, held_out: bool = False) -> Callable[[Rows], Vector]:
    """Squared error times the ratio's quantile of demand / forecast, of the training rows or of a held-out fourth."""
    cut = len(train.demand) * 3 // 4 if held_out else len(train.demand)
    model = lightgbm.LGBMRegressor(**TREES).fit(train.x[:cut], train.demand[:cut])
    judged = slice(cut, None) if held_out else slice(None)
    least = 0.05 * train.demand.mean()
    quotient = train.demand[judged] / np.maximum(model.predict(train.x[judged]), least)
    factor = {ratio: np.quantile(quotient, ratio) for ratio in RATIOS}

    def order(rows: Rows) -> Vector:
        factors = np.select([rows.ratio == ratio for ratio in RATIOS], [factor[ratio] for ratio in RATIOS])
        return np.asarray(np.maximum(model.predict(rows.x), least) * factors)

    return order


CANDIDATES: dict[str, Fit] = {
    "NewsvendorRegressor": ours,
    "objective(Newsvendor(), costs)": ours_as_objective,
    "raw pinball, curvature 1": raw_pinball,
    "tanh, one width": fixed_tanh,
    "rows doubled into weighted L1": doubled,
    "built-in quantile per ratio": built_in,
    "the same, own rows only": lambda train: built_in(train, own_rows=True),
    "built-in quantile .9 for all": built_in_one,
    "L2 plus residual quantile": residual,
    "the same, held-out residuals": lambda train: residual(train, held_out=True),
}


def main() -> None:
    """Print the table and the summary line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--leaves", type=int, default=31, help="of every tree of every candidate; 31 is the default")
    given = parser.parse_args()
    TREES["num_leaves"] = given.leaves
    figures = np.empty((len(CANDIDATES), given.seeds, 4))  # [candidate, seed, (cost, covered .9, covered .2, seconds)]
    for seed in range(given.seeds):
        rng = np.random.default_rng(seed)
        train, test = market(rng, given.rows), market(rng, given.rows)
        for c, fit in enumerate(CANDIDATES.values()):
            began = time.perf_counter()
            forecast = fit(train)
            seconds = time.perf_counter() - began
            order = forecast(test)
            figures[c, seed] = test.cost(order) / test.cost(test.best), *(test.of(r, order) for r in RATIOS), seconds
    print(
        f"lightgbm {lightgbm.__version__}, {given.rows} rows to train and to test, {given.seeds} seeds, 300 trees of "
        f"{given.leaves} leaves, critical ratios {RATIOS}; costs / oracle"
    )
    report(figures)


def report(figures: Vector) -> None:
    """Table of means, then one line: ours against what was asked of it."""
    mean, spread = figures.mean(axis=1), figures[:, :, 0].std(axis=1)
    seconds = np.median(figures[:, :, 3], axis=1)
    names = list(CANDIDATES)
    unit = seconds[names.index("built-in quantile .9 for all")]
    print(f"{'':32s}{'cost':>8s}{'(sd)':>8s}{'at .9':>8s}{'at .2':>8s}{'time':>8s}")
    for c, name in enumerate(names):
        print(f"{name:32s}{mean[c, 0]:8.3f}{spread[c]:8.3f}{mean[c, 1]:8.3f}{mean[c, 2]:8.3f}{seconds[c] / unit:8.2f}")
    us, l2 = 0, names.index("L2 plus residual quantile")
    ratio = seconds[us] / unit
    covered = max(abs(mean[us, 1] - RATIOS[0]), abs(mean[us, 2] - RATIOS[1]))
    met = mean[us, 0] <= LIMIT and mean[us, 0] < mean[l2, 0] and covered <= BUDGET and ratio <= TIME
    print(
        f"{'MET' if met else 'MISSED'}: cost {mean[us, 0]:.3f} x oracle (<= {LIMIT}), L2 plus residual quantile "
        f"{mean[l2, 0]:.3f}; coverage off by {covered:.3f} at most (<= {BUDGET}); time {ratio:.2f} x built-in "
        f"(<= {TIME})"
    )


if __name__ == "__main__":
    main()
