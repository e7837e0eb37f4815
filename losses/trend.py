"""How trending a SKU is, as of every period, from sales known then. `UnitCosts.with_trend` makes costs of it.

Every function takes [series, time] and gives [series, time]: entry t uses periods up to t and no later one, so that
column t is what may be used at a cutoff t, or for a training row whose forecast was made then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betainc

from .costs import refuse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def trend_probability(
    sales: Floats,
    in_stock: Floats | None = None,
    *,
    recent: int,
    base: int | None = None,
    factor: float = 1.2,
    prior_units: float = 2.0,
) -> Floats:
    """Posterior probability that the recent sales rate exceeds `factor` times the earlier rate.

    sales : [series, time] units; NaN before a SKU's launch.
    in_stock : [series, time] share of each period in stock (0..1); a period counts as much as it was in stock.
    recent : number of last periods that make the recent rate.
    base : number of periods before those that make the base rate; None takes all earlier ones.
    factor : how many times the base rate is called trending.
    prior_units : weight of the prior, as so many units sold at the series' overall rate; shrinks slow sellers.

    Sales are taken as Poisson with Gamma posteriors, both rates with the same Gamma prior at the overall rate; its
    shape is `prior_units`, so that a SKU that has sold a handful of units is hardly believed to move at all. The ratio
    of two Gamma variables is a beta prime, hence the incomplete beta function. NaN where either rate has no period in
    stock yet.

    Returns
    -------
    [series, time] probabilities, each as of the end of its period.

    >>> grown = np.array([[2.0] * 20 + [6.0] * 4, [3.0] * 24])
    >>> trend_probability(grown, recent=4)[:, -1].round(2)
    array([1.  , 0.25])
    """
    return _exceeds(_Rates.of(sales, in_stock, recent, base), factor, prior_units)


def trend_score(
    sales: Floats,
    in_stock: Floats | None = None,
    *,
    recent: int,
    base: int | None = None,
    factor: float = 1.2,
    prior_units: float = 2.0,
) -> Floats:
    """Probability of rising minus that of declining, -1 to 1: what `UnitCosts.with_trend` takes.

    Rising: recent rate above `factor` times the base rate; declining: recent rate below base / factor; `factor` > 1.
    Arguments as in `trend_probability`.

    >>> trend_score(np.array([[2.0] * 20 + [6.0] * 4, [6.0] * 20 + [2.0] * 4]), recent=4)[:, -1].round(1)
    array([ 1., -1.])
    """
    if factor <= 1:
        raise ValueError(f"{factor=} must be above 1: a SKU cannot be rising and declining at once")
    rates = _Rates.of(sales, in_stock, recent, base)
    return _exceeds(rates, factor, prior_units) - (1.0 - _exceeds(rates, 1.0 / factor, prior_units))


def trend_ratio(
    sales: Floats, in_stock: Floats | None = None, *, recent: int, base: int, prior_periods: float = 1.0
) -> Floats:
    """Mean sales of the last `recent` periods over those of the last `base` periods: the planner's rule of thumb.

    Arguments as in `trend_probability`; `base` > `recent`, the recent periods included. The recent mean is drawn to the
    base mean as if `prior_periods` more had been sold at it. NaN where nothing was in stock, or nothing was sold.

    >>> trend_ratio(np.array([[2.0] * 20 + [6.0] * 4]), recent=4, base=12, prior_periods=0.0)[:, -1].round(3)
    array([1.8])
    """
    _least(1, recent=recent)
    _least(0, prior_periods=prior_periods)
    if base <= recent:
        raise ValueError(f"{base=} must be above {recent=}")
    units, periods = _counts(sales, in_stock)
    wide_units, wide_periods = _last(units, base), _last(periods, base)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = wide_units / wide_periods
        near = (_last(units, recent) + prior_periods * mean) / (_last(periods, recent) + prior_periods)
        return near / mean


def trend_slope(sales: Floats, in_stock: Floats | None = None, *, window: int) -> Floats:
    """Slope of ln(1 + sales) over the last `window` periods, by least squares: growth rate a period.

    Arguments as in `trend_probability`; a period weighs as much as it was in stock. NaN with fewer than three such.

    >>> trend_slope(np.exp(0.1 * np.arange(12.0))[None] - 1, window=8)[:, -1].round(6)
    array([0.1])
    """
    _least(3, window=window)
    sold, weight = _counts(sales, in_stock)
    share = np.where(weight > 0, weight, 1.0)
    log_sales = np.log1p(sold / share)  # per full period in stock
    time = np.arange(sales.shape[1]) - np.zeros_like(weight)
    w, wx, wy, wxx, wxy = (
        _last(weight * part, window) for part in (1.0, time, log_sales, time * time, time * log_sales)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = (w * wxy - wx * wy) / (w * wxx - wx * wx)
    return np.where(_last((weight > 0).astype(float), window) >= 3, slope, np.nan)


def growth_score(ratio: Floats) -> Floats:
    """Score for `UnitCosts.with_trend` from a ratio of means: its binary logarithm within -1..1.

    Doubling gives 1, halving -1. For a slope, take `growth_score(np.exp(slope * periods))`.

    >>> growth_score(np.array([2.0, 1.0, 0.5, 5.0]))
    array([ 1.,  0., -1.,  1.])
    """
    with np.errstate(divide="ignore"):
        return np.clip(np.log2(ratio), -1.0, 1.0)


@dataclass(frozen=True, slots=True)
class _Rates:
    """Units and periods in stock of the recent and of the base stretch, each [series, time]."""

    units: tuple[Floats, Floats]
    periods: tuple[Floats, Floats]

    @classmethod
    def of(cls, sales: Floats, in_stock: Floats | None, recent: int, base: int | None) -> _Rates:
        counted = _counts(sales, in_stock)
        if not 0 < recent < sales.shape[1]:
            raise ValueError(
                f"{recent=} must be at least 1 and below the periods of sales, [series, time] {sales.shape}"
            )
        _least(1, base=recent if base is None else base)
        units, periods = (
            (_last(v, recent), _later(np.cumsum(v, axis=1) if base is None else _last(v, base), recent))
            for v in counted
        )
        return cls(units, periods)


def _exceeds(rates: _Rates, factor: float, prior_units: float) -> Floats:
    """Probability that the recent rate is above `factor` times the base rate."""
    if not (0 < factor < np.inf and 0 < prior_units < np.inf):
        raise ValueError(f"{factor=} and {prior_units=} must be above 0 and finite")
    (near_units, far_units), (near, far) = rates.units, rates.periods
    known = (near > 0) & (far > 0)
    overall = (near_units + far_units) / np.where(known, near + far, np.nan)
    # with r and b for recent and base: the share r * rate_r in r * rate_r + b * rate_b is Beta(shape_r, shape_b)
    # a SKU that never sold is given one unit over all its time: its prior must have a rate
    prior_rate = prior_units / np.maximum(overall, 1.0 / np.where(known, near + far, np.nan))
    near_rate, far_rate = near + prior_rate, far + prior_rate
    cut = factor * near_rate / (factor * near_rate + far_rate)
    return np.asarray(1.0 - betainc(near_units + prior_units, far_units + prior_units, cut))


def _counts(sales: Floats, in_stock: Floats | None) -> tuple[Floats, Floats]:
    """Units sold in periods that count, and how much each counts: both [series, time]."""
    stocked = np.ones_like(sales) if in_stock is None else in_stock
    if np.ndim(sales) != 2 or np.shape(stocked) != np.shape(sales):
        raise ValueError(
            f"sales of shape {np.shape(sales)} and in_stock of shape {np.shape(stocked)} must be [series, time] both; "
            "one series is sales[None]"
        )
    exposure = np.where(np.isnan(sales), 0.0, stocked)
    refuse("in_stock", exposure, (exposure >= 0) & (exposure <= 1), "a share of the period, 0 to 1")
    sold = np.where(exposure > 0, sales, 0.0)
    refuse("sales", sold, (sold >= 0) & np.isfinite(sold), "finite and >= 0 [units]; book returns elsewhere")
    return sold, exposure


def _least(bound: float, **arguments: float) -> None:
    for name, value in arguments.items():
        if not value >= bound:
            raise ValueError(f"{name}={value} must be at least {bound}")


def _last(values: Floats, periods: int) -> Floats:
    """Sum over the last `periods` periods up to each one [series, time]; no running total, so that no error runs on."""
    padded = np.pad(values, ((0, 0), (min(periods, values.shape[1]) - 1, 0)))
    return np.asarray(
        np.lib.stride_tricks.sliding_window_view(padded, min(periods, values.shape[1]), axis=1).sum(axis=2)
    )


def _later(values: Floats, periods: int) -> Floats:
    """Values as they stood `periods` earlier, 0 before the start."""
    return np.pad(values, ((0, 0), (periods, 0)))[:, : values.shape[1]]
