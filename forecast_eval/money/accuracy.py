"""The value of accuracy: what a model would earn if its forecasts were nearer to the truth."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..scores.measures import Ratio
from ..scores.observations import Cells, Observations
from ..scores.window_sums import added
from ..simulate import Predictions, outlooks
from ..simulate.dense import actuals
from .settings import play_best

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..simulate import Ledger, Market
    from .asked import Floats, Plan
    from .boards import Boards
    from .comparison import Comparison

WAPE = Ratio("absolute_error", "demand", factor=100.0)
ACCURACY_COLUMNS = ("model", "share", "wape", "profit", "gain", "low", "high", "per_point")


def accuracy(
    compare: Comparison,
    models: Mapping[str, Predictions],
    plan: Plan,
    boards: Boards,
    progress: Callable[[str, int, int], None] | None = None,
) -> pd.DataFrame:
    """Blend forecasts with the truth, by more and more of it, and play each blend at its own best setting.

    models : those that are blended.

    A share a of the truth makes the forecast (1 - a) * forecast + a * truth: points, quantiles and sample paths alike,
    in earlier windows as well, so that past errors, and with them the safety stock, shrink to (1 - a) of what they
    were. WAPE falls with a in a straight line; money does not, and the curve shows where accuracy still pays.

    Returns
    -------
    model, share, wape (% of true demand, over the judged cutoffs and all their steps), profit, gain (over share 0, with
    its paired interval), a week; per_point (gain per point of WAPE; NaN at share 0).
    """
    asked = plan.questions.accuracy
    shares = sorted({0.0, *(asked.shares if asked else ())})
    rows: list[dict[str, float | str]] = []
    for name, model in models.items():
        base: tuple[float, Floats] | None = None
        for share in shares:
            market, blend = blended(compare.market, model, plan, share)
            ledger = _played(market, blend, plan, boards)
            wape, profit = _wape(compare, blend, plan), compare.profit_of(ledger)
            base = base or (wape, profit)
            gain = compare.paired(profit, base[1])
            rows.append({
                "model": name, "share": share, "wape": wape, "profit": compare.weekly(profit),
                "gain": gain.estimate, "low": gain.low if share else 0.0, "high": gain.high if share else 0.0,
                "per_point": gain.estimate / (base[0] - wape) if base[0] > wape else float("nan"),
            })  # fmt: skip
            if progress is not None:
                progress(f"{name} with {share:.0%} of the truth", len(rows), len(models) * len(shares))
    return pd.DataFrame(rows, columns=list(ACCURACY_COLUMNS))


def blended(market: Market, model: Predictions, plan: Plan, share: float) -> tuple[Market, Predictions]:
    """Forecasts with a share of the truth, and the market of a planner who believed as much of it.

    Where true demand is not known what the planner believed stands in for it. Past errors are believed demand minus
    forecast; with both blended by the same share they shrink exactly to 1 - share of themselves.
    """
    truth = np.where(np.isnan(market.demand), market.believed, market.demand)
    at = actuals(truth, market.calendar, plan.windows)  # [cutoff, series, step]
    # beyond the end of the data there is no truth, and nothing is judged
    mix = Predictions(
        _mixed(model.point, at, share),
        None if model.quantiles is None else _mixed(model.quantiles, at[..., None], share),
        model.levels,
        None if model.paths is None else _mixed(model.paths, at[..., None], share),
    )
    return replace(market, believed=(1 - share) * market.believed + share * truth), mix


def _mixed(forecast: Floats, truth: Floats, share: float) -> Floats:
    return np.asarray(np.where(np.isnan(truth), forecast, (1 - share) * forecast + share * truth))


def _played(market: Market, blend: Predictions, plan: Plan, boards: Boards) -> Ledger:
    view = outlooks(market, blend, plan.windows, sampling=plan.sampling, seed=plan.seed)
    return play_best(market, boards, view, plan.policies)


def _wape(compare: Comparison, blend: Predictions, plan: Plan) -> float:
    """WAPE of the points over the judged cutoffs of the series that are played, in %."""
    rows = np.ix_(np.array(compare.judged.cutoffs), compare.judged.series)
    judged = compare.market.demand if plan.masked is None else np.where(plan.masked, np.nan, compare.market.demand)
    demand = actuals(judged, compare.market.calendar, plan.windows)[rows]
    cells = Cells(
        np.array([], dtype=object), compare.market.calendar[:0], demand.reshape(-1, demand.shape[-1]),
        ~np.isnan(demand).reshape(-1, demand.shape[-1]),
    )  # fmt: skip
    parts = WAPE.parts(Observations(cells, blend.point[rows].reshape(cells.demand.shape)))
    return float(WAPE.value(added(parts, cells.present).by_series.sum(axis=1)))
