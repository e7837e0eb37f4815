"""What a report shows: the tables of a run and the words around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class ReportTables:
    """Frames behind the report; money and units are per week, where not said otherwise.

    "KPIs" below stands for profit, revenue, gross_profit, mismatch_cost, lost_units, lost_sales, wasted_units, waste,
    holding_cost, shortage_cost, fill_rate, cycle_service_level, days_of_supply, mean_stock and
    end_stock (stock after the last judged period, at its cost).

    Attributes
    ----------
    scores : model, metric, axis, group, value, n_obs, n_missing. Axis "total" has the one group "all"; axis
        "trend" has the groups "trending" and "not trending".
    settings : one row a model and policy setting: model, policy, setting, knob (order along the frontier),
        chosen (picked on earlier windows), best (best in hindsight), KPIs.
    money : one row a model at its chosen setting, best profit first: model, setting, KPIs, difference (profit
        minus the incumbent's), low, high, significant (the interval excludes 0), is_incumbent.
    segments : model, segment ("trending" or "not trending"), profit, lost_sales, waste, holding_cost,
        shortage_cost, difference, low, high, n_series.
    usage : model, fit_seconds, predict_seconds, latency_ms (of one series at one cutoff), peak_mb, failures.
    timeline : model, unique_id, ds, cutoff, forecast, demand, on_hand, ordered, lost, wasted of a few series.
    """

    scores: pd.DataFrame
    settings: pd.DataFrame
    money: pd.DataFrame
    segments: pd.DataFrame
    timeline: pd.DataFrame
    usage: pd.DataFrame


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
    facts : key and value of the run: series, periods, seed, versions, data fingerprint.
    metrics : name, unit, direction ("lower", "higher" or "zero" is better), plain description.
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
