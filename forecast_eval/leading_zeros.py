"""The periods before a series' first sale: whether it was on sale then, nobody knows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.faults import Fault
from backtest.schemas import dates_of

if TYPE_CHECKING:
    from .layout import Long


def without_leading_zeros(sales: Long) -> Long:
    """Sales whose series start with their first sale; one that was never sold is left out, and both are counted.

    A cell that is no number stays, and is a fault later.
    """
    frame = sales.frame
    if not {"unique_id", "ds", "y"} <= set(frame.columns):
        return sales
    codes, uids = pd.factorize(frame["unique_id"])
    dates = dates_of(frame["ds"]).to_numpy()
    sold = (pd.to_numeric(frame["y"], errors="coerce") != 0).to_numpy() | np.isnat(dates)
    first = np.full(len(uids), np.datetime64("NaT"), dtype=dates.dtype)
    np.fmin.at(first, codes[sold], dates[sold])
    kept = sold | (dates >= first[codes])  # nothing is later than no date
    if kept.all():
        return sales
    never = uids[np.bincount(codes, weights=kept, minlength=len(uids)) == 0]
    late = len(np.unique(codes[~kept])) - len(never)
    note = Fault(
        "leading-zeros",
        f"{int((~kept).sum())} rows before the first sale of {late} series are left out, and {len(never)} series that "
        "were never sold", sales.origin.source, "data.leading_zeros is drop", "warning",
    )  # fmt: skip
    return replace(
        sales,
        frame=frame[kept].reset_index(drop=True),
        origin=sales.origin.where(kept),
        ids=sales.ids.drop(index=never),
        fixed=sales.fixed.drop(index=never),
        faults=(*sales.faults, note),
    )
