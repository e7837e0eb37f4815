"""What is known around the forecasts of a panel: demand, costs, scales, classes and weights, as of each cutoff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest import Fault
from backtest.faults import nearest, refuse
from backtest.windows import position_in
from losses import UnitCosts

from .classes import ABC, XYZ, abc_class, xyz_class
from .explosions import bounds_of
from .hierarchy import Hierarchy, Level
from .observations import NO_COSTS, Cells, Training
from .scales import scales
from .tally import Axes
from .trending import NOT_TRENDING, TRENDING, trend_scores, trending

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from backtest import History, Window

    from ..config import Score
    from ..economics import Economics
    from .observations import Scale

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

WEEKS_OF_WEIGHT, WEEKS_OF_CLASS = 4, 52
CLASSES = ("abc", "xyz")
"""Names of the axes that are not static columns; `series` is one too."""
BOTTOM = "unique_id"
TAKEN = ("total", "step", "cutoff", "level", "trend")
"""Axes that are always there, whose names no column can have."""


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """A panel as scores see it, as of every cutoff.

    sales : [series, time] units sold; hidden : [series, time] periods that were not fully in stock, False where
    nothing is said of stock; money : [series, time] price, 1 where there are no prices.
    """

    history: History
    windows: tuple[Window, ...]
    spec: Score
    axes: Axes
    sales: Floats
    hidden: NDArray[np.bool_] | None
    money: Floats
    scales: tuple[Scale, ...]
    trend: Floats
    codes: tuple[Mapping[str, Ints], ...]
    costs: UnitCosts
    cost_dates: pd.DatetimeIndex
    weight: Floats | None
    hierarchies: tuple[Hierarchy | None, ...]

    @classmethod
    def of(
        cls,
        history: History,
        economics: Economics | None,
        windows: Sequence[Window],
        spec: Score,
        *,
        nodes: bool = True,
    ) -> Context:
        """Find all that does not depend on a forecast.

        economics : None leaves every metric in money NaN.
        nodes : whether a metric over a hierarchy is asked for.

        Raises InputError for columns that the panel does not have.
        """
        refuse(column_faults(spec, history.static))
        made = _Panel(history, economics, tuple(windows), spec)
        hidden = made.hidden
        counted = None if hidden is None or spec.hidden_demand == "as_is" else ~hidden
        dates = windows[0].steps if len(windows) == 1 else pd.DatetimeIndex(np.unique([w.steps for w in windows]))
        return cls(
            history=history, windows=tuple(windows), spec=spec, axes=made.axes(), sales=made.sales, hidden=hidden,
            money=made.money, scales=scales(made.sales, made.ends, season=spec.season, counted=counted),
            trend=trend_scores(history, windows, spec.trend),
            codes=tuple(made.codes(k) for k in range(len(windows))),
            costs=NO_COSTS if economics is None else economics.unit_costs(history.unique_ids, dates), cost_dates=dates,
            weight=made.weight(),
            hierarchies=made.hierarchies() if nodes else (None,) * len(windows),
        )  # fmt: skip

    def cells(self, k: int, present: NDArray[np.bool_], baseline: Floats | None) -> Cells:
        """Cells of the window at position k.

        present : [series, step] whether any model forecasts; baseline : [series, step] points of the baseline.
        """
        window, spec = self.windows[k], self.spec
        at = self.history.calendar.get_indexer(window.steps)
        beyond = at < 0  # steps after the end of the history
        sold = np.where(beyond, np.nan, self.sales[:, np.maximum(at, 0)])
        hidden = None if self.hidden is None else self.hidden[:, np.maximum(at, 0)] & ~beyond
        end = position_in(self.history.calendar, window.cutoff) + 1
        return Cells(
            unique_ids=self.history.unique_ids,
            dates=window.steps,
            demand=sold if spec.hidden_demand != "masked" or hidden is None else np.where(hidden, np.nan, sold),
            present=present,
            costs=self._costs(window),
            censored=hidden if spec.hidden_demand == "censored" else None,
            stockout=hidden,
            sold=sold,
            trend=self.trend[k],
            baseline=baseline,
            weight=self.weight,
            scale=self.scales[k],
            training=Training(self.sales[:, :end], self.history.calendar[:end]),
            hierarchy=self.hierarchies[k],
        )

    def bounds(self, k: int) -> Floats | None:
        """Largest forecast [series] that is believed at a window; None where none is bounded."""
        if self.spec.explosion is None:
            return None
        end = position_in(self.history.calendar, self.windows[k].cutoff) + 1
        return bounds_of(self.sales[:, :end], self.spec.explosion)

    def _costs(self, window: Window) -> UnitCosts:
        if np.shape(self.costs.underage)[-1] == 1:
            return self.costs
        at = self.cost_dates.get_indexer(window.steps)
        return UnitCosts.trusted(self.costs.underage[:, at], self.costs.overage[:, at])


class _Panel:
    """What a context is made of."""

    def __init__(self, history: History, economics: Economics | None, windows: tuple[Window, ...], spec: Score) -> None:
        self.history, self.economics, self.spec = history, economics, spec
        self.sales = history.dense()
        self.ends = [position_in(history.calendar, window.cutoff) for window in windows]
        self.hidden = history.dense("in_stock") < 1 if "in_stock" in history.frame.columns else None
        self.money = self._money()
        self._trending = trending(history, windows, spec.trend)

    def _money(self) -> Floats:
        """Price [series, time], 1 where there are none, so that money is units."""
        price = None if self.economics is None else self.economics.field("price", self.history.unique_ids)
        if self.economics is None or price is None or not (price > 0).any():
            return np.ones((1, 1))
        return self.economics.field("price", self.history.unique_ids, self.history.calendar)

    def revenue(self, end: int, weeks: int) -> Floats:
        """Money [series] sold in the weeks up to position `end`."""
        rows = self._before(end, weeks)
        price = np.broadcast_to(self.money, self.sales.shape)[:, rows]
        return np.asarray(np.nansum(self.sales[:, rows] * price, axis=1))

    def _before(self, end: int, weeks: int) -> slice:
        return slice(max(0, end + 1 - max(1, round(weeks * self.history.periods_per_week))), end + 1)

    def axes(self) -> Axes:
        """Axes of the config: trend, static columns, classes."""
        groups: dict[str, tuple[str, ...]] = {"trend": (NOT_TRENDING, TRENDING)}
        for name in self.spec.by:
            if name == "series":
                continue
            groups[name] = {"abc": ABC, "xyz": XYZ}[name] if name in CLASSES else self._static(name)[1]
        groups["level"] = tuple(self._level_name(columns) for columns in self._levels())
        return Axes(groups, by_series="series" in self.spec.by, varying=frozenset({"trend", *CLASSES}))

    def codes(self, k: int) -> dict[str, Ints]:
        """Group [series] of each axis as of a cutoff."""
        out = {"trend": self._trending[k].astype(np.int64)}
        for name in self.spec.by:
            if name == "abc":
                out[name] = abc_class(self.revenue(self.ends[k], WEEKS_OF_CLASS))
            elif name == "xyz":
                known = self.sales if self.hidden is None else np.where(self.hidden, np.nan, self.sales)
                out[name] = xyz_class(known[:, self._before(self.ends[k], WEEKS_OF_CLASS)])
            elif name != "series":
                out[name] = self._static(name)[0]
        return out

    def _static(self, name: str) -> tuple[Ints, tuple[str, ...]]:
        codes, names = pd.factorize(self.history.static[name].astype(str), sort=True)
        return np.asarray(codes, dtype=np.int64), tuple(map(str, names))

    def weight(self) -> Floats | None:
        """Importance of each series, from what was known at the first cutoff."""
        name = self.spec.weight
        if name is None:
            return None
        if name in {"revenue", "units"}:
            price = np.broadcast_to(self.money, self.sales.shape) if name == "revenue" else 1.0
            rows = self._before(self.ends[0], WEEKS_OF_CLASS)
            return np.asarray(np.nansum((self.sales * price)[:, rows], axis=1))
        return pd.to_numeric(self.history.static[name]).to_numpy(dtype=float)

    def _levels(self) -> tuple[tuple[str, ...], ...]:
        """Levels of the hierarchy: as given, or the total, each column of `by`, and the series themselves."""
        if self.spec.hierarchy is not None:
            return self.spec.hierarchy
        columns = [name for name in self.spec.by if name in self.history.static.columns]
        return ((), *((name,) for name in columns), (BOTTOM,))

    def _level_name(self, columns: tuple[str, ...]) -> str:
        return " x ".join(columns) or "total"

    def hierarchies(self) -> tuple[Hierarchy, ...]:
        """The hierarchy as of each cutoff: weights by what was sold in the four weeks before it."""
        levels = [self._level(columns) for columns in self._levels()]  # level -> as of each cutoff
        return tuple(Hierarchy(tuple(level[k] for level in levels)) for k in range(len(self.ends)))

    def _level(self, columns: tuple[str, ...]) -> list[Level]:
        series = len(self.sales)
        if BOTTOM in columns:  # whatever stands beside it, these are the series
            codes = np.arange(series, dtype=np.int64)
        elif columns:
            groups = self.history.static[list(columns)].groupby(list(columns), sort=True, dropna=False).ngroup()
            codes = np.asarray(groups, dtype=np.int64)
        else:
            codes = np.zeros(series, dtype=np.int64)
        nodes = int(codes.max()) + 1
        summed = self.sales if nodes == series and BOTTOM in columns else _sums(self.sales, codes, nodes)
        name, found = self._level_name(columns), scales(summed, self.ends, season=self.spec.season)
        out = []
        for end, scale in zip(self.ends, found, strict=True):
            sold = np.bincount(codes, self.revenue(end, WEEKS_OF_WEIGHT), minlength=nodes)
            known = np.where(np.isnan(scale.squared), 0.0, sold)  # what never changed cannot be scaled
            weight = known / known.sum() if known.sum() > 0 else known
            out.append(Level(name, codes, weight, scale.absolute, scale.squared))
        return out


def _sums(values: Floats, codes: Ints, nodes: int) -> Floats:
    """Sums [node, time] of what is known; NaN where nothing is."""
    out, known = np.zeros((nodes, values.shape[1])), np.zeros((nodes, values.shape[1]))
    np.add.at(out, codes, np.nan_to_num(values))
    np.add.at(known, codes, (~np.isnan(values)).astype(float))
    return np.where(known > 0, out, np.nan)


def column_faults(spec: Score, static: pd.DataFrame) -> list[Fault]:
    """Faults of columns that the config of scores names: those that the panel lacks, and a weight that is none."""
    named = [("score.by", name) for name in spec.by if name not in {"series", *CLASSES}]
    named += [("score.hierarchy", name) for level in spec.hierarchy or () for name in level if name != BOTTOM]
    own_weight = None if spec.weight in {"revenue", "units"} else spec.weight
    named += [] if own_weight is None else [("score.weight", own_weight)]
    lacking = [
        Fault("taken-name", f"{name!r} is an axis of all scores", "score.by", "leave it out, or rename the column")
        for name in spec.by if name in TAKEN
    ] + [
        Fault("taken-name", f"{name!r} is what scores make, and a static column too", "score.by", "rename the column")
        for name in spec.by if name in {"series", *CLASSES} and name in static.columns
    ]  # fmt: skip
    lacking += [
        Fault("unknown-column", f"static column {name!r} does not exist", place, nearest(name, static.columns))
        for place, name in dict.fromkeys(named) if name not in static.columns
    ]  # fmt: skip
    if own_weight is None or own_weight not in static.columns:
        return lacking
    given = pd.to_numeric(static[own_weight], errors="coerce")
    wrong = static.index[~(np.isfinite(given) & (given >= 0))]
    if wrong.empty and not (given > 0).any():
        lacking.append(Fault("weight", f"no series has a {own_weight} above 0", "score.weight", "name another column"))
    return lacking + [
        Fault("weight", f"{own_weight}={static.loc[uid, own_weight]!r} of unique_id={uid!r} must be a number >= 0",
              "score.weight", "correct it, or name another column")
        for uid in wrong
    ]  # fmt: skip
