"""The data contracts: history and forecasts, as long pandas frames with Nixtla's column names."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pandas as pd

from .columns import QUANTILE, nixtla_models, quantile_column, quantile_levels
from .faults import Fault, InputError, Origin, nearest, refuse
from .forecaster import Known
from .periods import calendar_of, gap_faults
from .schemas import FORECASTS, HISTORY, STATIC, checked, dates_of, duplicate_faults

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from .windows import Window


def to_pandas(frame: Any) -> pd.DataFrame:  # noqa: ANN401 - any frame that narwhals reads
    """Give a pandas frame from anything that narwhals reads: pandas, polars, pyarrow, lazy ones too."""
    if isinstance(frame, pd.DataFrame):
        return frame
    native = nw.from_native(frame)
    eager = native.collect() if isinstance(native, nw.LazyFrame) else native
    return eager.to_pandas()


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What was sold, by series and period: the panel that everything is measured on.

    frame : unique_id (str), ds (Timestamp), y (float units), optional in_stock (share 0..1) and covariates;
        sorted by unique_id and ds, without duplicates or gaps.
    calendar : all periods from the first to the last, with a frequency.
    static : one row a series, indexed by unique_id: hierarchy columns such as store and sku.
    known_future, past_only : names of the covariates in `frame`.
    ahead : unique_id, ds and the known-future covariates of periods after the calendar's end.
    warnings : faults that do not stop the work.

    Build it with `History.of`.
    """

    frame: pd.DataFrame
    calendar: pd.DatetimeIndex
    static: pd.DataFrame
    known_future: tuple[str, ...] = ()
    past_only: tuple[str, ...] = ()
    ahead: pd.DataFrame = field(default_factory=pd.DataFrame)
    warnings: tuple[Fault, ...] = field(default=(), repr=False)

    @classmethod
    def of(
        cls,
        frame: Any,  # noqa: ANN401 - any frame that narwhals reads
        *,
        freq: str | None = None,
        static: Any = None,  # noqa: ANN401 - the same
        known_future: Sequence[str] = (),
        origin: Origin | None = None,
    ) -> History:
        """Check a long frame against the contract and build the panel.

        freq : pandas frequency; None infers it.
        static : frame with a column unique_id and one row a series, or None.
        known_future : covariate columns known for the horizon too; all other extra columns are past-only. Rows after
            the last sale of all series may carry them with an empty y.

        Raises
        ------
        InputError
            With every fault: missing column, bad date, NaN, negative or infinite y, in_stock outside 0..1,
            duplicate (unique_id, ds), gap in a series, series without static row.

        >>> weeks = pd.date_range("2026-01-05", periods=3, freq="W-MON")
        >>> sales = pd.DataFrame({"unique_id": "a", "ds": weeks, "y": [3.0, 0.0, 2.0]})
        >>> History.of(sales).calendar.freqstr
        'W-MON'
        """
        given, ahead, origin = _split_ahead(to_pandas(frame), known_future, origin or Origin("history"))
        long, faults = checked(given, HISTORY, origin)
        if not {"unique_id", "ds", "y"} <= set(long.columns):
            raise InputError(faults)
        covariates = [c for c in long.columns if c not in ("unique_id", "ds", "y", "in_stock")]
        faults += _covariate_faults(covariates, known_future, origin)
        keyed = long[long["unique_id"].notna() & long["ds"].notna()]
        faults += duplicate_faults(keyed, ["unique_id", "ds"], origin)
        calendar, misplaced = calendar_of(keyed, freq, origin)
        # a date that cannot be read would leave a gap that is none
        broken = set(long.loc[long["ds"].isna(), "unique_id"])
        faults += [] if broken and freq is None else misplaced
        faults += gap_faults(keyed[~keyed["unique_id"].isin(broken)], calendar, origin)
        table, without = _static(static, keyed["unique_id"].unique())
        warnings = refuse(faults + without)
        return cls(
            frame=_in_order(long, covariates),
            calendar=calendar,
            static=table,
            known_future=tuple(known_future),
            past_only=tuple(c for c in covariates if c not in known_future),
            ahead=ahead,
            warnings=warnings,
        )

    @property
    def unique_ids(self) -> NDArray[np.object_]:
        """Series in their order: sorted as text."""
        return self.static.index.to_numpy()

    @property
    def freq(self) -> str:
        """Frequency of the calendar, as pandas spells it."""
        return str(self.calendar.freqstr)

    @property
    def periods_per_week(self) -> float:
        """Periods in a week; a calendar month counts as 365.25 / 12 days."""
        span = (self.calendar[-1] - self.calendar[0]) / pd.Timedelta(days=7)
        return float((len(self.calendar) - 1) / span)

    def dense(self, column: str = "y") -> NDArray[np.float64]:
        """[series, time] array of a column; NaN before a series starts and after it ends."""
        rows = pd.Index(self.unique_ids).get_indexer(pd.Index(self.frame["unique_id"]))
        cols = self.calendar.get_indexer(pd.DatetimeIndex(self.frame["ds"]))
        out = np.full((len(self.unique_ids), len(self.calendar)), np.nan)
        out[rows, cols] = self.frame[column].to_numpy(dtype=float)
        return out

    def known(self, window: Window, levels: tuple[float, ...], input_size: int | None = None) -> Known:
        """Give what may be known at a window's cutoff; no later value is reachable from what is returned."""
        frame, cutoff = self.frame, window.cutoff
        past = frame[frame["ds"] <= cutoff]
        if input_size is not None:
            position = int(self.calendar.searchsorted(cutoff))
            start = self.calendar[max(0, position + 1 - input_size)]
            past = past[past["ds"] >= start]
        active = past.loc[past["ds"] == cutoff, "unique_id"].to_numpy()
        future = pd.DataFrame(
            {
                "unique_id": np.repeat(active, len(window.steps)),
                "ds": np.tile(window.steps.to_numpy(), len(active)),
            }
        )
        if self.known_future:
            later = frame.loc[frame["ds"] > cutoff, ["unique_id", "ds", *self.known_future]]
            known = pd.concat([part for part in (later, self.ahead) if len(part)]) if len(self.ahead) else later
            future = future.merge(known, on=["unique_id", "ds"], how="left")
            refuse(_unknown_future(future, self.known_future, self.calendar[-1]))
        return Known(
            cutoff=cutoff,
            history=past.reset_index(drop=True),
            future=future,
            static=self.static.loc[self.static.index.isin(past["unique_id"].unique())],
            freq=self.freq,
            horizon=len(window.steps),
            levels=levels,
        )


