"""What a model may earn: with a better forecast, and over drawn courses of demand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import altair as alt

from .spec import MONEY, ROWS, SIGNED, colour, finish, incumbent_of, model_axis, present, shape

if TYPE_CHECKING:
    import pandas as pd

    from ..palette import Palette
    from .spec import Spec

_SHARE_ROOM = 64  # pixels right of the longest bar, for "100%"


def accuracy(frame: pd.DataFrame, palette: Palette, *, currency: str) -> Spec | None:
    """Profit gained against WAPE as the truth is blended into a forecast: a line a model in the band of its interval.

    frame : `accuracy` of `ReportTables`. WAPE falls to the right, so that better is right and up.
    """
    if frame[["wape", "gain"]].notna().all(axis=1).sum() == 0:
        return None
    # A point whose error or gain is unknown is left out: the line would jump to 0.
    rows = frame[frame[["wape", "gain"]].notna().all(axis=1)]
    base = alt.Chart(ROWS).encode(
        x=alt.X(
            "wape:Q",
            title="WAPE, more accurate to the right",
            axis=alt.Axis(labelExpr="datum.label + '%'", tickCount=6),
        ).scale(reverse=True, zero=True),
        color=colour(palette),
    )
    title = f"gain [{currency} a week]"
    gain = alt.Y("gain:Q", title=title, axis=alt.Axis(format="+~s", tickCount=6))
    known = base.transform_filter("isValid(datum.low) && isValid(datum.high)")
    band = known.mark_area(opacity=0.16).encode(y=alt.Y("low:Q", title=title), y2="high:Q")
    line = base.mark_line(strokeWidth=2.2).encode(y=gain, order="share:Q")
    points = base.mark_point(filled=True, size=70, opacity=1).encode(
        y=gain,
        shape=shape(palette),
        tooltip=[
            alt.Tooltip("model:N"), alt.Tooltip("share:Q", title="truth blended in", format=".0%"),
            alt.Tooltip("wape:Q", title="WAPE [%]", format=".1f"), alt.Tooltip("gain:Q", format=SIGNED),
            alt.Tooltip("low:Q", format=SIGNED), alt.Tooltip("high:Q", format=SIGNED),
            alt.Tooltip("per_point:Q", title="a point of WAPE", format=SIGNED),
        ],
    )  # fmt: skip
    chart = alt.layer(band, line, points).properties(width="container", height=320)
    return finish(chart, rows, palette, description="Profit gained against forecast error")


def drawn(frame: pd.DataFrame, palette: Palette, *, currency: str) -> Spec | None:
    """Mean profit of each model over drawn courses of demand, with the range of most of them.

    frame : `drawn` of `ReportTables`. Right of a bar stands the share of courses in which the model earns more than
        the incumbent.
    """
    if frame["profit"].notna().sum() == 0:
        return None
    incumbent = incumbent_of(palette)
    won = [
        "" if model == incumbent or math.isnan(share) else f"{share:.0%}"
        for model, share in zip(frame["model"], frame["share_won"].astype(float), strict=True)
    ]
    rows = frame.assign(won=won)
    rows["right"] = rows[["profit", "profit_high"]].max(axis=1)
    base = alt.Chart(ROWS).encode(
        y=model_axis(present(palette, frame)),
        tooltip=[
            alt.Tooltip("model:N"), alt.Tooltip("profit:Q", format=MONEY),
            alt.Tooltip("profit_low:Q", title="5%", format=MONEY),
            alt.Tooltip("profit_high:Q", title="95%", format=MONEY),
            alt.Tooltip("difference:Q", title="to the incumbent", format=SIGNED),
            alt.Tooltip("share_won:Q", title="beats the incumbent", format=".0%"),
        ],
    )  # fmt: skip
    scale = alt.Scale(zero=False, nice=True, range=[0, alt.ExprRef(f"width - {_SHARE_ROOM}")])
    axis = alt.Axis(format="~s", tickCount=alt.ExprRef("narrow ? 3 : 6"))
    x = alt.X("profit_low:Q", title=f"{currency} a week", scale=scale, axis=axis)
    bar = base.mark_rule(strokeWidth=3).encode(x=x, x2="profit_high:Q", color=colour(palette))
    point = base.mark_point(filled=True, size=110, opacity=1).encode(
        x=alt.X("profit:Q", scale=scale), color=colour(palette), shape=shape(palette)
    )
    said = base.mark_text(align="left", dx=10).encode(x=alt.X("right:Q", scale=scale), text="won:N")
    chart = alt.layer(bar, point, said).properties(width="container", height=30 * len(rows))
    return finish(chart, rows, palette, description="Profit over drawn courses of demand")
