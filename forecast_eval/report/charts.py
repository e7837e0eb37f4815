"""Frames in, Vega-Lite specs out: pure functions, no files, no HTML.

A chart with nothing to show is None, and the page says so in words. Rows travel as a named data set, with NaN
as null, because NaN is not JSON. Names of models reach Vega as values and never inside an expression.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import altair as alt
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .palette import Palette

Spec = dict[str, Any]

_COSTS = {
    "lost_sales": "Lost sales",
    "waste": "Waste",
    "holding_cost": "Holding",
    "shortage_cost": "Shortage",
}
_INK, _QUIET, _STOCK, _LOST = "#1a1a1a", "#5f6670", "#c9ced6", "#7a1f3d"
_MONEY = ",.0f"
_ROWS = alt.NamedData(name="rows")
_CONFIG = {
    "font": "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "labelColor": _INK,
        "titleColor": _QUIET, "gridColor": "#e7e9ed", "domain": False, "ticks": False, "labelPadding": 6,
    },
    "legend": {"labelFontSize": 12, "labelLimit": 260, "titleFontWeight": "normal", "titleColor": _QUIET},
}  # fmt: skip


def money_difference(money: pd.DataFrame, palette: Palette, *, currency: str) -> Spec | None:
    """Profit of each model minus the incumbent's, with its interval; None without a rival.

    money : the frame of `ReportTables`. A hollow point is a difference that may be noise.
    """
    rivals = money[~money["is_incumbent"].astype(bool)]
    if rivals["difference"].notna().sum() == 0:
        return None
    frame = money[["model", "setting", "profit", "difference", "low", "high", "significant"]]
    colour = _colour(palette)
    base = alt.Chart(_ROWS).encode(
        y=_model_axis([name for name in palette.names if name in set(money["model"])]),
        tooltip=[
            alt.Tooltip("model:N"), alt.Tooltip("setting:N"), alt.Tooltip("profit:Q", format=_MONEY),
            alt.Tooltip("difference:Q", format="+,.0f"), alt.Tooltip("low:Q", format="+,.0f"),
            alt.Tooltip("high:Q", format="+,.0f"),
        ],
    )  # fmt: skip
    zero = alt.Chart(_ROWS).mark_rule(color=_QUIET, strokeDash=[4, 3]).encode(x=alt.datum(0))
    title = f"{currency} a week above the incumbent"
    bar = base.mark_rule(strokeWidth=3).encode(
        x=alt.X("low:Q", title=title, axis=alt.Axis(format="+~s", tickCount=5)), x2="high:Q", color=colour
    )
    point = base.mark_point(size=110, strokeWidth=2.5, opacity=1).encode(
        x=alt.X("difference:Q", title=title),
        color=colour,
        shape=_shape(palette),
        fill=alt.when("datum.significant").then(colour).otherwise(alt.value("#ffffff")),
    )
    chart = alt.layer(zero, bar, point).properties(width="container", height=30 * len(frame))
    return _finish(chart, frame, palette, description="Profit difference to the incumbent with intervals")


def frontier(settings: pd.DataFrame, palette: Palette, *, currency: str) -> Spec | None:
    """Mismatch cost against fill rate: one line a model and policy through its settings, in the order of the knob."""
    frame = settings[["model", "policy", "setting", "knob", "chosen", "best", "fill_rate", "mismatch_cost", "profit"]]
    if frame[["fill_rate", "mismatch_cost"]].notna().all(axis=1).sum() == 0:
        return None
    focus = alt.param(name="focus", value=None, bind=_select(palette.names, label="Model", everything=True))
    seen = alt.when("focus === null || datum.model === focus")
    base = alt.Chart(_ROWS).encode(
        x=alt.X("fill_rate:Q", title="fill rate", axis=alt.Axis(format=".0%", tickCount=6)).scale(zero=False),
        y=alt.Y("mismatch_cost:Q", title=f"mismatch cost [{currency} a week]", axis=alt.Axis(format="~s")).scale(
            zero=False
        ),
        color=_colour(palette),
    )
    line = base.mark_line(strokeWidth=1.8).encode(
        order="knob:Q",
        detail="policy:N",
        opacity=seen.then(alt.value(0.75)).otherwise(alt.value(0.06)),
        strokeDash=_policy_dash(frame["policy"]),
    )
    marks = base.encode(shape=_shape(palette), opacity=seen.then(alt.value(1)).otherwise(alt.value(0.08)))
    tips = _frontier_tips()
    dots = marks.mark_point(filled=True, size=34).encode(tooltip=tips)
    # The ring is a bare circle in grey: it must not pass for the shape of a model.
    ring = base.transform_filter("datum.best").mark_point(
        filled=False, size=340, strokeWidth=1.6, shape="circle", color=_QUIET
    ).encode(
        color=alt.value(_QUIET), opacity=seen.then(alt.value(1)).otherwise(alt.value(0)), tooltip=tips
    )  # fmt: skip
    chosen = marks.transform_filter("datum.chosen").mark_point(
        filled=True, size=170, stroke="#ffffff", strokeWidth=1.5
    ).encode(tooltip=tips)  # fmt: skip
    chart = alt.layer(line, dots, ring, chosen).properties(width="container", height=430)
    return _finish(chart.add_params(focus), frame, palette, description="Cost against fill rate by setting")


def segment_costs(segments: pd.DataFrame, palette: Palette, *, segment: str, currency: str) -> Spec | None:
    """Costs of the models in one segment: bars by kind of cost, one bar a model.

    All segments share one scale, so that the reader sees where the money is.
    """
    costs = segments.melt(["model", "segment"], list(_COSTS), var_name="kind", value_name="amount")
    frame = costs[costs["segment"] == segment].assign(kind=lambda rows: rows["kind"].map(_COSTS))
    if frame["amount"].notna().sum() == 0:
        return None
    paid = [kind for kind in _COSTS.values() if costs["amount"][costs["kind"].map(_COSTS) == kind].abs().sum() > 0]
    frame = frame[frame["kind"].isin(paid or list(_COSTS.values()))]
    names = [name for name in palette.names if name in set(frame["model"])]
    ends = [min(0.0, float(costs["amount"].min())), float(costs["amount"].max())]
    chart = alt.Chart(_ROWS).mark_bar().encode(
        y=alt.Y("kind:N", title=None, sort=paid).scale(paddingInner=0.25, paddingOuter=0.1),
        yOffset=alt.YOffset("model:N").scale(domain=names),
        x=alt.X("amount:Q", title=f"{currency} a week", axis=alt.Axis(format="~s", tickCount=5)).scale(
            domain=ends, nice=True
        ),
        color=_colour(palette),
        tooltip=[
            alt.Tooltip("model:N"), alt.Tooltip("kind:N", title="cost"),
            alt.Tooltip("amount:Q", title=f"{currency} a week", format=_MONEY),
        ],
    )  # fmt: skip
    height = max(1, len(paid)) * (max(9, 16 - len(names)) * len(names) + 18)
    chart = chart.properties(width="container", height=height)
    return _finish(chart, frame, palette, description=f"Costs of {segment} series by model")


def timeline(rows: pd.DataFrame, palette: Palette) -> Spec | None:
    """Demand, forecast, stock and lost units of one series under one model, both picked by the reader.

    Where windows overlap, the latest cutoff speaks for a period: it is what a planner would have acted on.
    """
    if rows.empty:
        return None
    frame = rows.sort_values("cutoff", na_position="first").drop_duplicates(["model", "unique_id", "ds"], keep="last")
    frame = frame.sort_values(["model", "unique_id", "ds"]).astype({"unique_id": str})
    names = [name for name in palette.names if name in set(frame["model"])]
    series = list(dict.fromkeys(frame["unique_id"]))
    model = alt.param(name="shown_model", value=names[0], bind=_select(names, label="Model"))
    item = alt.param(name="shown_series", value=series[0], bind=_select(series, label="Series"))
    base = (
        alt.Chart(_ROWS)
        .transform_filter("datum.model === shown_model && datum.unique_id === shown_series")
        .encode(x=_period(frame["ds"]))
    )
    layers = [*_stock_layers(base), *_demand_layers(base, palette), _hover(base, frame["ds"])]
    title = alt.TitleParams(alt.ExprRef("shown_series + ', ' + shown_model"), anchor="start", fontSize=13)
    chart = alt.layer(*layers).properties(width="container", height=320, title=title)
    chart = chart.add_params(model, item)
    return _finish(chart, frame, palette, description="Demand, forecast and stock over time")


def _stock_layers(base: alt.Chart) -> list[alt.Chart]:
    stock = base.mark_area(color=_STOCK, opacity=0.75, interpolate="step-after").encode(
        y=alt.Y("on_hand:Q", title="units")
    )
    lost = base.mark_bar(color=_LOST, width=5).encode(y=alt.Y("lost:Q", title="units"))
    return [stock, lost]


def _demand_layers(base: alt.Chart, palette: Palette) -> list[alt.Chart]:
    demand = base.mark_line(color=_QUIET, strokeWidth=1.4, strokeDash=[2, 2]).encode(y=alt.Y("demand:Q", title="units"))
    dots = base.mark_point(color=_QUIET, filled=True, size=22).encode(y="demand:Q")
    forecast = base.mark_line(strokeWidth=2.6).encode(y="forecast:Q", color=_colour(palette))
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


def _frontier_tips() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("model:N"), alt.Tooltip("policy:N"), alt.Tooltip("setting:N"),
        alt.Tooltip("fill_rate:Q", title="fill rate", format=".1%"),
        alt.Tooltip("mismatch_cost:Q", title="mismatch cost", format=_MONEY),
        alt.Tooltip("profit:Q", format=_MONEY), alt.Tooltip("chosen:N"),
        alt.Tooltip("best:N", title="best in hindsight"),
    ]  # fmt: skip


def _policy_dash(policies: pd.Series[Any]) -> alt.StrokeDash:
    names = list(dict.fromkeys(policies))
    legend = alt.Legend(orient="bottom", direction="vertical", title=None, symbolSize=400)
    return alt.StrokeDash("policy:N", sort=names, legend=legend if len(names) > 1 else None)


def _select(options: Sequence[str], *, label: str, everything: bool = False) -> alt.BindRadioSelect:
    if everything:
        return alt.binding_select(options=[None, *options], labels=["all", *options], name=f"{label} ")
    return alt.binding_select(options=list(options), name=f"{label} ")


def _model_axis(order: Sequence[str]) -> alt.Y:
    # Long names are cut in the middle: variants of one model differ at the end.
    cut = "slice(datum.label, 0, room / 2) + '\u2026' + slice(datum.label, -room / 2)"
    name = f"(length(datum.label) > room ? {cut} : datum.label)"
    label = f"(datum.label === incumbent ? '\u25c6 ' : '') + {name}"
    return alt.Y("model:N", sort=list(order), title=None, axis=alt.Axis(labelExpr=label, labelLimit=300))


def _colour(palette: Palette) -> alt.Color:
    return alt.Color("model:N", legend=None).scale(domain=palette.names, range=palette.colours)


def _shape(palette: Palette) -> alt.Shape:
    return alt.Shape("model:N", legend=None).scale(domain=palette.names, range=palette.shapes)


def _finish(chart: alt.TopLevelMixin, frame: pd.DataFrame, palette: Palette, *, description: str) -> Spec:
    # Rows are put in last: Altair would walk and validate each of them, and stop at 5000.
    spec: Spec = chart.to_dict()
    incumbent = next((style.name for style in palette.styles if style.is_incumbent), None)
    room = {"name": "room", "expr": "windowSize()[0] < 640 ? 18 : 36"}  # characters a name may take
    spec["params"] = [{"name": "incumbent", "value": incumbent}, room, *spec.get("params", [])]
    # The width follows the page, the height is the chart's own.
    autosize = {"type": "fit-x", "contains": "padding"}
    spec |= {"config": _CONFIG, "description": description, "autosize": autosize}
    spec["datasets"] = {"rows": json.loads(frame.to_json(orient="records", date_format="iso"))}
    return spec
