"""The panel that everything is measured on: what was sold, by series and period."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .columns import codes_of
from .faults import Fault, InputError, Origin, nearest, refuse
from .frames import to_pandas
from .periods import calendar_of, gap_faults
from .plans import NO_PLAN, shared_of, split_ahead, unplanned
from .schemas import HISTORY, STATIC, checked, duplicate_faults
from .vintages import checked_vintages, covariates_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What was sold, by series and period: the panel that everything is measured on.

    frame : unique_id (str), ds (Timestamp), y (float units), optional in_stock (share 0..1) and covariates;
        sorted by unique_id and ds, without duplicates or gaps.
    calendar : all periods from the first to the last, with a frequency.
    static : one row a series, indexed by unique_id: hierarchy columns such as store and sku.
    known_future, past_only : names of the covariates in `frame`.
    ahead : plans: unique_id, ds and the known-future covariates of periods after a series' own last one, whether that
        is the calendar's end or the series ended before.
    shared : ds and those known-future covariates of `frame` and `ahead` that have one value for all series at every
        date, as holidays have; found in the whole panel, so that each part of it knows them.
    vintages : unique_id, ds, as_of and covariates that were revised: what was known of a period from as_of on.
    warnings : faults that do not stop the work.

    Build it with `History.of`.
    """

    frame: pd.DataFrame
    calendar: pd.DatetimeIndex
    static: pd.DataFrame
    known_future: tuple[str, ...] = ()
    past_only: tuple[str, ...] = ()
    ahead: pd.DataFrame = field(default_factory=pd.DataFrame)
    shared: pd.DataFrame = field(default_factory=pd.DataFrame)
    vintages: tuple[pd.DataFrame, ...] = ()
    warnings: tuple[Fault, ...] = field(default=(), repr=False)

    @classmethod
    def of(
        cls,
        frame: Any,  # noqa: ANN401 - any frame that narwhals reads
        *,
        freq: str | None = None,
        static: Any = None,  # noqa: ANN401 - the same
        known_future: Sequence[str] = (),
        vintages: Sequence[Any] = (),
        origin: Origin | None = None,
    ) -> History:
        """Check a long frame against the contract and build the panel.

        freq : pandas frequency; None infers it.
        static : frame with a column unique_id and one row a series, or None.
        known_future : covariate columns known for the horizon too; all other extra columns are past-only. Rows after
            the last sale of a series may carry them with an empty y: they are plans, and a series that ends before the
            calendar does needs them as much as one that goes on, or else it can be seen that it ends.
        vintages : frames unique_id, ds, as_of and covariates that were revised; at a cutoff the newest value whose
            as_of is not after it is known. They are past-only, or known-future if `known_future` names them.

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
        told, faults_told = checked_vintages(vintages, [str(c) for c in to_pandas(frame).columns])
        plain = [name for name in known_future if name not in covariates_of(told)]
        given, ahead, origin, notes = split_ahead(to_pandas(frame), plain, origin or Origin("history"))
        long, faults = checked(given, HISTORY, origin)
        if not {"unique_id", "ds", "y"} <= set(long.columns):
            raise InputError(faults + faults_told)
        covariates = [c for c in long.columns if c not in ("unique_id", "ds", "y", "in_stock")]
        faults += faults_told + _covariate_faults(covariates, plain, origin)
        named = long["unique_id"].notna() & long["ds"].notna()
        keyed = long if named.all() else long[named]
        faults += duplicate_faults(keyed, ["unique_id", "ds"], origin)
        calendar, misplaced = calendar_of(keyed, freq, origin)
        # a date that cannot be read would leave a gap that is none
        broken = set(long.loc[long["ds"].isna(), "unique_id"])
        faults += [] if broken and freq is None else misplaced
        faults += gap_faults(keyed[~keyed["unique_id"].isin(broken)] if broken else keyed, calendar, origin)
        table, without = _static(static, keyed["unique_id"].unique())
        warnings = refuse(faults + without + notes)
        return cls(
            frame=_in_order(long, covariates),
            calendar=calendar,
            static=table,
            known_future=tuple(known_future),
            past_only=tuple(c for c in (*covariates, *covariates_of(told)) if c not in known_future),
            vintages=told,
            warnings=warnings,
        ).planned(ahead)

    def planned(self, ahead: pd.DataFrame) -> History:
        """Panel with other plans; warnings count the series whose plans are lacking.

        ahead : unique_id, ds and the known-future covariates of `frame`, for periods after a series' own last one.
        """
        names = [name for name in self.known_future if name in self.frame.columns]
        panel = replace(self, ahead=ahead, shared=shared_of([self.frame, ahead], names))
        others = tuple(fault for fault in self.warnings if fault.rule != NO_PLAN)
        return replace(panel, warnings=(*others, *unplanned(panel, names)))

    @property
    def unique_ids(self) -> NDArray[np.object_]:
        """Series in their order: sorted as text."""
        return self.static.index.to_numpy()

    @property
    def ends(self) -> pd.Series[pd.Timestamp]:
        """Last period of each series, indexed by unique_id."""
        ids = self.frame["unique_id"].to_numpy()
        last = np.flatnonzero(np.r_[ids[1:] != ids[:-1], True])
        return pd.Series(self.frame["ds"].to_numpy()[last], index=pd.Index(ids[last], name="unique_id"))

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

    def part(self, start: int, stop: int) -> History:
        """Panel of the series at positions start to stop - 1, with the same calendar."""
        if start == 0 and stop == len(self.static):
            return self
        static = self.static.iloc[start:stop]
        ids = self.frame["unique_id"]
        first, last = ids.searchsorted(static.index[0]), ids.searchsorted(static.index[-1], side="right")
        return replace(
            self,
            frame=self.frame.iloc[int(first) : int(last)].reset_index(drop=True),
            static=static,
            ahead=_of(self.ahead, static.index),
            vintages=tuple(_of(frame, static.index) for frame in self.vintages),
        )


def _of(frame: pd.DataFrame, ids: pd.Index) -> pd.DataFrame:
    return frame[frame["unique_id"].isin(ids)].reset_index(drop=True) if len(frame) else frame


def _in_order(long: pd.DataFrame, covariates: Sequence[str]) -> pd.DataFrame:
    columns = [c for c in ("unique_id", "ds", "y", "in_stock") if c in long.columns]
    order = np.lexsort((codes_of(long["ds"]), codes_of(long["unique_id"])))
    if bool((np.diff(order) == 1).all()):  # sorted as it is; covariates are still the caller's own
        return pd.DataFrame(
            {c: long[c].copy() if c in covariates else long[c] for c in (*columns, *covariates)}, copy=False
        )
    return pd.DataFrame({name: long[name].array.take(order) for name in (*columns, *covariates)}, copy=False)


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
