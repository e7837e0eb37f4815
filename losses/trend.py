"""How trending a SKU is, as of a cutoff, from sales known then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betainc

if TYPE_CHECKING:
    from numpy.typing import NDArray


def trend_probability(
    sales: NDArray[np.float64],
    in_stock: NDArray[np.float64] | None = None,
    *,
    recent: int,
    factor: float = 1.2,
    prior_periods: float = 1.0,
) -> NDArray[np.float64]:
    """Posterior probability that the recent sales rate exceeds `factor` times the earlier rate.

    sales : [series, time] units up to the cutoff, the last column being the newest; NaN before a SKU's launch.
    in_stock : [series, time] share of each period in stock (0..1); a period counts as much as it was in stock.
    recent : number of last periods that make the recent rate; all earlier ones make the base rate.
    factor : how many times the base rate is called trending.
    prior_periods : weight of the prior, in periods of sales at the series' overall rate; shrinks slow sellers.

    Sales are taken as Poisson with Gamma posteriors, both rates with the same Gamma prior at the overall rate;
    the ratio of two Gamma variables is a beta prime, hence the incomplete beta function. NaN where nothing is known.

    Returns
    -------
    [series] probabilities.

    >>> grown = np.array([[2.0] * 20 + [6.0] * 4, [3.0] * 24])
    >>> trend_probability(grown, recent=4).round(2)
    array([1.  , 0.24])
    """
    if not 0 < recent < sales.shape[1]:
        raise ValueError(f"{recent=} must be between 1 and {sales.shape[1] - 1}, the periods before the last one")
    exposure = np.where(np.isnan(sales), 0.0, 1.0 if in_stock is None else in_stock)  # [series, time]
    sold = np.where(exposure > 0, sales, 0.0)
    units = np.stack([sold[:, -recent:].sum(axis=1), sold[:, :-recent].sum(axis=1)])  # [recent/base, series]
    periods = np.stack([exposure[:, -recent:].sum(axis=1), exposure[:, :-recent].sum(axis=1)])
    known = (periods > 0).all(axis=0)
    overall = units.sum(axis=0) / np.where(known, periods.sum(axis=0), np.nan)
    shape = units + np.maximum(overall, 1e-12) * prior_periods
    rate = periods + prior_periods
    # with r and b for recent and base: the share r * rate_r in r * rate_r + b * rate_b is Beta(shape_r, shape_b)
    cut = factor * rate[0] / (factor * rate[0] + rate[1])
    return np.asarray(1.0 - betainc(shape[0], shape[1], cut))
