"""The service-cost frontier: one line a model and policy through its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from .spec import MONEY, QUIET, ROWS, colour, finish, select, shape

if TYPE_CHECKING:
    import pandas as pd

    from ..palette import Palette
    from .spec import Spec


def frontier(settings: pd.DataFrame, palette: Palette, *, currency: str) -> Spec | None:
    """Mismatch cost against fill rate: one line a model and policy through its settings, in the order of the knob.

    settings : the frame of `ReportTables`. A hollow dot is a setting that is not efficient: another one of the same
        model gives more service for less cost. Without the column `efficient` every dot is filled.
    """
    frame = settings[["model", "policy", "setting", "knob", "chosen", "best", "fill_rate", "mismatch_cost", "profit"]]
    if frame[["fill_rate", "mismatch_cost"]].notna().all(axis=1).sum() == 0:
        return None
    frame = frame.assign(efficient=settings.get("efficient", True))
    focus = alt.param(name="focus", value=None, bind=select(palette.names, label="Model", everything=True))
    seen = alt.when("focus === null || datum.model === focus")
    base = alt.Chart(ROWS).encode(
        x=alt.X("fill_rate:Q", title="fill rate", axis=alt.Axis(format=".0%", tickCount=6)).scale(zero=False),
        y=alt.Y("mismatch_cost:Q", title=f"mismatch cost [{currency} a week]", axis=alt.Axis(format="~s")).scale(
            zero=False
        ),
        color=colour(palette),
    )
    line = base.mark_line(strokeWidth=1.8).encode(
        order="knob:Q",
        detail="policy:N",
        opacity=seen.then(alt.value(0.75)).otherwise(alt.value(0.06)),
        strokeDash=_policy_dash(frame["policy"]),
    )
    chart = alt.layer(line, *_marks(base, palette, seen)).properties(width="container", height=430)
    return finish(chart.add_params(focus), frame, palette, description="Cost against fill rate by setting")


def _marks(base: alt.Chart, palette: Palette, seen: alt.When) -> list[alt.Chart]:
    marks = base.encode(shape=shape(palette), opacity=seen.then(alt.value(1)).otherwise(alt.value(0.08)))
    tips = _tips()
    # "=== false": a setting of which nothing is known is not called inefficient
    fill = alt.when("datum.efficient === false").then(alt.value("#ffffff")).otherwise(colour(palette))
    dots = marks.mark_point(size=38, strokeWidth=1.5).encode(fill=fill, tooltip=tips)
    # The ring is a bare circle in grey: it must not pass for the shape of a model.
    ring = base.transform_filter("datum.best").mark_point(
        filled=False, size=340, strokeWidth=1.6, shape="circle", color=QUIET
    ).encode(
        color=alt.value(QUIET), opacity=seen.then(alt.value(1)).otherwise(alt.value(0)), tooltip=tips
    )  # fmt: skip
    chosen = marks.transform_filter("datum.chosen").mark_point(
        filled=True, size=170, stroke="#ffffff", strokeWidth=1.5
    ).encode(tooltip=tips)  # fmt: skip
    return [dots, ring, chosen]


def _tips() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("model:N"), alt.Tooltip("policy:N"), alt.Tooltip("setting:N"),
        alt.Tooltip("fill_rate:Q", title="fill rate", format=".1%"),
        alt.Tooltip("mismatch_cost:Q", title="mismatch cost", format=MONEY),
        alt.Tooltip("profit:Q", format=MONEY), alt.Tooltip("chosen:N"),
        alt.Tooltip("best:N", title="best in hindsight"), alt.Tooltip("efficient:N"),
    ]  # fmt: skip


def _policy_dash(policies: pd.Series[Any]) -> alt.StrokeDash:
    names = list(dict.fromkeys(policies))
    legend = alt.Legend(orient="bottom", direction="vertical", title=None, symbolSize=400)
    return alt.StrokeDash("policy:N", sort=names, legend=legend if len(names) > 1 else None)
