"""Simulated and measured lifts beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import numpy as np

from .spec import ROWS, colour, finish, finite, shape, zero_line

if TYPE_CHECKING:
    import pandas as pd

    from ..palette import Palette
    from .spec import Spec

_SURE, _HOLLOW = alt.when("datum.sure"), alt.value("#ffffff")
_LANE = 22  # pixels of a side's line


def sides(frame: pd.DataFrame, palette: Palette) -> Spec | None:
    """Lift of each metric on both sides, with its interval; None where there is none.

    frame : label, model (the side), lift, low, high (shares), sure (the interval leaves out 0), main (it decides: the
        axis shows it whole, and others to three times that at most). A point without an interval is hollow.
    """
    rows = finite(frame).dropna(subset=["lift"])
    if rows.empty:
        return None
    order, title = list(dict.fromkeys(rows["label"])), "relative lift"
    reach = _reach(rows)
    x = alt.X("low:Q", title=title, axis=alt.Axis(format="+.1%", tickCount=6)).scale(domain=[-reach, reach], clamp=True)
    base = alt.Chart(ROWS).encode(
        y=alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=260)).scale(paddingInner=0.3),
        yOffset=alt.YOffset("model:N").scale(domain=palette.names),
        tooltip=[alt.Tooltip("model:N", title="side"), alt.Tooltip("label:N", title="metric"),
                 *(alt.Tooltip(f"{name}:Q", format="+.2%") for name in ("lift", "low", "high"))],
    )  # fmt: skip
    whole = base.transform_filter("isValid(datum.low) && isValid(datum.high)")
    bars = whole.mark_rule(strokeWidth=3).encode(x=x, x2="high:Q", color=colour(palette))
    points = base.mark_point(size=90, strokeWidth=2.5, opacity=1).encode(
        x=alt.X("lift:Q", title=title), color=colour(palette), shape=shape(palette),
        fill=_SURE.then(colour(palette)).otherwise(_HOLLOW),
    )  # fmt: skip
    height = (_LANE * len(palette.names) + 10) * len(order)
    chart = alt.layer(zero_line(), bars, points).properties(width="container", height=height)
    return finish(chart, rows, palette, description="Simulated and measured lift of each metric with intervals")


def _reach(rows: pd.DataFrame) -> float:
    """Half of the axis."""
    ends = rows[["lift", "low", "high"]].abs().max(axis=1)
    main = float(ends[rows["main"]].max()) if rows["main"].any() else np.inf
    return float(1.08 * max(min(ends.max(), 3 * main), 1e-3))
