"""Launches drawn: offline against online, calibrated against measured, and how their difference moves over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from .spec import QUIET, ROWS, colour, finish, finite, once, select, shape

if TYPE_CHECKING:
    import pandas as pd

    from ..palette import Palette
    from .spec import Spec

_TICKS = alt.expr("narrow ? 4 : 6")
_HOLLOW = alt.value("#ffffff")
_BAND, _LINE = "#0b4f8a", "#0b4f8a"
SHARE, AMOUNT = "+.1~%", "+,.3~g"
# Of a share per cent, of anything else what d3 makes of it: launches may be written in either.
_OFFLINE = "datum.value === 0 ? '0' : indexof(shares, shown_metric) < 0 ? format(datum.value, '+,.3~g') : "
_LABEL = _OFFLINE + "format(datum.value, '+.1~%')"


def launches(frame: pd.DataFrame, palette: Palette, *, share: bool) -> Spec | None:
    """Offline against online, a point a launch, for an offline metric that the reader picks; None without launches.

    frame : one row a mark. `kind` is point (a tested launch), untested (a tick at its x), line (x, y, y_low, y_high of
        the fitted line and its band) or same (the line y = x). metric, launch, date, model (the decision), x, x_low,
        x_high, y, y_low, y_high; offline_share: whether x is a share.
    share : whether y is one.
    """
    rows = finite(frame)
    if not (rows["kind"] == "point").any():
        return None
    metrics = list(dict.fromkeys(rows["metric"]))
    picked = alt.param(name="shown_metric", value=metrics[0], bind=select(metrics, label="Offline metric"))
    shares = alt.param(name="shares", value=sorted(set(rows.loc[rows["offline_share"], "metric"])))
    x = alt.X("x:Q", title="offline", axis=alt.Axis(labelExpr=_LABEL, tickCount=_TICKS)).scale(zero=False, padding=12)
    y_axis = alt.Axis(labelExpr=label_of(form_of(share=share)), tickCount=_TICKS)
    y = alt.Y("y:Q", title="measured online", axis=y_axis).scale(zero=False, padding=12)
    base = alt.Chart(ROWS).transform_filter("datum.metric === shown_metric")
    kinds = set(rows["kind"])
    lines = _lines(base, x, y) if "line" in kinds else []
    ticks = [_ticks(base, x)] if "untested" in kinds else []
    layers = [*_axes(), *lines, *_points(base, palette, x, y, share=share), *ticks]
    chart = alt.layer(*layers).properties(width="container", height=400).add_params(picked, shares)
    return finish(chart, rows, palette, description="Offline against online difference of each launch")


def form_of(*, share: bool) -> str:
    """How numbers of an axis are printed."""
    return SHARE if share else AMOUNT


def label_of(form: str) -> str:
    """Labels of an axis, on which 0 has no sign."""
    return f"datum.value === 0 ? '0' : format(datum.value, '{form}')"


def _axes() -> list[alt.Chart]:
    """No effect on either side."""
    quiet: dict[str, Any] = {"color": QUIET, "strokeWidth": 0.8}
    return [once().mark_rule(**quiet).encode(y=alt.datum(0)), once().mark_rule(**quiet).encode(x=alt.datum(0))]


def _lines(base: alt.Chart, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """Fitted line with its band, and the line on which both sides are the same."""
    fitted = base.transform_filter("datum.kind === 'line'")
    band = fitted.mark_area(opacity=0.1, color=_BAND, clip=True).encode(
        x=x, y=alt.Y("y_low:Q", title="measured online"), y2="y_high:Q"
    )  # fmt: skip
    # one layer for both: a browser warns of a layer without rows, and most metrics have no second line
    quiet = alt.when("datum.kind === 'same'")
    line = base.transform_filter("datum.kind === 'line' || datum.kind === 'same'").mark_line(clip=True).encode(
        x=x, y=y, order="x:Q", detail="kind:N", strokeWidth=quiet.then(alt.value(1.4)).otherwise(alt.value(2)),
        color=quiet.then(alt.value(QUIET)).otherwise(alt.value(_LINE)),
        strokeDash=quiet.then(alt.value([4, 3])).otherwise(alt.value([1, 0])),
    )  # fmt: skip
    return [band, line]


def _points(base: alt.Chart, palette: Palette, x: alt.X, y: alt.Y, *, share: bool) -> list[alt.Chart]:
    own = base.transform_filter("datum.kind === 'point'").transform_calculate(
        offline=_said("x", "indexof(shares, datum.metric) >= 0"), online=_said("y", "true" if share else "false")
    )
    tips = [
        alt.Tooltip("launch:N"), alt.Tooltip("date:N"), alt.Tooltip("model:N", title="decision"),
        alt.Tooltip("offline:N"), alt.Tooltip("online:N"),
    ]  # fmt: skip
    bars: dict[str, Any] = {"strokeWidth": 1.5, "opacity": 0.45}
    across = own.mark_rule(**bars).encode(x="x_low:Q", x2="x_high:Q", y=y, color=colour(palette))
    upright = own.mark_rule(**bars).encode(x=x, y="y_low:Q", y2="y_high:Q", color=colour(palette))
    points = own.mark_point(size=80, filled=True, opacity=1, stroke="#ffffff", strokeWidth=1).encode(
        x=x, y=y, color=colour(palette), shape=shape(palette), tooltip=tips
    )  # fmt: skip
    return [across, upright, points]


def _said(side: str, share: str) -> str:
    """Expression that prints a difference with its interval."""
    parts = [
        f"({share} ? format(datum.{name}, '+.1%') : format(datum.{name}, '+,.3~g'))"
        for name in (side, f"{side}_low", f"{side}_high")
    ]  # fmt: skip
    return f"{parts[0]} + ' (' + {parts[1]} + ' to ' + {parts[2]} + ')'"


def _ticks(base: alt.Chart, x: alt.X) -> alt.Chart:
    """Launches that were not tested stand below the chart, where their offline number is."""
    own = base.transform_filter("datum.kind === 'untested'").transform_calculate(
        offline=_said("x", "indexof(shares, datum.metric) >= 0")
    )
    tips = [alt.Tooltip("launch:N"), alt.Tooltip("date:N"), alt.Tooltip("offline:N")]
    chart: alt.Chart = own.mark_tick(thickness=2, size=14, color="#000000", orient="vertical").encode(
        x=x, y=alt.value(alt.expr("height - 7")), tooltip=tips
    )
    return chart


def held(frame: pd.DataFrame, palette: Palette, *, share: bool) -> Spec | None:
    """Measured against predicted without the launch itself, with the interval of the prediction; None without rows.

    frame : launch, date, model ("held", "missed"), predicted, low, high, measured.
    """
    rows = finite(frame).dropna(subset=["predicted", "measured"])
    if rows.empty:
        return None
    label = label_of(form_of(share=share))
    ends = [rows[["low", "measured"]].min().min(), rows[["high", "measured"]].max().max()]
    title, axis = "foretold without this launch", alt.Axis(labelExpr=label, tickCount=_TICKS)
    x = alt.X("measured:Q", title="measured", axis=axis).scale(zero=False, padding=12)
    y = alt.Y("low:Q", title=title, axis=axis).scale(zero=False, padding=12)
    same = once().mark_rule(color=QUIET, strokeDash=[4, 3]).encode(
        x=alt.datum(ends[0]), y=alt.datum(ends[0]), x2=alt.datum(ends[1]), y2=alt.datum(ends[1])
    )  # fmt: skip
    base = alt.Chart(ROWS).encode(x=x, tooltip=_tips(share=share, names=("measured", "predicted", "low", "high")))
    bars = base.mark_rule(strokeWidth=1.5, opacity=0.5).encode(y=y, y2="high:Q", color=colour(palette))
    fill = alt.when("datum.model === 'held'").then(colour(palette)).otherwise(_HOLLOW)
    points = base.mark_point(size=80, strokeWidth=2, opacity=1).encode(
        y=alt.Y("predicted:Q", title=title), color=colour(palette), fill=fill, shape=shape(palette)
    )
    chart = alt.layer(same, bars, points).properties(width="container", height=340)
    return finish(chart, rows, palette, description="Measured against predicted difference of each launch")


def divergence(frame: pd.DataFrame, palette: Palette, *, share: bool) -> Spec | None:
    """Measured minus calibrated by date of the launch, with its interval; None without rows.

    frame : launch, date, model ("held", "missed"), gap, low, high.
    """
    rows = finite(frame).dropna(subset=["gap"])
    if rows.empty:
        return None
    label = label_of(form_of(share=share))
    flat = once().mark_rule(color=QUIET, strokeDash=[4, 3]).encode(y=alt.datum(0))
    axis = alt.Axis(grid=False, tickCount=_TICKS, labelOverlap="greedy")
    x = alt.X("date:T", title=None, axis=axis).scale(nice=False, padding=16)
    base = alt.Chart(ROWS).encode(x=x, tooltip=_tips(share=share, names=("gap", "low", "high")))
    title = "measured less calibrated"
    bars = base.mark_rule(strokeWidth=1.5, opacity=0.5).encode(
        y=alt.Y("low:Q", title=title, axis=alt.Axis(labelExpr=label, tickCount=_TICKS)),
        y2="high:Q",
        color=colour(palette),
    )
    fill = alt.when("datum.model === 'held'").then(colour(palette)).otherwise(_HOLLOW)
    points = base.mark_point(size=80, strokeWidth=2, opacity=1).encode(
        y=alt.Y("gap:Q", title=title), color=colour(palette), fill=fill, shape=shape(palette)
    )
    chart = alt.layer(flat, bars, points).properties(width="container", height=260)
    return finish(chart, rows, palette, description="Measured less calibrated difference by date")


def _tips(*, share: bool, names: tuple[str, ...]) -> list[alt.Tooltip]:
    numbers = [alt.Tooltip(f"{name}:Q", format="+.2%" if share else "+,.3~g") for name in names]
    return [alt.Tooltip("launch:N"), alt.Tooltip("date:T", format="%Y-%m-%d"), *numbers]
