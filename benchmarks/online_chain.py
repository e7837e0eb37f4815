"""A chain of stores whose outcomes under two planners are both known, for `online_validity.py` to draw tests from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from forecast_eval.config.experiment import Design
from forecast_eval.online.balance import drawing_of
from forecast_eval.online.metric import OnlineMetric
from forecast_eval.online.outcomes import Outcomes
from forecast_eval.online.sample import Sample
from forecast_eval.world import Incumbent, MarketSpec, State, everywhere, outcomes, with_incumbent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from forecast_eval.online.randomisation import Randomisation
    from forecast_eval.world import Recorded

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]
    Columns = dict[str, Floats]

SEED, HISTORY, PRE, WEEKS, WASHOUT = 11, 80, 26, 12, 2
SAFETY = 0.8
"""Weeks of safety stock of the treatment; the incumbent keeps 1.5."""
FORMULAS = {
    "profit": "profit", "stockout_rate": "stockouts / exposure", "unit_profit": "profit / sold", "sold": "sold",
}  # fmt: skip
METRICS = {name: OnlineMetric.of(name, formula, role="primary") for name, formula in FORMULAS.items()}
UNEQUAL = {"control": 3.0, "treatment": 1.0}
DESIGNS: dict[str, dict[str, Any]] = {
    "complete": {"assignment": "complete", "accept": 1},
    "stratified": {"assignment": "stratified", "accept": 1},
    "matched": {"assignment": "matched", "accept": 1},
    "stratified, best tenth": {"assignment": "stratified", "accept": 0.1},
    "complete, best tenth": {"assignment": "complete", "accept": 0.1},
    "complete, 3:1": {"assignment": "complete", "accept": 1, "arms": UNEQUAL},
    "stratified, 3:1": {"assignment": "stratified", "accept": 1, "arms": UNEQUAL},
}


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """Stores, or items: column -> [unit, week], before the start, and from it on with either planner."""

    before: Columns
    control: Columns
    treatment: Columns

    @property
    def size(self) -> int:
        """Number of units."""
        return len(self.control["profit"])

    def means(self, metric: str, units: Ints, weeks: slice = slice(WASHOUT, None)) -> Columns:
        """Weekly means [unit] of numerator and denominator, with either planner and before."""
        out = {}
        for part, name in zip(("value", "exposure"), METRICS[metric].columns, strict=False):
            out[part] = self.control[name][units, weeks].mean(axis=1)
            out[f"treated_{part}"] = self.treatment[name][units, weeks].mean(axis=1)
            out[f"{part}_before"] = self.before[name][units, -PRE:].mean(axis=1)
        return out

    def truth(self, metric: str) -> tuple[float, float]:
        """Difference and lift over all units."""
        sums = {name: float(part.sum()) for name, part in self.means(metric, np.arange(self.size)).items()}
        old = sums["value"] / sums.get("exposure", self.size)
        new = sums["treated_value"] / sums.get("treated_exposure", self.size)
        return new - old, new / old - 1

    def mixed(self, treated: Flags) -> Columns:
        """Outcomes of the test where units and weeks [unit, week] are treated that nothing passes between."""
        return {name: np.where(treated, self.treatment[name], own) for name, own in self.control.items()}


def sample_of(own: Columns, treated: Flags, groups: Ints, *, played: bool) -> Sample:
    """What a test sees of `Chain.means`; without `played` both arms have the incumbent."""

    def seen(part: str) -> Floats | None:
        return np.where(treated & played, own[f"treated_{part}"], own[part]) if part in own else None

    value = seen("value")
    assert value is not None
    return Sample(value, treated, seen("exposure"), own["value_before"], own.get("exposure_before"), groups)


def as_outcomes(columns: Columns, units: Ints) -> Outcomes:
    """Outcomes of some units."""
    names = np.array([f"s{k:04d}" for k in units], dtype=object)
    own = {name: values[units] for name, values in columns.items()}
    return Outcomes(names, pd.RangeIndex(own["profit"].shape[1]), own, None, {}, pd.DataFrame(index=names))


def drawing(chain: Chain, chosen: Ints, name: str) -> Randomisation:
    """What the arms of some units are drawn from, as `design` draws them."""
    plan = Design(pre_periods=PRE, periods=(WEEKS,), washout=WASHOUT, **DESIGNS[name])
    past = as_outcomes({"profit": chain.before["profit"]}, chosen)
    known, pre = np.ones(len(chosen), dtype=bool), slice(HISTORY - PRE, HISTORY)
    return drawing_of(past, plan, [METRICS["profit"]], pre=pre, units=known).randomisation


def market(stores: int = 300, skus: int = 15) -> State:
    """Give a market that the incumbent has planned up to the start."""
    return with_incumbent(MarketSpec.preset("plain", stores=stores, skus=skus, weeks=HISTORY + WEEKS), SEED, HISTORY)


def by_item(state: State) -> State:
    """Give the same market, whose outcomes come by item instead of by category."""
    world = state.world
    relabelled = replace(world, static=world.static.assign(category=world.static["sku"]))
    for name in ("shelves", "neighbour"):  # who stands in for whom is a matter of the true categories
        object.__setattr__(relabelled, name, getattr(world, name))
    return replace(state, world=relabelled)


def chain_of(state: State, by: str = "unit") -> Chain:
    """Play the weeks to come with either planner everywhere."""
    past = columns_of(outcomes(state.world, state.records.until(state.week)), by)
    old, new = (split_play(state, flag, by) for flag in (np.False_, np.True_))
    return Chain(past, old, new)


def split_play(state: State, treated: Flags | np.bool_, by: str = "unit") -> Columns:
    """Play the weeks to come with planners split; `treated` broadcasts to [series, week]."""
    whole = np.broadcast_to(treated, (len(state.loyalty), WEEKS))
    planners = state.world.incumbent, Incumbent.of(state.world.terms, SAFETY)
    return columns_of(everywhere(state, Split(planners, whole, state.week), "any", WEEKS), by)


def columns_of(frame: pd.DataFrame, by: str) -> Columns:
    """Column -> [unit, week]."""
    sums = frame.groupby([by, "ds"])[["profit", "sold", "stockouts", "exposure"]].sum()
    return {str(name): sums[name].to_numpy(dtype=float).reshape(frame[by].nunique(), -1) for name in sums}


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The second planner for some series and weeks, the first for the rest.

    treated : [series, week from `first` on].
    """

    planners: tuple[Incumbent, Incumbent]
    treated: Flags
    first: int

    def orders(self, seen: Recorded) -> Ints:
        """Orders of whoever plans the series this week."""
        old, new = (planner.orders(seen) for planner in self.planners)
        return np.where(self.treated[:, seen.week - self.first], new, old)