def _split_ahead(
    frame: pd.DataFrame, known_future: Sequence[str], origin: Origin
) -> tuple[pd.DataFrame, pd.DataFrame, Origin]:
    """Set rows after the last sale apart, which have known-future covariates and no y."""
    columns = ["unique_id", "ds", *known_future]
    nothing = pd.DataFrame(columns=columns)
    if not known_future or not {*columns, "y"} <= set(frame.columns):
        return frame, nothing, origin
    dates = dates_of(frame["ds"])
    empty = frame["y"].isna() | (frame["y"].astype(str).str.strip() == "")
    later = (empty & (dates > dates[~empty].max())).to_numpy()
    ahead = frame.loc[later, columns].assign(ds=dates[later], unique_id=frame.loc[later, "unique_id"].astype(str))
    ahead = ahead.drop_duplicates(["unique_id", "ds"]).reset_index(drop=True)
    return frame.loc[~later], ahead if len(ahead) else nothing, origin.where(~later)


def _unknown_future(future: pd.DataFrame, known_future: Sequence[str], end: pd.Timestamp) -> list[Fault]:
    """Fault of each covariate that is not known beyond the history.

    Within the history a series without rows has ended: its covariates stay missing, and it is not scored there.
    """
    future = future[future["ds"] > end]
    lacking = [(name, future.loc[future[name].isna()].iloc[0]) for name in known_future if future[name].isna().any()]
    return [
        Fault("unknown-future", f"{name} is declared known-future and is not known for unique_id={row.unique_id!r} at "
              f"{row.ds:%Y-%m-%d}", "history", "add rows for the periods to forecast, with an empty y")
        for name, row in lacking
    ]  # fmt: skip


