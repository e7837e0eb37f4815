"""The simulated side of a comparison: what a run's models would have earned, in the columns that a shop measures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.faults import Fault, nearest, refuse

from ..build import conventions_of
from ..money.clustering import PRODUCTS, STORES
from ..scores.trending import NOT_TRENDING, TRENDING
from .measured import Contract
from .outcomes import outcomes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..economics import Economics
    from ..pipeline import Session
    from ..simulate.system import Conventions
    from .outcomes import Outcomes

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

MEASURES = (
    "exposure", "sold", "revenue", "cost_of_goods", "wasted", "waste_cost", "holding_cost", "stockouts", "profit",
    "lost", "demand",
)  # fmt: skip
"""Columns of simulated outcomes; no shop can measure the last two."""
TREND = "trend"
"""Segment of the periods in which a series was trending as of the cutoff that ordered for them, and of the others."""
TERMS = ("unit_cost", "salvage", "holding", "goodwill")


@dataclass(frozen=True, slots=True, eq=False)
class Simulated:
    """What models of a run would have done, by unit and period; all met the same demand.

    by_model : outcomes of each model, of the same units and periods.
    unit : static column that the units are the values of.
    cutoffs : judged cutoffs, oldest first.
    """

    by_model: dict[str, Outcomes]
    unit: str
    cutoffs: pd.DatetimeIndex

    @property
    def units(self) -> NDArray[np.object_]:
        """Names of the units [unit], sorted."""
        return self._any.units

    @property
    def periods(self) -> pd.Index:
        """Judged periods."""
        return self._any.periods

    @property
    def _any(self) -> Outcomes:
        return next(iter(self.by_model.values()))

    def cut(self, units: Sequence[str], periods: Flags) -> Simulated:
        """Give some of the units, and some of the periods."""
        rows = np.flatnonzero(np.isin(self.units.astype(str), list(units)))
        return replace(self, by_model={model: cut(own, rows, periods) for model, own in self.by_model.items()})


def cut(outcomes: Outcomes, units: Ints, periods: Flags) -> Outcomes:
    """Outcomes of some units and periods."""

    def part(columns: dict[str, Floats]) -> dict[str, Floats]:
        return {name: values[units][:, periods] for name, values in columns.items()}

    return replace(
        outcomes, units=outcomes.units[units], periods=outcomes.periods[periods], values=part(outcomes.values),
        arm=None if outcomes.arm is None else outcomes.arm[units][:, periods],
        segments={name: {v: part(own) for v, own in each.items()} for name, each in outcomes.segments.items()},
        static=outcomes.static.iloc[units], row=None if outcomes.row is None else outcomes.row[units][:, periods],
    )  # fmt: skip


def simulated(
    session: Session, models: Sequence[str], *, unit: str | None = None, segments: Sequence[str] = ()
) -> Simulated:
    """Sum the ledger of a finished run by unit and period; rows that are not judged are left out.

    models : whose ledger is taken.
    unit : static column of what was randomised online; None takes the store.
    segments : static columns, or "trend".

    See `measures` for what is summed.

    Raises InputError with every fault: no simulation, a model that was not played, an unknown column.
    """
    if not session.run.has("ledger"):
        refuse([Fault("no-simulation", "the run has no simulation", str(session.run.path),
                      "do it with forecast-eval simulate and this directory")])  # fmt: skip
    ledger = session.run.read("ledger")
    chosen = list(dict.fromkeys(models))
    column = unit or unit_column(session.inputs.history.static, STORES) or STORES[0]
    refuse([*_unknown_models(ledger, chosen), *_unknown_columns(session, [column, *segments])])
    begin = ledger.loc[ledger["cutoff"].notna(), "ds"].min()
    judged = ledger[ledger["cutoff"].notna() & ledger["model"].isin(chosen)].reset_index(drop=True)
    rows = measures(judged, session.inputs.economics, conventions_of(session.config.simulate.conventions), begin=begin)
    keys = _keys(session, judged, column, segments)
    return Simulated(
        {model: _outcomes(pd.concat([keys, rows], axis=1)[judged["model"] == model], segments) for model in chosen},
        column, pd.DatetimeIndex(judged["cutoff"].unique()).sort_values(),
    )  # fmt: skip


def unit_column(static: pd.DataFrame, known: Sequence[str] = STORES) -> str | None:
    """Static column that holds the units of an experiment: the first of the usual names that there is."""
    return next((name for name in known if name in static.columns), None)


def units_named(randomised: str) -> tuple[str, ...]:
    """Usual names of the column of what was randomised: items, or stores."""
    return PRODUCTS if randomised == "item" else STORES


def measures(
    ledger: pd.DataFrame, economics: Economics, conventions: Conventions, *, begin: pd.Timestamp
) -> pd.DataFrame:
    """What a shop would measure of each row of a ledger; columns are `MEASURES`.

    exposure : 1 a series and period. stockouts : 1 where units were lost. sold, wasted, lost, demand : units.
    revenue : as in the ledger. cost_of_goods : unit_cost * sold. waste_cost : (unit_cost - salvage) * wasted.
    holding_cost : holding * on_hand.
    profit : the ledger's, without its goodwill, which no shop can measure: goodwill * lost is added back. The cost of
        order lines, and what conventions book beside, stay in it.

    begin : first judged period: discounted money is given its full worth again, since shops do not discount.
    """
    ids, series = np.unique(ledger["unique_id"].to_numpy(dtype=object), return_inverse=True)
    days, time = np.unique(ledger["ds"].to_numpy(), return_inverse=True)
    dates = pd.DatetimeIndex(days)
    terms = {name: economics.field(name, ids, dates)[series, time] for name in TERMS}
    first = int(dates.searchsorted(begin))
    worth = np.asarray(conventions.discount ** np.maximum(np.arange(len(dates)) - first, 0.0))[time]
    units = {name: ledger[name].to_numpy(dtype=np.float64) for name in ("sold", "wasted", "lost", "demand", "on_hand")}
    columns = {
        "exposure": np.ones(len(ledger)),
        "stockouts": (units["lost"] > 0).astype(np.float64),
        "revenue": ledger["revenue"].to_numpy(dtype=np.float64) / worth,
        "cost_of_goods": terms["unit_cost"] * units["sold"],
        "waste_cost": (terms["unit_cost"] - terms["salvage"]) * units["wasted"],
        "holding_cost": terms["holding"] * units["on_hand"],
        "profit": ledger["profit"].to_numpy(dtype=np.float64) / worth + terms["goodwill"] * units["lost"],
    }
    whole = columns | units
    return pd.DataFrame({name: whole[name] for name in MEASURES}, index=ledger.index)


def _keys(session: Session, ledger: pd.DataFrame, unit: str, segments: Sequence[str]) -> pd.DataFrame:
    """Give unit, period and segments of each row."""
    static, ids = session.inputs.history.static, ledger["unique_id"]
    keys = {"unit": static[unit].reindex(ids).to_numpy(), "ds": ledger["ds"].to_numpy()}
    for name in segments:
        keys[name] = _trend(session, ledger) if name == TREND else static[name].reindex(ids).to_numpy()
    return pd.DataFrame(keys, index=ledger.index)


def _trend(session: Session, ledger: pd.DataFrame) -> NDArray[np.object_]:
    """Whether each row's series was trending as of the row's cutoff, in words."""
    cutoffs = pd.DatetimeIndex([window.cutoff for window in session.windows])
    series = pd.Index(session.inputs.history.unique_ids).get_indexer(pd.Index(ledger["unique_id"]))
    rises = session.trending[cutoffs.get_indexer(pd.DatetimeIndex(ledger["cutoff"])), series]
    return np.where(rises, TRENDING, NOT_TRENDING).astype(object)


def _outcomes(rows: pd.DataFrame, segments: Sequence[str]) -> Outcomes:
    sums = rows.groupby(["unit", "ds", *segments], sort=True, dropna=False)[list(MEASURES)].sum().reset_index()
    return replace(outcomes_of(sums, Contract(tuple(segments), MEASURES, MEASURES)), warnings=())


def _unknown_models(ledger: pd.DataFrame, models: Sequence[str]) -> list[Fault]:
    played = list(dict.fromkeys(ledger["model"]))
    return [
        Fault("unknown-model", f"{model!r} was not played in the run", "models", nearest(model, played))
        for model in models if model not in played
    ]  # fmt: skip


def _unknown_columns(session: Session, names: Sequence[str]) -> list[Fault]:
    columns = [str(name) for name in session.inputs.history.static.columns]
    return [
        Fault("unknown-column", f"the run has no static column {name!r}", "unit", nearest(name, columns))
        for name in names if name not in columns and name != TREND
    ]  # fmt: skip
