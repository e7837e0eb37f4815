"""An experiment drawn: lifts with intervals, the difference over time, units by arm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from .spec import QUIET, ROWS, colour, finish, finite, once, present, select, shape, zero_line

if TYPE_CHECKING:
    from ..palette import Palette
    from .spec import Spec

ROLES = ("primary", "guardrail", "diagnostic", "segment")
_SURE, _HOLLOW = alt.when("datum.sure"), alt.value("#ffffff")
_LANE = 22  # pixels of an arm's line
_GOLDEN = 0.6180339887498949  # its multiples spread evenly over 0..1


def lifts(frame: pd.DataFrame, palette: Palette) -> Spec | None:
    """Relative lift of each metric and arm, with its interval; None where no metric has one.

    frame : label, role, model (the arm), lift, low, high, sure, limit: what a guardrail may not cross, NaN for others.
    """
    rows = finite(frame).dropna(subset=["lift", "low", "high"])
    if rows.empty:
        return None
    order, names = list(dict.fromkeys(rows["label"])), present(palette, rows)
    reach = _reach(rows)
    x = alt.X("low:Q", title="relative to the control", axis=alt.Axis(format="+.1%", tickCount=6)).scale(
        domain=[-reach, reach], clamp=True
    )
    base = alt.Chart(ROWS).encode(
        y=alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=260)).scale(paddingInner=0.3),
        yOffset=alt.YOffset("model:N").scale(domain=names),
        tooltip=[alt.Tooltip("model:N", title="arm"), alt.Tooltip("label:N", title="metric"), alt.Tooltip("role:N"),
                 *(alt.Tooltip(f"{name}:Q", format="+.2%") for name in ("lift", "low", "high"))],
    )  # fmt: skip
    bars = base.mark_rule(strokeWidth=3).encode(x=x, x2="high:Q", color=colour(palette))
    points = base.mark_point(size=90, strokeWidth=2.5, opacity=1).encode(
        x=alt.X("lift:Q", title="relative to the control"), color=colour(palette), shape=shape(palette),
        fill=_SURE.then(colour(palette)).otherwise(_HOLLOW),
    )  # fmt: skip
    limits = base.transform_filter("isValid(datum.limit)").mark_tick(
        thickness=3, size=_LANE, color="#7a1f3d", orient="vertical"
    ).encode(x="limit:Q")  # fmt: skip
    chart = alt.layer(zero_line(), bars, points, limits)
    height = (_LANE * len(names) + 10) * len(order)
    return finish(chart.properties(width="container", height=height), rows, palette,
                  description="Relative lift of each metric and arm with its interval")  # fmt: skip


def course(frame: pd.DataFrame, palette: Palette, *, every: str) -> Spec | None:
    """Difference to the control, period by period, with its interval, for a metric that the reader picks.

    frame : metric, model (the arm), period, part ("before", "wash-out", "test"), difference, low, high.
    """
    rows = finite(frame).dropna(subset=["difference"])
    if rows.empty:
        return None
    dated = not pd.to_numeric(rows["period"], errors="coerce").notna().all()
    rows = rows if dated else rows.assign(period=pd.to_numeric(rows["period"]))
    metrics = list(dict.fromkeys(rows["metric"]))
    picked = alt.param(name="shown_metric", value=metrics[0], bind=select(metrics, label="Metric"))
    axis = alt.Axis(grid=False, tickCount=8) if dated else alt.Axis(grid=False, tickMinStep=1, format="d")
    kind = "T" if dated else "Q"
    x = alt.X(f"period:{kind}", title=None if dated else every, axis=axis).scale(zero=False, nice=False, padding=12)
    base = alt.Chart(ROWS).transform_filter("datum.metric === shown_metric").encode(
        x=x, color=colour(palette),
        tooltip=[alt.Tooltip("model:N", title="arm"), alt.Tooltip(f"period:{kind}"),
                 alt.Tooltip("part:N"),
                 *(alt.Tooltip(f"{name}:Q", format="+,.3~f") for name in ("difference", "low", "high"))],
    )  # fmt: skip
    arms = [name for name in present(palette, rows) if not palette.style(name).is_incumbent]
    drawn = [
        layer for k, name in enumerate(arms) for layer in _of_arm(base, palette, name, 6 * k - 3 * (len(arms) - 1))
    ]
    layers = [_flat(), *_begin(rows, dated=dated), *drawn]
    chart = alt.layer(*layers).properties(width="container", height=280).add_params(picked)
    return finish(chart, rows, palette, description="Difference to the control, period by period")


def spread(frame: pd.DataFrame, palette: Palette) -> Spec | None:
    """Value of each unit by arm, with the arm's mean, for a metric that the reader picks.

    frame : metric, model (the arm), unit, value.
    """
    rows = finite(frame).dropna(subset=["value"])
    if rows.empty:
        return None
    metrics, names = list(dict.fromkeys(rows["metric"])), present(palette, rows)
    place = rows.groupby(["metric", "model"]).cumcount().to_numpy()
    rows = rows.assign(lane=np.mod((place + 1) * _GOLDEN, 1.0))
    picked = alt.param(name="shown_metric", value=metrics[0], bind=select(metrics, label="Metric"))
    base = alt.Chart(ROWS).transform_filter("datum.metric === shown_metric").encode(
        y=alt.Y("model:N", sort=names, title=None, axis=alt.Axis(labelLimit=200)).scale(paddingInner=0.25),
        color=colour(palette),
    )  # fmt: skip
    dots = base.mark_circle(size=42, opacity=0.55).encode(
        x=alt.X("value:Q", title="of a unit", axis=alt.Axis(format="~s", tickCount=7)).scale(zero=False),
        yOffset=alt.YOffset("lane:Q").scale(domain=[-0.15, 1.15]),
        tooltip=[alt.Tooltip("unit:N"), alt.Tooltip("model:N", title="arm"), alt.Tooltip("value:Q", format=",.4~f")],
    )  # fmt: skip
    means = base.mark_tick(thickness=3, size=44, opacity=1, orient="vertical").encode(
        x=alt.X("mean(value):Q", title="of a unit"), color=alt.value("#1a1a1a"),
        tooltip=[alt.Tooltip("mean(value):Q", format=",.4~f", title="mean of the arm")],
    )  # fmt: skip
    chart = alt.layer(dots, means).properties(width="container", height=64 * len(names)).add_params(picked)
    return finish(chart, rows, palette, description="Value of each unit by arm")


def _reach(rows: pd.DataFrame) -> float:
    """Half of the axis: what primary metrics and guardrails need, and three times that for the others at most."""
    ends = rows[["low", "high", "limit"]].abs().max(axis=1)
    main = ends[rows["role"].isin(["primary", "guardrail"])].max()
    return float(1.08 * min(ends.max(), 3 * main if main > 0 else np.inf))


def _flat() -> alt.Chart:
    chart: alt.Chart = once().mark_rule(color=QUIET, strokeDash=[4, 3]).encode(y=alt.datum(0))
    return chart


def _begin(rows: pd.DataFrame, *, dated: bool) -> list[alt.Chart]:
    """Upright line where the test begins, if there is something before it."""
    if not (rows["part"] == "before").any():
        return []
    first = rows.loc[rows["part"] != "before", "period"].min()
    at = alt.datum(alt.expr(f"toDate('{first}')"), type="temporal") if dated else alt.datum(float(first) - 0.5)
    return [once().mark_rule(color=QUIET, strokeWidth=1.5).encode(x=at)]


def _of_arm(base: alt.Chart, palette: Palette, name: str, offset: int) -> list[alt.Chart]:
    """Intervals and differences of one arm, some pixels beside those of the others."""
    own = base.transform_filter(alt.FieldEqualPredicate(field="model", equal=name))
    title = "difference to the control"
    y = alt.Y("low:Q", title=title, axis=alt.Axis(format="+~s", tickCount=6))
    bars = own.mark_rule(strokeWidth=2, opacity=0.4, xOffset=offset).encode(y=y, y2="high:Q")
    points = own.mark_point(size=48, strokeWidth=2, opacity=1, xOffset=offset).encode(
        y=alt.Y("difference:Q", title=title), shape=shape(palette),
        fill=alt.when("datum.part === 'test'").then(colour(palette)).otherwise(_HOLLOW),
    )  # fmt: skip
    return [bars, points]
