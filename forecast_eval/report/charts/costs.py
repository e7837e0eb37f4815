"""Where the money goes: kinds of cost in a segment, and the way from perfect foresight to a model's profit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import altair as alt
import pandas as pd

from ..tables.cells import texts
from ..tables.evidence import shown_parts
from .spec import LOST, MONEY, QUIET, ROWS, colour, finish, finite, present, select

if TYPE_CHECKING:
    from ..palette import Palette
    from .spec import Spec

_COSTS = {
    "lost_sales": "Lost sales",
    "waste": "Waste",
    "holding_cost": "Holding",
    "shortage_cost": "Shortage",
}
# Dark against light, so that a cost and a gain differ without hue too.
_GAIN = "#8dbfe3"
_LABEL_ROOM = (124, 74)  # pixels right of the longest bar, for "+1,234,567 (12.3%)"; on a phone without the share


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
    names = present(palette, frame)
    ends = [min(0.0, float(costs["amount"].min())), float(costs["amount"].max())]
    chart = alt.Chart(ROWS).mark_bar().encode(
        y=alt.Y("kind:N", title=None, sort=paid).scale(paddingInner=0.25, paddingOuter=0.1),
        yOffset=alt.YOffset("model:N").scale(domain=names),
        x=alt.X("amount:Q", title=f"{currency} a week", axis=alt.Axis(format="~s", tickCount=5)).scale(
            domain=ends, nice=True
        ),
        color=colour(palette),
        tooltip=[
            alt.Tooltip("model:N"), alt.Tooltip("kind:N", title="cost"),
            alt.Tooltip("amount:Q", title=f"{currency} a week", format=MONEY),
        ],
    )  # fmt: skip
    height = max(1, len(paid)) * (max(9, 16 - len(names)) * len(names) + 18)
    chart = chart.properties(width="container", height=height)
    return finish(chart, frame, palette, description=f"Costs of {segment} series by model")


def waterfall(parts: pd.DataFrame, palette: Palette, *, currency: str) -> Spec | None:
    """From the profit of perfect foresight, part by part, to that of one model, which the reader picks.

    parts : the frame `waterfall` of `ReportTables`. Every bar starts where the one above it ends; both totals start
        at 0, or, where they would dwarf the parts, are cut at the left and say so with two strokes. A dark bar is
        money lost, a light one money gained. Parts that are 0 for every model are left out.
    """
    parts = finite(parts)
    if parts["amount"].notna().sum() == 0:
        return None
    order = shown_parts(parts)
    frame = _steps(parts, order)
    names = present(palette, frame)
    rival = next((name for name in names if not palette.style(name).is_incumbent), names[0])
    model = alt.param(name="shown_model", value=rival, bind=select(names, label="Model"))
    base = alt.Chart(ROWS).transform_filter("datum.model === shown_model").encode(
        y=alt.Y("part:N", sort=order, title=None).scale(domain=order, paddingInner=0.3),
        tooltip=[
            alt.Tooltip("model:N"), alt.Tooltip("part:N"), alt.Tooltip("label:N", title=f"{currency} a week"),
        ],
    )  # fmt: skip
    chart = alt.layer(*_bars(base, palette, currency=currency)).resolve_scale(color="independent")
    chart = chart.properties(width="container", height=34 * len(order)).add_params(model)
    return finish(chart, frame, palette, description="From perfect foresight to profit, part by part")


def _bars(base: alt.Chart, palette: Palette, *, currency: str) -> list[alt.Chart]:
    # Labels stand right of the bars, so the scale stops short of the chart's edge.
    wide, narrow = _LABEL_ROOM
    scale = alt.Scale(zero=False, nice=False, range=[0, alt.ExprRef(f"width - (narrow ? {narrow} : {wide})")])
    start = alt.X("start:Q", title=f"{currency} a week", scale=scale, axis=alt.Axis(format="~s", tickCount=4))
    kinds = alt.Color("kind:N", legend=None).scale(domain=["foresight", "loss", "gain"], range=[QUIET, LOST, _GAIN])
    bars = base.mark_bar().encode(x=start, x2="end:Q")
    label = base.transform_calculate(said="narrow ? datum.short : datum.label")
    cut = base.transform_filter("datum.cut").mark_text(text="//", fontSize=26, fontWeight="bold", fill="#ffffff", dx=16)
    return [
        base.mark_rule(color=QUIET).encode(x=alt.X("end:Q", scale=scale), y2="next:N"),
        bars.transform_filter("datum.kind !== 'profit'").encode(color=kinds),
        bars.transform_filter("datum.kind === 'profit'").encode(color=colour(palette)),
        cut.encode(x=start),
        label.mark_text(align="left", dx=6).encode(x=alt.X("right:Q", scale=scale), text="said:N"),
    ]


def _steps(parts: pd.DataFrame, order: list[str]) -> pd.DataFrame:
    """For each bar where it starts and ends, and its label; the bars of a model in `order`."""
    steps = []
    for model, rows in parts.groupby("model", sort=False):
        amounts = rows.groupby("part")["amount"].sum(min_count=1).reindex(order)
        end = amounts.iloc[:-1].cumsum()
        frame = pd.DataFrame({"amount": amounts, "start": end.ffill().shift(fill_value=0.0), "end": end}).reindex(order)
        floor = _floor(end, float(amounts.iloc[-1]))
        frame.loc[order[-1], "end"] = amounts.iloc[-1]
        frame.loc[[order[0], order[-1]], "start"] = floor
        frame = frame.assign(
            model=model, part=order, next=[*order[1:], order[-1]], label=_labels(amounts), short=_amounts(amounts)
        )
        right = frame[["start", "end"]].max(axis=1)
        steps.append(
            frame.assign(kind=_kinds(amounts), right=right, cut=frame.index.isin([order[0], order[-1]]) & (floor > 0))
        )
    return pd.concat(steps, ignore_index=True)


def _floor(reached: pd.Series[float], profit: float) -> float:
    """Where the totals start: 0, or, where less than a quarter of the width would be left to the parts, later."""
    levels = [*reached.dropna(), *([] if math.isnan(profit) else [profit])]
    low, high = (min(levels), max(levels)) if levels else (0.0, 0.0)
    return max(0.0, high - 1.6 * (high - low)) if 0 < low < high and high - low < 0.25 * high else 0.0


def _labels(amounts: pd.Series[float]) -> list[str]:
    """Amounts with their share of perfect foresight."""
    whole = amounts.iloc[0]
    shares = [f" ({abs(amount) / whole:.1%})" if whole > 0 and not math.isnan(amount) else "" for amount in amounts]
    return [text + share for text, share in zip(_amounts(amounts), ["", *shares[1:]], strict=True)]


def _amounts(amounts: pd.Series[float]) -> list[str]:
    """Parts with a sign, totals without."""
    return [texts(amounts, "money")[0], *texts(amounts, "money", signed=True)[1:-1], texts(amounts, "money")[-1]]


def _kinds(amounts: pd.Series[float]) -> list[str]:
    return ["foresight", *("loss" if amount < 0 else "gain" for amount in amounts.iloc[1:-1]), "profit"]
