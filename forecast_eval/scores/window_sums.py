"""Sums over the observations of one window: of one metric of one model, by series and by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .kernel import add_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Added:
    """One window's parts, added up; the last part is the number of observations.

    by_series : [part, series]; by_step : [part, step] or None; cells : [part, step, series], not added up, or None.
    missing_by_series, missing_by_step : observations that were to be there and are not.
    levels : quantile levels that the parts belong to, two each, where a model may have others at other cutoffs.
    """

    by_series: Floats
    missing_by_series: Floats
    by_step: Floats | None = None
    missing_by_step: Floats | None = None
    cells: Floats | None = None
    levels: tuple[float, ...] | None = None


PROBED = 32
"""Series that are looked at first: where some of them lack something, others will too."""
NOTHING = np.empty((0, 0))
EQUAL = np.empty(0)


def added(
    parts: tuple[Floats | None, ...],
    present: NDArray[np.bool_],
    *,
    weight: Floats | None = None,
    whole: bool = False,
) -> Added:
    """Add up parts [series, step]; an observation that is NaN in any of them is left out of all, and counted.

    present : cells that are to be observed. weight : [series], of every part but the count.
    whole : keep the cells too.
    """
    above = parts[0]
    if len(parts) == 2 and above is not None and not whole:
        below = NOTHING if parts[1] is None else parts[1]
        unsure = weight is not None or bool(np.isnan(above[:PROBED]).any()) or not present.all()
        complete = None if unsure else _added_complete(above, parts[1])
        if complete is not None:
            return complete
        series, steps = present.shape
        sums = np.zeros((3, series)), np.zeros((3, steps))
        missing = np.zeros(series), np.zeros(steps)
        # one layout and one type: for any other the kernel would be compiled again
        above, below = (np.ascontiguousarray(part, dtype=np.float64) for part in (above, below))
        add_up(above, below, np.ascontiguousarray(present), EQUAL if weight is None else weight, *sums, *missing)
        return Added(sums[0], missing[0], sums[1], missing[1])
    return _added_each(parts, present, weight, whole=whole)


def _added_complete(above: Floats, below: Floats | None) -> Added | None:
    """As `added` where nothing is missing; None where something is after all, which a sum shows.

    Without a NaN to look for, einsum adds up twice as fast as the compiled loop.
    """
    series, steps = above.shape
    by_series, by_step = np.full((3, series), float(steps)), np.full((3, steps), float(series))
    for row, part in enumerate((above, below)):
        if part is None:
            continue
        by_series[row] = np.einsum("st->s", part)
        if np.isnan(by_series[row]).any():
            return None
        by_step[row] = np.einsum("st->t", part)
    return Added(by_series, np.zeros(series), by_step, np.zeros(steps))


def _added_each(
    parts: tuple[Floats | None, ...], present: NDArray[np.bool_], weight: Floats | None, *, whole: bool
) -> Added:
    """As `added`, of any number of parts."""
    kept = usable(parts, present)
    count = kept.astype(float)
    filled = [count if part is None else np.where(kept, part, 0.0) for part in parts]
    stack = [*filled, count] if weight is None else [*(part * weight[:, None] for part in filled), count]
    missing = (present & ~kept).astype(float)
    return Added(
        by_series=np.stack([np.einsum("st->s", part) for part in stack]),
        missing_by_series=np.einsum("st->s", missing),
        by_step=np.stack([np.einsum("st->t", part) for part in stack]),
        missing_by_step=np.einsum("st->t", missing),
        cells=np.stack([part.T for part in stack]) if whole else None,
    )


def joined(blocks: Sequence[Added]) -> Added:
    """Put together what was added up for some series after the other."""
    by_step = [block.by_step for block in blocks if block.by_step is not None]
    missing = [block.missing_by_step for block in blocks if block.missing_by_step is not None]
    cells = [block.cells for block in blocks if block.cells is not None]
    return Added(
        by_series=np.concatenate([block.by_series for block in blocks], axis=1),
        missing_by_series=np.concatenate([block.missing_by_series for block in blocks]),
        by_step=np.sum(by_step, axis=0) if by_step else None,
        missing_by_step=np.sum(missing, axis=0) if missing else None,
        cells=np.concatenate(cells, axis=-1) if cells else None,
        levels=blocks[0].levels,
    )


def added_whole(
    parts: tuple[Floats | None, ...], present: NDArray[np.bool_] | None = None, weight: Floats | None = None
) -> Added:
    """As `added`, of parts [series] or [level] that know no steps; present : None is all."""
    given = next(part for part in parts if part is not None)
    here = np.ones(len(given), dtype=bool) if present is None else present
    found = added(tuple(None if p is None else p[:, None] for p in parts), here[:, None], weight=weight)
    return Added(found.by_series, found.missing_by_series)


def usable(parts: tuple[Floats | None, ...], present: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cells that are present and not NaN in any part."""
    used = present.copy()
    for part in parts:
        if part is not None:
            used &= ~np.isnan(part)
    return used