def _in_order(long: pd.DataFrame, covariates: Sequence[str]) -> pd.DataFrame:
    columns = [c for c in ("unique_id", "ds", "y", "in_stock") if c in long.columns]
    return long[[*columns, *covariates]].sort_values(columns[:2], kind="stable").reset_index(drop=True)


def _covariate_faults(covariates: Sequence[str], known_future: Sequence[str], origin: Origin) -> list[Fault]:
    return [
        Fault("missing-column", f"known-future covariate {name!r} is not a column", origin.source,
              nearest(name, map(str, covariates)))
        for name in known_future if name not in covariates
    ]  # fmt: skip


def _static(static: Any, unique_ids: NDArray[np.object_]) -> tuple[pd.DataFrame, list[Fault]]:  # noqa: ANN401
    order = pd.Index(np.sort(unique_ids.astype(str)), name="unique_id", dtype=object)
    if static is None:
        return pd.DataFrame(index=order), []
    table, faults = checked(to_pandas(static), STATIC, Origin("static"))
    if "unique_id" not in table.columns:
        return pd.DataFrame(index=order), faults
    faults += duplicate_faults(table, ["unique_id"], Origin("static"))
    table = table.drop_duplicates("unique_id").set_index("unique_id")
    return table.reindex(order), faults + [
        Fault("no-static-row", f"unique_id={uid!r} of the history has no row", "static", "add the row")
        for uid in order.difference(table.index)
    ]


def from_nixtla(frame: Any, models: Sequence[str] | None = None) -> pd.DataFrame:  # noqa: ANN401
    """Long forecasts contract from Nixtla's wide columns, one or more models beside unique_id, ds and cutoff.

    A model `M` may carry `M-lo-90` and `M-hi-90` (a central interval: .05 and .95), `M-median`, `M_ql0.9`.

    frame : unique_id, ds, optional cutoff, the models' columns; y is ignored.
    models : names of the point columns; None takes every column that is not another model's quantile.

    >>> wide = pd.DataFrame({"unique_id": ["a"], "ds": ["2026-01-05"], "cutoff": ["2026-01-04"],
    ...                      "ETS": [3.0], "ETS-lo-90": [1.0], "ETS-hi-90": [6.0]})
    >>> from_nixtla(wide).drop(columns=["ds", "cutoff"])
      unique_id model  forecast  q0.05  q0.95
    0         a   ETS       3.0    1.0    6.0
    """
    wide = to_pandas(frame)
    keys = [c for c in ("cutoff", "unique_id", "ds") if c in wide.columns]
    named = nixtla_models(list(map(str, wide.columns)))
    chosen = list(named) if models is None else list(models)
    refuse([
        Fault("unknown-model", f"there are no columns of model {name!r}", "forecasts", nearest(name, named))
        for name in chosen if name not in named
    ])  # fmt: skip
    parts = [
        wide[keys].assign(model=name, **{ours: wide[theirs] for ours, theirs in named[name].items()}) for name in chosen
    ]
    return pd.concat(parts, ignore_index=True) if parts else wide[keys]


def forecasts_of(
    frame: Any,  # noqa: ANN401 - any frame that narwhals reads
    *,
    model: str | None = None,
    origin: Origin | None = None,
) -> pd.DataFrame:
    """Check forecasts, in our contract or in Nixtla's wide columns, and give them in our contract.

    model : name to give the forecasts where the frame has no column model.

    Returns
    -------
    model, cutoff, unique_id, ds, forecast and quantile columns, sorted by that key. Quantiles that cross are
    an error: a distribution function cannot decrease.

    Raises
    ------
    InputError
        With every fault: missing column, bad date or number, NaN, infinite value, duplicate key, ds not after
        cutoff, crossing quantiles.
    """
    origin = origin or Origin("forecasts")
    table = to_pandas(frame).reset_index(drop=True)
    checks = [_checked_forecasts(part, own) for part, own in _by_contract(table, origin, model)]
    refuse(list(dict.fromkeys(fault for _, faults in checks for fault in faults)))  # models share faults of keys
    whole = pd.concat([long for long, _ in checks], ignore_index=True)
    levels = quantile_levels(list(whole.columns))
    columns = ["model", "cutoff", "unique_id", "ds", "forecast", *levels.values()]
    return whole[columns].sort_values(columns[:4], kind="stable").reset_index(drop=True)


