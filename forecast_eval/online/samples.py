"""From outcomes by unit and period to one row a unit: what every estimator works on."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from .sample import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .metric import OnlineMetric
    from .outcomes import Outcomes

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]
    Periods = slice | Flags


def sample_of(  # noqa: PLR0913 - which rows, which columns, and how they were drawn
    outcomes: Outcomes,
    metric: OnlineMetric,
    *,
    treated: Flags,
    test: Periods,
    pre: Periods | None = None,
    units: Ints | Flags | None = None,
    stratum: Ints | None = None,
    segment: tuple[str, str] | None = None,
) -> Sample:
    """Means per period of each unit in the test and before it; every array given and returned is [unit of `units`].

    treated : whether a unit is in the treatment arm.
    test, pre : periods of the test after its wash-out, and of the pre-period: a slice or a mask of `outcomes.periods`.
    units : positions in `outcomes.units`, or a mask of them: those of two arms where there are more. None takes all.
    stratum : code of the group within which arms were drawn.
    segment : column and value, such as ("brand", "1"), to see that segment only.

    A mean is taken over the periods that a unit has rows of; for a ratio, over those with both of its columns. A unit
    without any has NaN: whoever asks decides about it.
    """
    columns = outcomes.values if segment is None else outcomes.segments[segment[0]][segment[1]]
    chosen = np.arange(len(outcomes.units)) if units is None else np.arange(len(outcomes.units))[units]
    value, exposure = means_of(columns, metric, chosen, test)
    before, exposure_before = (None, None) if pre is None else means_of(columns, metric, chosen, pre)
    return Sample(value, treated, exposure, before, exposure_before, stratum)


def means_of(
    columns: dict[str, Floats], metric: OnlineMetric, units: Ints | Flags | slice, periods: Periods
) -> tuple[Floats, Floats | None]:
    """Numerator and denominator per period with a row [unit], over some periods; NaN where there are no rows.

    >>> from .metric import OnlineMetric
    >>> sold = {"sold": np.array([[1.0, 2.0, 6.0], [np.nan, 4.0, 8.0]])}
    >>> means_of(sold, OnlineMetric("sold", "sold"), slice(None), slice(0, 2))[0].tolist()
    [1.5, 4.0]
    """
    parts = [columns[name][units][:, periods] for name in metric.columns]  # [unit, period] each
    both = ~np.isnan(parts).any(axis=0)
    count = both.sum(axis=1)
    means = [
        np.where(count, np.where(both, part, 0.0).sum(axis=1), np.nan) / np.maximum(count, 1) for part in parts
    ]  # fmt: skip
    return means[0], means[1] if len(means) > 1 else None


def subset(sample: Sample, rows: Ints | Flags) -> Sample:
    """Give some rows of a sample."""

    def own(column: NDArray[Any] | None) -> Any:  # noqa: ANN401 - arrays of several types, or None
        return None if column is None else column[rows]

    return Sample(**{f.name: own(getattr(sample, f.name)) for f in fields(sample)})


def level_of(value: Floats, exposure: Floats | None) -> float:
    """Mean per unit and period of units, or ratio of their sums; units with NaN are left out.

    >>> level_of(np.array([3.0, 5.0, np.nan]), np.array([10.0, 30.0, 9.0]))
    0.2
    """
    known = ~np.isnan(value) if exposure is None else ~(np.isnan(value) | np.isnan(exposure))
    total = float(known.sum()) if exposure is None else float(exposure[known].sum())
    return float(value[known].sum()) / total if total else float("nan")
