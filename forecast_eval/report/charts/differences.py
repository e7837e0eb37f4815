"""Profit differences to the incumbent: with intervals, store by store, and under each assumption."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from ..assumptions import short_name
from ..tables.cells import texts
from .spec import (
    MONEY,
    QUIET,
    ROWS,
    SIGNED,
    colour,
    finish,
    finite,
    incumbent_of,
    model_axis,
    once,
    present,
    select,
    shape,
    zero_line,
)

if TYPE_CHECKING:
    from ..palette import Palette
    from .spec import Spec

_SURE, _HOLLOW = alt.when("datum.significant"), alt.value("#ffffff")
_COLUMNS = 36  # of a stack of dots: about 8 pixels each on a phone
_MOST_DOTS = 300  # of a model
_MEAN_LANE = -2.0  # where the mean and its interval lie below the dots


def money_difference(money: pd.DataFrame, palette: Palette, *, currency: str) -> Spec | None:
    """Profit of each model minus the incumbent's, with its interval; None without a rival.

    money : the frame of `ReportTables`. A hollow point is a difference that may be noise.
    """
    rivals = money[~money["is_incumbent"].astype(bool)]
    if rivals["difference"].notna().sum() == 0:
        return None
    frame = money[["model", "setting", "profit", "difference", "low", "high", "significant"]]
    base = alt.Chart(ROWS).encode(
        y=model_axis(present(palette, money)),
        tooltip=[alt.Tooltip("model:N"), alt.Tooltip("setting:N"), *_tips()],
    )
    layers = [zero_line(), *_dots_and_bars(base, palette, currency=currency)]
    chart = alt.layer(*layers).properties(width="container", height=30 * len(frame))
    return finish(chart, frame, palette, description="Profit difference to the incumbent with intervals")


def bounds(frame: pd.DataFrame, palette: Palette, *, currency: str) -> Spec | None:
    """Profit difference of each model under each assumption about hidden demand; None without a rival.

    frame : `bounds` of `ReportTables`. Models stand beside each other within an assumption.
    """
    rows = frame[frame["model"] != incumbent_of(palette)]
    if rows["difference"].notna().sum() == 0:
        return None
    rows = rows.assign(significant=(rows["low"] > 0) | (rows["high"] < 0), name=rows["assumption"].map(short_name))
    names, order = present(palette, rows), list(dict.fromkeys(rows["name"]))
    base = alt.Chart(ROWS).encode(
        y=alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=130)).scale(
            paddingInner=0.15, paddingOuter=0.1
        ),
        yOffset=alt.YOffset("model:N").scale(domain=names),
        tooltip=[alt.Tooltip("model:N"), alt.Tooltip("name:N", title="hidden demand"), *_tips()],
    )
    layers = [zero_line(), *_dots_and_bars(base, palette, currency=currency, size=80 if len(names) > 6 else 110)]
    height = len(order) * (16 + max(14, 20 - len(names)) * len(names))
    chart = alt.layer(*layers).properties(width="container", height=height)
    return finish(chart, rows, palette, description="Profit difference under each assumption about hidden demand")


def paired(frame: pd.DataFrame, money: pd.DataFrame, palette: Palette, *, currency: str) -> Spec | None:
    """Profit differences of the clusters as a stack of dots, with their mean, for a model that the reader picks.

    frame : `paired` of `ReportTables`; money gives the interval of the total, which divided by the number of
        clusters is that of their mean. The scale is each model's own.
    """
    frame = finite(frame)
    rivals = frame[(frame["model"] != incumbent_of(palette)) & frame["difference"].notna()]
    if rivals.empty:
        return None
    rows = pd.concat([_stacked(rivals), _means(rivals, money)], ignore_index=True)
    names = present(palette, rivals)
    model = alt.param(name="shown_model", value=names[0], bind=select(names, label="Model"))
    top = max(8.0, float(rows["level"].max()) + 1)
    base = alt.Chart(ROWS).transform_filter("datum.model === shown_model").encode(
        x=alt.X(
            "difference:Q", title=f"{currency} a week above the incumbent", axis=alt.Axis(format="+~s", tickCount=5)
        ),
        y=alt.Y("level:Q", axis=None).scale(domain=[_MEAN_LANE - 1, top], nice=False),
        color=colour(palette),
    )  # fmt: skip
    chart = alt.layer(zero_line(), *_stack_layers(base, palette)).properties(width="container", height=190)
    return finish(chart.add_params(model), rows, palette, description="Profit difference to the incumbent by cluster")


def _dots_and_bars(base: alt.Chart, palette: Palette, *, currency: str, size: int = 110) -> list[alt.Chart]:
    """Interval and estimate; hollow where the interval holds 0."""
    title, paint = f"{currency} a week above the incumbent", colour(palette)
    # Beside long names the title is wider than its axis: it may reach over to the left, but not off the page.
    x = alt.X("low:Q", title=title, axis=alt.Axis(format="+~s", tickCount=5, titleAnchor="end"))
    bar = base.mark_rule(strokeWidth=3).encode(x=x, x2="high:Q", color=paint)
    point = base.mark_point(size=size, strokeWidth=2.5, opacity=1).encode(
        x=alt.X("difference:Q", title=title),
        color=paint,
        shape=shape(palette),
        fill=_SURE.then(paint).otherwise(_HOLLOW),
    )
    return [bar, point]


def _stack_layers(base: alt.Chart, palette: Palette) -> list[alt.Chart]:
    cluster = [alt.Tooltip("cluster:N"), alt.Tooltip("difference:Q", format=SIGNED)]
    dots = base.transform_filter("datum.kind === 'cluster'").mark_circle(size=46, opacity=0.8).encode(tooltip=cluster)
    mean = base.transform_filter("datum.kind === 'mean'").encode(tooltip=[alt.Tooltip("label:N", title="mean")])
    bar = mean.mark_rule(strokeWidth=3).encode(x=alt.X("low:Q"), x2="high:Q")
    point = mean.mark_point(size=60, strokeWidth=2.5, opacity=1).encode(
        shape=shape(palette), fill=_SURE.then(colour(palette)).otherwise(_HOLLOW)
    )
    said = mean.mark_text(align="left", fontWeight="bold").encode(
        x=alt.value(0), y=alt.value(-10), text="label:N", color=alt.value("#1a1a1a")
    )
    floor = once().mark_rule(color=QUIET, strokeWidth=0.5).encode(y=alt.YDatum(-0.6, axis=None))
    return [floor, dots, bar, point, said]


def _stacked(frame: pd.DataFrame) -> pd.DataFrame:
    """Dots at their difference, each above those that fall in the same column of the stack."""
    frame = pd.concat([_thinned(rows) for _, rows in frame.groupby("model", sort=False)], ignore_index=True)
    ends = frame.groupby("model")["difference"].agg(["min", "max"]).reindex(frame["model"])
    low, high = np.minimum(ends["min"].to_numpy(), 0.0), np.maximum(ends["max"].to_numpy(), 0.0)
    width = np.where(high > low, high - low, 1.0)
    column = np.floor((frame["difference"].to_numpy(dtype=float) - low) / width * _COLUMNS)
    rows = frame.assign(column=column, kind="cluster", cluster=frame["cluster"].astype(str))
    rows = rows.sort_values(["model", "column", "difference"], kind="stable")
    rows["level"] = rows.groupby(["model", "column"]).cumcount()
    return rows.drop(columns="column")


def _thinned(rows: pd.DataFrame) -> pd.DataFrame:
    """Clusters of one model; where they are many, the means of as many neighbours in size as it takes."""
    together = -(-len(rows) // _MOST_DOTS)
    if together == 1:
        return rows
    ranked = rows.sort_values("difference", kind="stable").reset_index(drop=True)
    dots = ranked.groupby(ranked.index // together).agg({"model": "first", "difference": "mean", "cluster": "size"})
    return dots.assign(cluster=[f"{size} groups of like difference" for size in dots["cluster"]])


def _means(frame: pd.DataFrame, money: pd.DataFrame) -> pd.DataFrame:
    """Mean of the clusters and its interval: that of the total in `money`, divided by their number."""
    grouped = frame.groupby("model", sort=False)["difference"].agg(["mean", "size"])
    ends = money.set_index("model")[["low", "high"]].reindex(grouped.index).astype(float).div(grouped["size"], axis=0)
    rows = pd.DataFrame({"difference": grouped["mean"], "low": ends["low"], "high": ends["high"]})
    printed = [texts(line, "money", signed=True) for line in rows.to_numpy()]
    labels = [f"mean {mean} ({low} to {high})" for mean, low, high in printed]
    rows = rows.assign(kind="mean", level=_MEAN_LANE, label=labels, significant=(rows["low"] > 0) | (rows["high"] < 0))
    return rows.rename_axis("model").reset_index()


def _tips() -> list[alt.Tooltip]:
    money = [alt.Tooltip("profit:Q", format=MONEY)]
    return money + [alt.Tooltip(f"{name}:Q", format=SIGNED) for name in ("difference", "low", "high")]
