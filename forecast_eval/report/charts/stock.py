"""Demand, forecast, stock and lost units of one series, period by period."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import altair as alt
import pandas as pd

from .spec import LOST, QUIET, ROWS, STOCK, colour, finish, present, select

if TYPE_CHECKING:
    from ..palette import Palette
    from .spec import Spec


def timeline(rows: pd.DataFrame, palette: Palette) -> Spec | None:
    """Demand, forecast, stock and lost units of one series under one model, both picked by the reader.

    Where windows overlap, the latest cutoff speaks for a period: it is what a planner would have acted on.
    Units are rounded to thousandths, finer than the eye, so that many series fit on the page.
    """
    if rows.empty:
        return None
    frame = rows.sort_values("cutoff", na_position="first").drop_duplicates(["model", "unique_id", "ds"], keep="last")
    frame = frame.sort_values(["model", "unique_id", "ds"]).astype({"unique_id": str}).drop(columns="cutoff").round(3)
    names = present(palette, frame)
    series = list(dict.fromkeys(frame["unique_id"]))
    model = alt.param(name="shown_model", value=names[0], bind=select(names, label="Model"))
    item = alt.param(name="shown_series", value=series[0], bind=select(series, label="Series"))
    base = (
        alt.Chart(ROWS)
        .transform_filter("datum.model === shown_model && datum.unique_id === shown_series")
        .encode(x=_period(frame["ds"]))
    )
    layers = [*_stock_layers(base), *_demand_layers(base, palette), _hover(base, frame["ds"])]
    title = alt.TitleParams(alt.ExprRef("shown_series + ', ' + shown_model"), anchor="start", fontSize=13)
    chart = alt.layer(*layers).properties(width="container", height=320, title=title)
    chart = chart.add_params(model, item)
    return finish(chart, frame, palette, description="Demand, forecast and stock over time")


def _stock_layers(base: alt.Chart) -> list[alt.Chart]:
    stock = base.mark_area(color=STOCK, opacity=0.75, interpolate="step-after").encode(
        y=alt.Y("on_hand:Q", title="units")
    )
    lost = base.mark_bar(color=LOST, width=5).encode(y=alt.Y("lost:Q", title="units"))
    return [stock, lost]


def _demand_layers(base: alt.Chart, palette: Palette) -> list[alt.Chart]:
    demand = base.mark_line(color=QUIET, strokeWidth=1.4, strokeDash=[2, 2]).encode(y=alt.Y("demand:Q", title="units"))
    dots = base.mark_point(color=QUIET, filled=True, size=22).encode(y="demand:Q")
    forecast = base.mark_line(strokeWidth=2.6).encode(y="forecast:Q", color=colour(palette))
    return [demand, dots, forecast]


def _hover(base: alt.Chart, ds: pd.Series[Any]) -> alt.Chart:
    # An unseen thick rule a period: the reader hits it anywhere in the column.
    period = alt.Tooltip(field="ds", type=_kind(ds), title="period")
    names = ("forecast", "demand", "on_hand", "ordered", "lost", "wasted")
    units = [alt.Tooltip(f"{name}:Q", title=name.replace("_", " "), format=",.1f") for name in names]
    chart: alt.Chart = base.mark_rule(opacity=0, strokeWidth=10).encode(tooltip=[period, *units])
    return chart


def _kind(ds: pd.Series[Any]) -> Literal["temporal", "quantitative"]:
    return "temporal" if pd.api.types.is_datetime64_any_dtype(ds) else "quantitative"


def _period(ds: pd.Series[Any]) -> alt.X:
    axis = alt.Axis(grid=False, tickCount=6, labelOverlap=True)
    return alt.X(field="ds", type=_kind(ds), title=None, axis=axis)
