"""Rows of the charts of an alignment study: what its nouns say, as frames."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..align.deltas import SHARE
from ..align.study_words import title_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..align.calibration import Calibration
    from ..align.composite import Composite
    from ..align.ranking import Ranking
    from ..align.study import Alignment, Study

Row = dict[str, object]
NEAR = 1.645
"""Standard errors of a 90 % interval of a normal error."""
COLOURED = 5
"""Metrics of `by_size` in colour: those with the highest probability to be the best at some size."""
POINT = ("kind", "metric", "launch", "date", "model", "x", "x_low", "x_high", "y", "y_low", "y_high", "offline_share")


def launch_rows(study: Study, alignments: Sequence[Alignment]) -> pd.DataFrame:
    """Marks of `charts.align.launches`."""
    rows = [row for own in alignments for row in (*_points(study, own), *_line(study, own), *_same(study, own))]
    return pd.DataFrame(rows, columns=list(POINT))


def _points(study: Study, own: Alignment) -> Iterator[Row]:
    share, pairs = _units(own)[0] == SHARE, own.pairs
    for k, launch in enumerate(own.launches):
        x, y, ex, ey = (float(v[k]) for v in (pairs.x, pairs.y, np.sqrt(pairs.var_x), np.sqrt(pairs.var_y)))
        yield {
            "kind": "point" if pairs.tested[k] else "untested", "metric": title_of(study, own.offline),
            "launch": launch.name, "date": launch.date.isoformat(), "model": launch.decision,
            "x": x, "x_low": x - NEAR * ex, "x_high": x + NEAR * ex,
            "y": y, "y_low": y - NEAR * ey, "y_high": y + NEAR * ey, "offline_share": share,
        }  # fmt: skip


def _line(study: Study, own: Alignment) -> Iterator[Row]:
    if own.line is None:
        return
    for x, mean, low, high in zip(own.line.x, own.line.mean, own.line.low, own.line.high, strict=True):
        yield {"kind": "line", "metric": title_of(study, own.offline), "x": float(x), "y": float(mean),
               "y_low": float(low), "y_high": float(high), "offline_share": _units(own)[0] == SHARE}  # fmt: skip


def _same(study: Study, own: Alignment) -> Iterator[Row]:
    """Ends of y = x, within what is drawn of both sides: where a perfect simulator would have them."""
    if own.offline != own.online or _units(own) != (SHARE, SHARE):
        return
    pairs = own.pairs.complete
    low = max(pairs.x.min(), (pairs.y - NEAR * np.sqrt(pairs.var_y)).min())
    high = min(pairs.x.max(), (pairs.y + NEAR * np.sqrt(pairs.var_y)).max())
    for end in (low, high) if low < high else ():
        yield {"kind": "same", "metric": title_of(study, own.offline), "x": float(end), "y": float(end),
               "offline_share": True}  # fmt: skip


def _units(own: Alignment) -> tuple[str, str]:
    """Unit of both sides; `Pairs` has seen that they are the same in all launches."""
    offline = own.launches[0].offline
    online = next(launch.online for launch in own.launches if launch.online and own.online in launch.online.names)
    return offline.units[offline.at(own.offline)], online.units[online.at(own.online)]


def unit_of(own: Alignment) -> str:
    """Unit of the online metric."""
    return _units(own)[1]


def quality_rows(study: Study, ranking: Ranking) -> pd.DataFrame:
    """Rows of `charts.proxies.dots`: quality, with P(best) beside it."""
    return pd.DataFrame([
        {"metric": title_of(study, own.name), "value": own.quality.value, "low": own.quality.low,
         "high": own.quality.high, "text": f"{own.best:.0%}"}
        for own in ranking.metrics
    ])  # fmt: skip


def pairwise_rows(study: Study, ranking: Ranking) -> pd.DataFrame:
    """Rows of `charts.proxies.pairwise`, without a metric against itself."""
    names = [title_of(study, name) for name in ranking.names]
    return pd.DataFrame([
        {"row": one, "column": other, "odds": math.nan if j == k else float(ranking.better[j, k])}
        for j, one in enumerate(names) for k, other in enumerate(names)
    ])  # fmt: skip


def coloured(study: Study, ranking: Ranking) -> tuple[str, ...]:
    """Metrics that are the most likely to be the best at some size of the next evaluation."""
    own = ranking.by_size
    first = sorted(zip(-own.best.max(axis=0), own.names, strict=True))[:COLOURED]
    return tuple(title_of(study, name) for name in own.names if name in {found for _, found in first})


def size_rows(study: Study, ranking: Ranking) -> pd.DataFrame:
    """Rows of `charts.proxies.by_size`."""
    own, first = ranking.by_size, coloured(study, ranking)
    return pd.DataFrame([
        {"model": title_of(study, name), "step": size_name(size), "value": float(own.quality[j, k]),
         "low": float(own.low[j, k]), "high": float(own.high[j, k]), "best": float(own.best[j, k]),
         "shown": title_of(study, name) in first}
        for j, size in enumerate(own.sizes) for k, name in enumerate(own.names)
    ])  # fmt: skip


def size_name(size: float) -> str:
    """Name of a size of the next evaluation, relative to past ones.

    >>> size_name(0.5), size_name(8), size_name(float("inf"))
    ('x0.5', 'x8', 'no noise')
    """
    return f"x{size:g}" if math.isfinite(size) else "no noise"


def weight_rows(study: Study, composite: Composite) -> pd.DataFrame:
    """Rows of `charts.proxies.dots`: effects of one standard deviation, with the share that each has in all."""
    return pd.DataFrame([
        {"metric": title_of(study, own.name), "value": own.effect.value, "low": own.effect.low,
         "high": own.effect.high, "text": f"{own.share:.0%}"}
        for own in composite.weights
    ])  # fmt: skip


def held_rows(calibration: Calibration) -> pd.DataFrame:
    """Rows of `charts.align.held` and, with the gap, of `charts.align.divergence`: a row a launch, oldest first."""
    return pd.DataFrame([
        {
            "launch": own.launch, "date": own.date.isoformat(), "model": "held" if own.held else "missed",
            "predicted": own.foretold.mean, "low": own.foretold.low, "high": own.foretold.high,
            "measured": own.measured,
        }
        for own in sorted(calibration.left_out, key=lambda own: (own.date, own.launch))
    ], columns=["launch", "date", "model", "predicted", "low", "high", "measured"])  # fmt: skip


def gap_rows(calibration: Calibration) -> pd.DataFrame:
    """Rows of `charts.align.divergence`: what was measured less what was foretold, and the interval of that."""
    own = held_rows(calibration)
    measured = own["measured"]
    return own.assign(gap=measured - own["predicted"], low=measured - own["high"], high=measured - own["low"])
