"""What all charts share: the look, the colour of a model, the reader's pickers, and the rows put in last."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import altair as alt

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from ..palette import Palette

Spec = dict[str, Any]

INK, QUIET, STOCK, LOST = "#1a1a1a", "#5f6670", "#c9ced6", "#7a1f3d"
MONEY, SIGNED = ",.0f", "+,.0f"
ROWS = alt.NamedData(name="rows")
_CONFIG = {
    "font": "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "labelColor": INK,
        "titleColor": QUIET, "gridColor": "#e7e9ed", "domain": False, "ticks": False, "labelPadding": 6,
    },
    "legend": {"labelFontSize": 12, "labelLimit": 260, "titleFontWeight": "normal", "titleColor": QUIET},
    "text": {"fontSize": 12, "fill": INK},
}  # fmt: skip


def colour(palette: Palette) -> alt.Color:
    """Colour of a model, the same in every chart."""
    return alt.Color("model:N", legend=None).scale(domain=palette.names, range=palette.colours)


def shape(palette: Palette) -> alt.Shape:
    """Shape of a model, the same in every chart."""
    return alt.Shape("model:N", legend=None).scale(domain=palette.names, range=palette.shapes)


def present(palette: Palette, frame: pd.DataFrame) -> list[str]:
    """Models that a frame names, in the order of display."""
    return [name for name in palette.names if name in set(frame["model"])]


def incumbent_of(palette: Palette) -> str | None:
    """Name of the incumbent, None where there is none."""
    return next((style.name for style in palette.styles if style.is_incumbent), None)


def model_axis(order: Sequence[str]) -> alt.Y:
    """One line a model, the incumbent marked with a diamond."""
    # Long names are cut in the middle: variants of one model differ at the end.
    cut = "slice(datum.label, 0, room / 2) + '\u2026' + slice(datum.label, -room / 2)"
    name = f"(length(datum.label) > room ? {cut} : datum.label)"
    label = f"(datum.label === incumbent ? '\u25c6 ' : '') + {name}"
    return alt.Y("model:N", sort=list(order), title=None, axis=alt.Axis(labelExpr=label, labelLimit=300))


def finite(frame: pd.DataFrame) -> pd.DataFrame:
    """Frame in which what is infinite is unknown: neither can be drawn, and sums must not warn."""
    return frame.replace([float("inf"), float("-inf")], float("nan"))


def once() -> alt.Chart:
    """Chart of a mark that is drawn once, and not for each of the rows."""
    return alt.Chart(alt.sequence(1))


def zero_line() -> alt.Chart:
    """Upright dashes at 0."""
    chart: alt.Chart = once().mark_rule(color=QUIET, strokeDash=[4, 3]).encode(x=alt.datum(0))
    return chart


def select(options: Sequence[str], *, label: str, everything: bool = False) -> alt.BindRadioSelect:
    """Picker above the chart; with `everything` its first entry picks all."""
    if everything:
        return alt.binding_select(options=[None, *options], labels=["all", *options], name=f"{label} ")
    return alt.binding_select(options=list(options), name=f"{label} ")


def finish(chart: alt.TopLevelMixin, frame: pd.DataFrame, palette: Palette, *, description: str) -> Spec:
    """Spec with its rows, the look of the page and the room that a model's name may take."""
    # Rows are put in last: Altair would walk and validate each of them, and stop at 5000.
    spec: Spec = chart.to_dict()
    narrow = {"name": "narrow", "expr": "windowSize()[0] < 640"}
    room = {"name": "room", "expr": "narrow ? 18 : 36"}  # characters a name may take
    spec["params"] = [{"name": "incumbent", "value": incumbent_of(palette)}, narrow, room, *spec.get("params", [])]
    # The width follows the page, the height is the chart's own.
    autosize = {"type": "fit-x", "contains": "padding"}
    spec |= {"config": _CONFIG, "description": description, "autosize": autosize}
    spec["datasets"] = {"rows": json.loads(frame.to_json(orient="records", date_format="iso"))}
    return spec
