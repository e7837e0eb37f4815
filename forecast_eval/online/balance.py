"""What must be alike between arms before a test, the groups within which arms are drawn, and how alike arms are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.faults import Fault, nearest, refuse

from .matching import group_size, matched_groups
from .randomisation import Randomisation, whitened
from .samples import means_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from ..config.experiment import Design
    from .metric import OnlineMetric
    from .outcomes import Outcomes
    from .samples import Periods

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

THIRDS = ("low", "middle", "high")
MANY = 6
"""Different numbers of a static column beyond which strata are its thirds."""
LARGE = 0.25
"""Standardised difference beyond which arms differ much (Imbens and Rubin 2015, Causal Inference, 14.2)."""


@dataclass(frozen=True, slots=True)
class Balance:
    """How alike a treatment arm and the control were before the test, in one metric or column.

    control, treatment : mean over units. difference : standardised, (treatment - control) / root of the mean of both
        arms' variances over units.
    """

    name: str
    arm: str
    control: float
    treatment: float
    difference: float


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """What arms are drawn from: the distribution, the names of its groups [unit], and what it balances."""

    randomisation: Randomisation
    labels: tuple[str, ...]
    covariates: tuple[str, ...]
    values: Floats


def drawing_of(
    outcomes: Outcomes, design: Design, metrics: Sequence[OnlineMetric], *, pre: Periods, units: NDArray[np.bool_]
) -> Drawing:
    """Give what arms of some units are drawn from, by what is known of the pre-period `pre`.

    units : mask of `outcomes.units`.

    Raises InputError with every fault: unknown columns, units about which nothing is known, groups that cannot be.
    """
    names = balanced_names(design, metrics)
    refuse(unknown_columns(outcomes.static, design, metrics))
    values = covariate_values(outcomes, names, metrics, pre)[units]
    refuse(_unknown_units(outcomes.units[units], values, names) if names else [])
    labels = _groups(outcomes, design, metrics, pre=pre, units=units, values=values)
    groups = np.unique(labels, return_inverse=True)[1]  # in the order of their names, as a plan that is read has them
    shares = np.array(list(design.arms.values()))
    # twelve digits: a plan that was written and read draws the same
    written = np.round(whitened(values), 12) if names and design.accept < 1 else values[:, :0]
    balance = written if written.shape[1] else None
    randomisation = Randomisation(shares / shares.sum(), groups, balance, design.accept if balance is not None else 1.0)
    return Drawing(randomisation, labels, tuple(names) if balance is not None else (), written)


def balanced_names(design: Design, metrics: Sequence[OnlineMetric]) -> tuple[str, ...]:
    """Metrics and static columns that are balanced: those of the config, or the primary metrics."""
    if design.pre_periods == 0 and not design.balance:
        return ()
    return design.balance or tuple(metric.name for metric in metrics if metric.role == "primary")


def covariate_values(outcomes: Outcomes, names: Sequence[str], metrics: Sequence[OnlineMetric], pre: Periods) -> Floats:
    """Values [unit, name]: of a metric its value in the pre-period, of a static column itself."""
    return np.column_stack([np.empty((len(outcomes.units), 0)), *(_values(outcomes, n, metrics, pre) for n in names)])


def balance_table(named: Sequence[tuple[str, Floats]], arms: Sequence[str], codes: Ints) -> tuple[Balance, ...]:
    """Difference of each treatment arm from the control (arm 0), in each of the named values [unit].

    >>> rows = balance_table([("sold", np.array([3.0, 5.0, 4.0, 8.0]))], ("a", "b"), np.array([0, 0, 1, 1]))
    >>> rows[0].control, rows[0].treatment, round(rows[0].difference, 3)
    (4.0, 6.0, 0.894)
    """
    return tuple(
        _row(name, arm, values[codes == 0], values[codes == k])
        for name, values in named
        for k, arm in enumerate(arms)
        if k
    )


def _row(name: str, arm: str, control: Floats, treatment: Floats) -> Balance:
    control, treatment = control[~np.isnan(control)], treatment[~np.isnan(treatment)]
    if min(len(control), len(treatment)) < 2:
        own = [float(values.mean()) if len(values) else np.nan for values in (control, treatment)]
        return Balance(name, arm, own[0], own[1], np.nan)
    spread = float(np.sqrt((control.var(ddof=1) + treatment.var(ddof=1)) / 2))
    gap = float(treatment.mean() - control.mean())
    return Balance(name, arm, float(control.mean()), float(treatment.mean()), gap / spread if spread else 0.0)


def unknown_columns(static: pd.DataFrame, design: Design, metrics: Sequence[OnlineMetric]) -> list[Fault]:
    """Faults of names in strata and balance that nothing is known by."""
    columns, known = [str(c) for c in static.columns], [metric.name for metric in metrics]
    faults = [
        Fault("unknown-column", f"{name!r} is no column of the units", "design.strata", nearest(name, columns))
        for name in design.strata if name not in columns
    ]  # fmt: skip
    for name in design.balance:
        if name not in known and name not in columns:
            what = f"{name!r} is neither a metric nor a column of the units"
            faults.append(Fault("unknown-column", what, "design.balance", nearest(name, [*known, *columns])))
        elif name not in known and not _is_number(static[name]):
            faults.append(Fault("words", f"{name!r} holds words, which have no mean", "design.balance",
                                "put it under design.strata"))  # fmt: skip
        elif name in known and design.pre_periods == 0:
            faults.append(Fault("no-pre-period", f"{name!r} has no value before the test with pre_periods=0",
                                "design.balance", "set design.pre_periods"))  # fmt: skip
    return faults


def _unknown_units(units: NDArray[np.object_], values: Floats, names: Sequence[str]) -> list[Fault]:
    return [
        Fault("no-pre-period", f"unit {units[i]!r} has no {names[k]} before the test", "design.balance",
              "leave the unit out of the outcomes, or balance something else")
        for i, k in np.argwhere(np.isnan(values))
    ]  # fmt: skip


def _values(outcomes: Outcomes, name: str, metrics: Sequence[OnlineMetric], pre: Periods) -> Floats:
    metric = next((own for own in metrics if own.name == name), None)
    if metric is None:
        return np.asarray(outcomes.static[name], dtype=np.float64)
    value, exposure = means_of(outcomes.values, metric, slice(None), pre)
    return value if exposure is None else value / np.where(exposure > 0, exposure, np.nan)


def _groups(
    outcomes: Outcomes, design: Design, metrics: Sequence[OnlineMetric], *, pre: Periods, units: NDArray[np.bool_],
    values: Floats,
) -> tuple[str, ...]:  # fmt: skip
    count, size = int(units.sum()), group_size(list(design.arms.values()))
    if design.assignment == "matched" and size is None:
        what = f"shares {', '.join(f'{share:g}' for share in design.arms.values())} need groups of many units"
        refuse([Fault("shares", what, "design.arms", "write small whole numbers such as 1 and 2, or stratify")])
    if design.assignment == "matched" and values.shape[1] and size is not None:
        return tuple(str(code + 1) for code in matched_groups(whitened(values), size))
    if design.assignment == "stratified" and (design.strata or design.pre_periods):
        return _strata(outcomes, design, metrics, pre=pre, units=units)
    return ("all",) * count


def _strata(
    outcomes: Outcomes, design: Design, metrics: Sequence[OnlineMetric], *, pre: Periods, units: NDArray[np.bool_]
) -> tuple[str, ...]:
    """Strata by static columns, or by thirds of the first primary metric; small ones are put together."""
    if design.strata:
        columns = [_levels(outcomes.static[name][units]) for name in design.strata]
    else:
        first = next(metric for metric in metrics if metric.role == "primary")
        columns = [_thirds(_values(outcomes, first.name, metrics, pre)[units])]
    labels = np.array([", ".join(own) for own in zip(*columns, strict=True)], dtype=object)
    return _large_enough(labels, 2 * len(design.arms))


def _large_enough(labels: NDArray[np.object_], fewest: int) -> tuple[str, ...]:
    """Put strata of fewer units than `fewest` together; what is still too small joins the smallest other one."""
    names, codes, sizes = np.unique(labels.astype(str), return_inverse=True, return_counts=True)
    small = sizes < fewest
    if small.any() and not small.all() and sizes[small].sum() < fewest:
        small[np.flatnonzero(~small)[sizes[~small].argmin()]] = True
    merged = " or ".join(names[small]) if small.sum() <= 3 else "others"
    return tuple(np.where(small[codes], merged, names[codes]).tolist())


def _levels(column: pd.Series[Any]) -> list[str]:
    if _is_number(column) and column.nunique() > MANY:
        return _thirds(column.to_numpy(dtype=np.float64))
    return [str(value) for value in column]


def _thirds(values: Floats) -> list[str]:
    """Third in which each value ranks, unknown ones apart.

    >>> _thirds(np.array([7.0, 1.0, 5.0, 2.0, 9.0, np.nan]))
    ['high', 'low', 'middle', 'low', 'high', 'unknown']
    """
    known = ~np.isnan(values)
    third = np.digitize(values, np.quantile(values[known], [1 / 3, 2 / 3]))
    return [THIRDS[k] if known[i] else "unknown" for i, k in enumerate(third)]


def _is_number(column: pd.Series[Any]) -> bool:
    return str(column.dtype.kind) in "fiu"
