"""Offline metrics as guides to an online one: how good each is, which is better, what a larger test would change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from .align import label_of
from .spec import INK, QUIET, ROWS, finish, finite, once, zero_line

if TYPE_CHECKING:
    import pandas as pd

    from ..palette import Palette
    from .spec import Spec

_BLUE, _ORANGE, _REST = "#0072B2", "#D55E00", "#aab1bb"
_BESIDE = {"left": 5, "top": 22, "right": 56, "bottom": 5}
_LANE = 26  # pixels of a metric's line
# Long names are cut in the middle: variants of one metric differ at the end.
_CUT = "slice(datum.label, 0, room / 2) + '\u2026' + slice(datum.label, -room / 2)"
_NAME = f"(length(datum.label) > room ? {_CUT} : datum.label)"
_CELL = 24  # pixels below which a cell has no room for its number


def dots(frame: pd.DataFrame, palette: Palette, *, title: str, form: str, beside: str) -> Spec | None:
    """One line a metric: a dot and its interval; None without rows.

    frame : metric, value, low, high, text: what stands at the right edge, under the heading `beside`.
    title, form : of the axis, and how its numbers are printed.
    A dot is filled where its interval leaves out 0: blue above it, orange below.
    """
    rows = finite(frame).dropna(subset=["value"])
    if rows.empty:
        return None
    order = list(dict.fromkeys(rows["metric"]))
    x = alt.X("low:Q", title=title, axis=alt.Axis(labelExpr=label_of(form), tickCount=5)).scale(nice=False, padding=12)
    tips = [alt.Tooltip("metric:N"), *(alt.Tooltip(f"{name}:Q", format=form) for name in ("value", "low", "high")),
            alt.Tooltip("text:N", title=beside)]  # fmt: skip
    base = alt.Chart(ROWS).transform_calculate(
        side="datum.low > 0 ? 'above' : datum.high < 0 ? 'below' : 'unclear'"
    ).encode(y=_metric_axis(order), tooltip=tips)  # fmt: skip
    sides = alt.Scale(domain=["above", "below", "unclear"], range=[_BLUE, _ORANGE, QUIET])
    tint = alt.Color("side:N", legend=None, scale=sides)
    fill = alt.when("datum.side !== 'unclear'").then(tint).otherwise(alt.value("#ffffff"))
    bars = base.mark_rule(strokeWidth=3).encode(x=x, x2="high:Q", color=tint)
    points = base.mark_point(size=80, strokeWidth=2.5, opacity=1).encode(
        x=alt.X("value:Q", title=title), color=tint, fill=fill
    )
    layers = [zero_line(), bars, points, *_right_edge(base, beside)]
    chart = alt.layer(*layers).properties(width="container", height=_LANE * len(order), padding=_BESIDE)
    return finish(chart, rows, palette, description=f"{title} of each metric")


def pairwise(frame: pd.DataFrame, palette: Palette) -> Spec | None:
    """P(the metric of the row is better than that of the column); None where there are fewer than two metrics.

    frame : row, column (metrics, best first), odds (0..1).
    """
    rows = finite(frame).dropna(subset=["odds"])
    if rows.empty:
        return None
    order = list(dict.fromkeys(rows["row"]))
    place = {name: str(k + 1) for k, name in enumerate(order)}
    rows = rows.assign(row=[f"{place[name]}  {name}" for name in rows["row"]], number=rows["column"].map(place))
    tips = [alt.Tooltip("row:N", title="metric"), alt.Tooltip("column:N", title="against"),
            alt.Tooltip("odds:Q", title="P(better)", format=".1%")]  # fmt: skip
    columns = alt.X("number:O", sort=list(place.values()), title=None)
    base = alt.Chart(ROWS).encode(
        x=columns.axis(orient="top", labelAngle=0, labelOverlap=True, labelFontSize=11),
        y=_metric_axis(list(dict.fromkeys(rows["row"])), "row"), tooltip=tips,
    )  # fmt: skip
    tint = alt.Scale(domain=[0, 0.5, 1], range=[_ORANGE, "#f7f7f7", _BLUE])
    cells = base.mark_rect(stroke="#ffffff", strokeWidth=1).encode(color=alt.Color("odds:Q", legend=None, scale=tint))
    room = f"(width / {len(order)} < {_CELL}) ? 0 : 1"
    ink = alt.when("abs(datum.odds - .5) > .42").then(alt.value("#ffffff")).otherwise(alt.value(INK))
    text = base.mark_text(fontSize=11, opacity=alt.expr(room)).encode(text=alt.Text("odds:Q", format=".0%"), color=ink)
    chart = alt.layer(cells, text).properties(width="container", height=_LANE * len(order))
    return finish(chart, rows, palette, description="Probability that one metric is better than another")


def by_size(frame: pd.DataFrame, palette: Palette, *, steps: list[str]) -> Spec | None:
    """Quality of each metric by the size of the next evaluation; None without rows.

    frame : model (the metric), step (one of `steps`, smallest first), value, low, high, best (P(best), 0..1), shown
        (in colour: the metrics that may be best somewhere; the others are grey).
    """
    rows = finite(frame).dropna(subset=["value"])
    if rows.empty:
        return None
    names = [name for name in palette.names if name in set(rows.loc[rows["shown"], "model"])]
    tint = alt.Color("model:N", legend=None).scale(domain=names, range=[palette.style(n).colour for n in names])
    form = alt.Shape("model:N", legend=None).scale(domain=names, range=[palette.style(n).shape for n in names])
    tips = [alt.Tooltip("model:N", title="metric"), alt.Tooltip("step:N", title="size"),
            *(alt.Tooltip(f"{name}:Q", format="+.2f") for name in ("value", "low", "high")),
            alt.Tooltip("best:Q", title="P(best)", format=".0%")]  # fmt: skip
    x = alt.X("step:O", sort=steps, title="observations of the next evaluation", axis=alt.Axis(labelAngle=0)).scale(
        padding=0.25
    )
    y = alt.Y("value:Q", title="quality", axis=alt.Axis(tickCount=5, labelExpr=label_of("+.2~f"))).scale(
        zero=False, padding=10
    )
    base = alt.Chart(ROWS).encode(x=x, y=y, tooltip=tips)
    grey = base.transform_filter("!datum.shown").mark_line(strokeWidth=1.2, color=_REST).encode(detail="model:N")
    rest = [] if rows["shown"].all() else [grey]
    own = base.transform_filter("datum.shown")
    lines = own.mark_line(strokeWidth=2).encode(color=tint)
    points = own.mark_point(size=60, filled=True, opacity=1).encode(color=tint, shape=form)
    chart = alt.layer(*rest, lines, points).properties(width="container", height=300)
    return finish(chart, rows, palette, description="Quality of each metric by size of the next evaluation")


def _metric_axis(order: list[str], field: str = "metric") -> alt.Y:
    axis = alt.Axis(labelExpr=_NAME, labelLimit=300)
    return alt.Y(f"{field}:N", sort=order, title=None, axis=axis)


def _right_edge(base: alt.Chart, heading: str) -> list[alt.Chart]:
    """Texts beside their line, and the heading above them, in the room that `_BESIDE` leaves."""
    look: dict[str, Any] = {"align": "left", "dx": 10, "fontSize": 12}
    texts = base.mark_text(**look).encode(x=alt.value("width"), text="text:N")
    above = once().mark_text(**look, color=QUIET, baseline="bottom").encode(
        x=alt.value("width"), y=alt.value(-4), text=alt.datum(heading)
    )  # fmt: skip
    return [texts, above]