def _by_contract(table: pd.DataFrame, origin: Origin, model: str | None) -> Iterator[tuple[pd.DataFrame, Origin]]:
    """Frames in our contract with their origins: the table itself, or one for each of Nixtla's models."""
    named = nixtla_models(list(map(str, table.columns)))
    if {"forecast", "model"} & set(table.columns) or not named:
        yield table if "model" in table.columns or model is None else table.assign(model=model), origin
        return
    for name, own in named.items():
        yield from_nixtla(table, [name]), replace(origin, names=(*origin.names, *own.items()))


def _checked_forecasts(frame: pd.DataFrame, origin: Origin) -> tuple[pd.DataFrame, list[Fault]]:
    """Forecasts with our names of the quantile columns, and every fault in them."""
    key = ["model", "cutoff", "unique_id", "ds"]
    long, faults = checked(frame, FORECASTS, origin)
    if not {*key, "forecast"} <= set(long.columns):
        return long, faults
    keyed = long.dropna(subset=key)
    faults += duplicate_faults(keyed, key, origin)
    faults += [
        Fault("not-after-cutoff", f"ds={long.loc[i, 'ds']:%Y-%m-%d} is not after its cutoff",
              origin.place(int(i), "ds"), "a forecast is for a period after its cutoff")
        for i in long.index[long["ds"] <= long["cutoff"]]
    ]  # fmt: skip
    faults += _crossing_faults(long, origin)
    same = [c for c in long.columns if QUANTILE.match(c) and c not in quantile_levels(list(long.columns)).values()]
    faults += [
        Fault(
            "duplicate-column",
            f"column {c!r} is a quantile that another column has too",
            origin.source,
            "keep one",
        )
        for c in same
    ]
    names = {c: quantile_column(level) for level, c in quantile_levels(list(long.columns)).items()}
    return long.drop(columns=same).rename(columns=names), faults


def _crossing_faults(long: pd.DataFrame, origin: Origin) -> list[Fault]:
    columns = list(quantile_levels(list(long.columns)).values())
    if len(columns) < 2:  # one quantile crosses nothing
        return []
    values = long[columns].to_numpy()
    down = np.diff(values, axis=1) < -1e-9 * np.maximum(1.0, np.abs(values[:, 1:]))  # [row, level - 1]
    return [
        Fault("crossing-quantiles",
              f"{columns[k]}={values[i, k]:g} is above {columns[k + 1]}={values[i, k + 1]:g}",
              origin.place(int(i), columns[k]), "sort the quantiles of each row")
        for i, k in np.argwhere(down)
    ]  # fmt: skip


def complete_faults(forecasts: pd.DataFrame, wanted: pd.DataFrame, origin: Origin) -> list[Fault]:
    """Faults of forecasts that lack rows, or have rows of unknown series.

    wanted : unique_id, ds rows that must be there, of one cutoff and one model.
    """
    known, given = wanted["unique_id"].unique(), forecasts["unique_id"].unique()
    unknown = [
        Fault("unknown-id", f"unique_id={uid!r} is not in the history; {nearest(uid, known)}", origin.source,
              "correct the id or leave its rows out")
        for uid in np.setdiff1d(given, known)
    ]  # fmt: skip
    both = wanted[["unique_id", "ds"]].merge(forecasts[["unique_id", "ds"]], how="left", indicator=True)
    lacking = both.loc[both["_merge"] == "left_only"]
    return unknown + [
        Fault("missing-step", f"no forecast for unique_id={row.unique_id!r}, ds={row.ds:%Y-%m-%d}",
              origin.source, "every series on sale at the cutoff needs every step of the horizon")
        for row in lacking.itertuples()
    ]  # fmt: skip


__all__ = [
    "History",
    "complete_faults",
    "forecasts_of",
    "from_nixtla",
    "quantile_column",
    "quantile_levels",
    "to_pandas",
]
