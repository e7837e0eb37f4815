"""Skill by metric, and calibration of quantiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt

from .spec import QUIET, ROWS, colour, finish, finite, model_axis, once, present, select, shape, zero_line

if TYPE_CHECKING:
    import pandas as pd

    from ..palette import Palette
    from .spec import Spec


def skill(board: pd.DataFrame, palette: Palette) -> Spec | None:
    """Skill of each model with its interval, on the metric that the reader picks; None where no skill is known.

    board : the frame `standings` of `ReportTables`. A hollow point is a skill whose interval holds 0.
    """
    frame = finite(board)[["model", "metric", "skill", "skill_low", "skill_high", "win_rate"]].dropna(subset="skill")
    if frame.empty:
        return None
    frame = frame.assign(sure=(frame["skill_low"] > 0) | (frame["skill_high"] < 0))
    metrics = [str(name) for name in dict.fromkeys(frame["metric"])]
    metric = alt.param(name="shown_metric", value=metrics[0], bind=select(metrics, label="Metric"))
    tips = [
        alt.Tooltip("model:N"), alt.Tooltip("metric:N"), alt.Tooltip("skill:Q", format="+.1%"),
        alt.Tooltip("skill_low:Q", title="from", format="+.1%"), alt.Tooltip("skill_high:Q", title="to", format="+.1%"),
        alt.Tooltip("win_rate:Q", title="win rate", format=".1%"),
    ]  # fmt: skip
    base = alt.Chart(ROWS).transform_filter("datum.metric === shown_metric").encode(
        y=model_axis(present(palette, frame)), tooltip=tips
    )  # fmt: skip
    axis = alt.Axis(format="+.0%", tickCount=5)
    bars = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("skill_low:Q", title="skill", axis=axis), x2="skill_high:Q", color=colour(palette)
    )
    fill = alt.when("datum.sure").then(colour(palette)).otherwise(alt.value("#ffffff"))
    dots = base.mark_point(size=110, strokeWidth=2, opacity=1).encode(
        x="skill:Q", color=colour(palette), fill=fill, shape=shape(palette)
    )
    height = 30 * frame["model"].nunique()
    chart = alt.layer(zero_line(), bars, dots).properties(width="container", height=height).add_params(metric)
    return finish(chart, frame, palette, description="Skill by model with intervals")


def calibration(curve: pd.DataFrame, palette: Palette) -> Spec | None:
    """Share of demand that is not above each quantile, against its level; None where no model has quantiles.

    curve : the frame `calibration` of `ReportTables`. On the dashes a distribution is right; below them its quantiles
        are too low.
    """
    frame = finite(curve).dropna(subset="share")
    if frame.empty:
        return None
    percent = alt.Axis(format=".0%", tickCount=5)
    base = alt.Chart(ROWS).encode(
        x=alt.X("level:Q", title="quantile level", axis=percent).scale(domain=[0, 1]),
        y=alt.Y("share:Q", title="demand not above it", axis=percent).scale(domain=[0, 1]),
        color=colour(palette),
    )
    tips = [
        alt.Tooltip("model:N"), alt.Tooltip("level:Q", format=".1%"), alt.Tooltip("share:Q", format=".1%"),
        alt.Tooltip("n_obs:Q", title="periods", format=","),
    ]  # fmt: skip
    right = once().mark_rule(color=QUIET, strokeDash=[4, 3]).encode(
        x=alt.datum(0), y=alt.datum(0), x2=alt.datum(1), y2=alt.datum(1)
    )  # fmt: skip
    line = base.mark_line(strokeWidth=1.8, opacity=0.75).encode(order="level:Q")
    dots = base.mark_point(size=70, filled=True, opacity=1).encode(shape=shape(palette), tooltip=tips)
    chart = alt.layer(right, line, dots).properties(width="container", height=340)
    return finish(chart, frame, palette, description="Calibration of the quantiles")
