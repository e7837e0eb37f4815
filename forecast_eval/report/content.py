"""What a report shows: the tables of a run and the words around them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

from ..align.calibrated import COLUMNS as CALIBRATED

PARTS = ("perfect foresight", "lost margin", "waste", "holding", "order cost", "other", "profit")
"""Parts of a waterfall, in their order; the first plus those between is the last."""

COLUMNS = {
    "waterfall": ("model", "part", "amount"),
    "paired": ("model", "cluster", "difference"),
    "accuracy": ("model", "share", "wape", "profit", "gain", "low", "high", "per_point"),
    "bounds": ("assumption", "model", "profit", "difference", "low", "high", "hidden_share"),
    "worst": ("model", "unique_id", "regret", "lost_sales", "waste", "holding_cost", "fill_rate"),
    "standings": (
        "model", "metric", "value", "low", "high", "difference", "difference_low", "difference_high", "skill",
        "skill_low", "skill_high", "win_rate", "dm_p_holm", "tied",
    ),
    "calibration": ("model", "level", "share", "n_obs"),
    "launches": (
        "candidate", "chosen_by", "metric", "role", "simulated", "simulated_low", "simulated_high", "measured",
        "measured_low", "measured_high", "standing", "gap", "gap_low", "gap_high", "true",
    ),
    "calibrated": CALIBRATED,
    "drawn": ("model", "profit", "profit_low", "profit_high", "difference", "low", "high", "share_won", "fill_rate"),
}  # fmt: skip
"""Columns of the frames that a run has only where they were asked for."""


def empty(name: str) -> pd.DataFrame:
    """Frame of `COLUMNS` without rows: what was not asked for.

    >>> list(empty("paired").columns)
    ['model', 'cluster', 'difference']
    """
    import pandas as pd

    return pd.DataFrame(columns=list(COLUMNS[name]))


@dataclass(frozen=True, slots=True)
class ReportTables:
    """Frames behind the report; money and units are per week, where not said otherwise.

    "KPIs" below stands for profit, revenue, gross_profit, mismatch_cost, lost_units, lost_sales, wasted_units, waste,
    holding_cost, shortage_cost, fill_rate, cycle_service_level, days_of_supply, mean_stock and
    end_stock (stock after the last judged period, at its cost); and, printed only where the column exists,
    cost_of_goods, order_cost, goodwill_cost, stock_investment, gmroi, turns, shrink, period_service_level,
    stockout_rate, order_lines, average_order, order_variability, bullwhip.
    The frames from waterfall on may be empty: their part of the page is then left out.

    Attributes
    ----------
    scores : model, metric, axis, group, value, n_obs, n_missing. Axis "total" has the one group "all"; axis
        "trend" has the groups "trending" and "not trending".
    settings : one row a model and policy setting: model, policy, setting, knob (order along the frontier),
        chosen (picked on earlier windows), best (best in hindsight), KPIs; optional efficient (no other setting of
        the same model has both a higher fill rate and a lower mismatch cost).
    money : one row a model at its chosen setting, best profit first: model, setting, KPIs, difference (profit
        minus the incumbent's), low, high, significant (the interval excludes 0), is_incumbent.
    segments : model, segment ("trending" or "not trending"), profit, lost_sales, waste, holding_cost,
        shortage_cost, difference, low, high, n_series.
    usage : model, fit_seconds, predict_seconds, latency_ms (of one series at one cutoff), peak_mb, failures.
    timeline : model, unique_id, ds, cutoff, forecast, demand, on_hand, ordered, lost, wasted of a few series; of the
        series in `worst` too, if their stock is to be seen.
    waterfall : model, part (of `PARTS`), amount (negative where it costs). Perfect foresight plus the parts between
        is the profit.
    paired : model, cluster (its name), difference (profit minus the incumbent's, of that cluster).
    accuracy : model, share (0..1 of the truth that was blended into the forecast), wape (%), profit, gain (over
        share 0), low, high, per_point (gain per point of WAPE).
    bounds : assumption (about hidden demand), model, profit, difference, low, high, hidden_share (of the periods).
    worst : model, unique_id, regret (perfect foresight's profit minus the model's), lost_sales, waste, holding_cost,
        fill_rate.
    drawn : model, profit (mean over drawn courses of demand), profit_low, profit_high (5 % and 95 % of them),
        difference, low, high, share_won (of the courses in which it earns more than the incumbent), fill_rate.
    standings : one row a metric and model, the best of a metric first; see `forecast_eval.scores.Leaderboard`.
    calibration : model, level (of a quantile), share (of demand that is not above it), n_obs.
    launches : one row a candidate and metric of its test; relative lifts, see `forecast_eval.launching.ROWS`.
    calibrated : one row a candidate, see `forecast_eval.align.calibrated.COLUMNS`.
    """

    scores: pd.DataFrame
    settings: pd.DataFrame
    money: pd.DataFrame
    segments: pd.DataFrame
    timeline: pd.DataFrame
    usage: pd.DataFrame
    waterfall: pd.DataFrame = field(default_factory=partial(empty, "waterfall"))
    paired: pd.DataFrame = field(default_factory=partial(empty, "paired"))
    accuracy: pd.DataFrame = field(default_factory=partial(empty, "accuracy"))
    bounds: pd.DataFrame = field(default_factory=partial(empty, "bounds"))
    worst: pd.DataFrame = field(default_factory=partial(empty, "worst"))
    drawn: pd.DataFrame = field(default_factory=partial(empty, "drawn"))
    standings: pd.DataFrame = field(default_factory=partial(empty, "standings"))
    calibration: pd.DataFrame = field(default_factory=partial(empty, "calibration"))
    launches: pd.DataFrame = field(default_factory=partial(empty, "launches"))
    calibrated: pd.DataFrame = field(default_factory=partial(empty, "calibrated"))


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """Words and single values of the report.

    Attributes
    ----------
    sentence : the headline, the one thing a reader must take away.
    currency : the code or sign that money is printed with.
    confidence : level of every interval, 0..1.
    notes : stated assumptions and caveats.
    warnings : what the data checks found.
    failures : forecasters that failed.
    exploded : forecasters whose forecasts were bounded before they were scored.
    not_compared : what could not be compared on the metrics, in words.
    baseline : the model that skill is measured against.
    facts : key and value of the run: series, periods, seed, versions, data fingerprint.
    metrics : name, unit, direction ("lower", "higher" or "zero" is better), plain description.
    online : what the tests of the candidates say, a sentence each, and notes on them.
    calibrated : what past launches make of the simulated uplift, a sentence; notes on that, and on all candidates.
    """

    title: str
    sentence: str
    incumbent: str
    currency: str
    confidence: float
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    failures: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    metrics: tuple[tuple[str, str, str, str], ...]
    exploded: tuple[str, ...] = ()
    not_compared: tuple[str, ...] = ()
    baseline: str = ""
    online: tuple[str, ...] = ()
    online_notes: tuple[str, ...] = ()
    calibrated: str = ""
    calibrated_notes: tuple[str, ...] = ()
