"""Losses for demand that a stockout may have hidden: what is observed is sales, the smaller of demand and stock."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from math import log, pi, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from array_api_compat import array_namespace, is_torch_namespace

from .costs import as_numpy, refuse, refuse_not_positive
from .newsvendor import Newsvendor

if TYPE_CHECKING:
    from .costs import Array, UnitCosts
    from .protocol import Functional


class HiddenDemandWarning(UserWarning):
    """The data do not say where the wanted quantile is: nearly every period had less stock than it."""


@dataclass(frozen=True, slots=True, eq=False)
class CensoredNewsvendor:
    """Newsvendor cost of the sales that a forecast would have let through: newsvendor(sales, min(forecast, stock)).

    stock : units that could have been sold, one entry an observation, for *all* of them, sold out or not; infinite
        where stock could not run out. In training by batches make one for each batch: it is a plain value.

    With sales = min(demand, stock), its minimiser is the critical-ratio quantile of *demand*, as long as that is below
    the stock often enough. A period whose stock is at most the forecast says nothing about it: value 0 or a constant,
    gradient 0, so start below the stock (or from a quantile of sales), and see `warn_if_hidden`.

    Where stock is known for sold-out periods only, setting it to infinity for the others biases the quantile downwards;
    `TobitNLL` does not need it there. Leaving the sold-out periods out is worse than either.

    Source: Powell (1986), Censored regression quantiles, Journal of Econometrics 32.

    Raises
    ------
    ValueError
        For a negative or missing stock, with its row.
    """

    stock: Array

    def __post_init__(self) -> None:
        """Refuse stock that is unknown."""
        _refuse_bad_stock(self.stock)

    @property
    def functional(self) -> Functional:
        """The critical-ratio quantile of demand."""
        return "quantile"

    def value(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Cost [currency]; `demand` is the sales that were observed.

        >>> import numpy as np
        >>> from losses import UnitCosts
        >>> loss, costs = CensoredNewsvendor(stock=np.array([10.0, 20.0])), UnitCosts(8.0, 2.0)
        >>> loss.value(np.array([10.0, 9.0]), np.array([12.0, 12.0]), costs)
        array([0., 6.])
        """
        xp = array_namespace(demand, forecast)
        return Newsvendor().value(demand, xp.where(forecast < self.stock, forecast, self._limit(forecast)), costs)

    def gradient(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """That of the newsvendor loss where the forecast is below the stock, else 0 [currency per unit]."""
        xp = array_namespace(demand, forecast)
        slope = Newsvendor().gradient(demand, forecast, costs)
        return xp.where(forecast < self.stock, slope, xp.zeros_like(slope))

    def hessian(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Zero off the kinks, and returned at them too."""
        return Newsvendor().hessian(demand, forecast, costs)

    def _limit(self, forecast: Array) -> Array:
        return self.stock + array_namespace(forecast).zeros_like(forecast)


@dataclass(frozen=True, slots=True, eq=False)
class TobitNLL:
    """Negative log-likelihood of sales when demand is normal around the forecast and stock cuts it off.

    stock : units that could have been sold; read only where sales reached it, so infinity will do elsewhere.
    scale : standard deviation of demand around the forecast, units; a tensor that requires a gradient is learnt too.

    Formula, with z = (sales - forecast) / scale: z^2 / 2 + ln(scale * sqrt(2 pi)) where sales are below stock, else
    -ln Phi((forecast - stock) / scale). The value is in nats, and costs do not enter: the forecast is the *mean* of
    demand, and `order_quantile` turns it into the quantile that the costs ask for. More efficient than
    `CensoredNewsvendor` if demand is about normal, wrong if it is not.

    Source: Tobin (1958), Estimation of relationships for limited dependent variables, Econometrica 26.

    Raises
    ------
    ValueError
        For a negative or missing stock, or a scale that is not positive and finite, with its row.
    """

    stock: Array
    scale: Array

    def __post_init__(self) -> None:
        """Refuse stock that is unknown, and scales that are none."""
        _refuse_bad_stock(self.stock)
        refuse_not_positive("scale", self.scale, "units")

    @property
    def functional(self) -> Functional:
        """The mean of demand, hidden demand included."""
        return "mean"

    def value(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:  # noqa: ARG002 - the protocol's
        """Negative log-likelihood [nats]; `demand` is the sales that were observed.

        >>> import numpy as np
        >>> from losses import UnitCosts
        >>> loss = TobitNLL(stock=np.array([10.0, 20.0]), scale=2.0)
        >>> loss.value(np.array([10.0, 9.0]), np.array([10.0, 9.0]), UnitCosts(1.0, 1.0)).round(4)
        array([0.6931, 1.6121])
        """
        xp, z, t, cut = self._terms(demand, forecast)
        seen = z * z / 2 + xp.log(self.scale + xp.zeros_like(z)) + log(2 * pi) / 2
        return xp.where(cut, -_log_ndtr(t), seen)

    def gradient(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:  # noqa: ARG002 - the protocol's
        """Derivative in the forecast [nats per unit]."""
        xp, z, t, cut = self._terms(demand, forecast)
        return xp.where(cut, -_hazard(t), -z) / self.scale

    def hessian(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:  # noqa: ARG002 - the protocol's
        """Second derivative in the forecast, positive [nats per unit squared]."""
        xp, _, t, cut = self._terms(demand, forecast)
        return xp.where(cut, _hazard_slope(t), xp.ones_like(t)) / self.scale**2

    def order_quantile(self, forecast: Array, costs: UnitCosts) -> Array:
        """Critical-ratio quantile of demand [units]: forecast + scale * Phi^-1(critical ratio).

        >>> import numpy as np
        >>> from losses import UnitCosts
        >>> TobitNLL(stock=np.inf, scale=2.0).order_quantile(np.array([10.0]), UnitCosts(8.0, 2.0)).round(3)
        array([11.683])
        """
        xp = array_namespace(forecast)
        ratio = costs.critical_ratio() + xp.zeros_like(forecast)
        return forecast + self.scale * _special(ratio).ndtri(ratio)

    def _terms(self, demand: Array, forecast: Array) -> tuple[Array, Array, Array, Array]:
        """Namespace, standardised residual and distance above the stock (0 where not sold out), and sold out."""
        xp = array_namespace(demand, forecast)
        cut = demand >= self.stock
        stock = xp.where(cut, self.stock + xp.zeros_like(demand), forecast)  # infinity elsewhere would spread as NaN
        return xp, (demand - forecast) / self.scale, (forecast - stock) / self.scale, cut


def warn_if_hidden(stock: Array, forecast: Array, *, least: float = 0.05) -> float:
    """Share of observations with more stock than the forecast; a warning where it is below `least`.

    Only those say whether demand exceeds the forecast. Without them the loss is flat: the forecast is then a lower
    bound for the quantile, made of where the search began, and nothing in the data can better it.

    Warns
    -----
    HiddenDemandWarning
        Where the share is below `least`.

    >>> import numpy as np
    >>> warn_if_hidden(np.array([5.0, 20.0, np.inf]), np.array([10.0, 10.0, 10.0]), least=0.1).__round__(3)
    0.667
    """
    share = float(np.mean(as_numpy(stock) > as_numpy(forecast)))
    if share < least:
        warnings.warn(
            f"only {share:.1%} of the periods had more stock than the forecast (least={least:.0%}): stockouts hide the "
            "demand above it, so the quantile is not identified and the forecast is a lower bound; aim at a lower "
            "critical ratio, or add periods with ample stock",
            HiddenDemandWarning,
            stacklevel=2,
        )
    return share


def _refuse_bad_stock(stock: Array) -> None:
    values = as_numpy(stock)
    refuse("stock", values, values >= 0, ">= 0 [units], infinite where it could not run out")


FAR = 5.0
"""Standard deviations below the stock from which on the distribution function is taken by its scaled complement."""

SERIES_FROM = 20.0
"""The same, from which on the slope of the hazard is taken by its series: the closed form is a difference there."""


def _log_ndtr(t: Array) -> Array:
    """Logarithm of the standard normal distribution function, whose derivative autograd finds too."""
    xp, special = array_namespace(t), _special(t)
    far = t < -FAR
    near, beyond = xp.where(far, xp.zeros_like(t), t), xp.where(far, t, -FAR * xp.ones_like(t))
    scaled = -beyond * beyond / 2 + xp.log(special.erfcx(-beyond / sqrt(2)) / 2)
    return xp.where(far, scaled, special.log_ndtr(near))


def _hazard(t: Array) -> Array:
    """Density over distribution function of the standard normal."""
    return sqrt(2 / pi) / _special(t).erfcx(-t / sqrt(2))


def _hazard_slope(t: Array) -> Array:
    """Minus the derivative of the hazard, h * (h + t): between 0, far above the stock, and 1, far below it."""
    xp = array_namespace(t)
    far = t < -SERIES_FROM
    z = xp.where(far, -t, SERIES_FROM * xp.ones_like(t))
    near = xp.where(far, xp.zeros_like(t), t)
    hazard = _hazard(near)
    return xp.where(far, 1 - (1 - (6 - 50 / z / z) / z / z) / z / z, hazard * (hazard + near))


def _special(t: Array) -> Any:  # noqa: ANN401 - a module
    """Special functions of the array's library: the array namespace has none."""
    if is_torch_namespace(array_namespace(t)):
        import torch

        return torch.special
    import scipy.special

    return scipy.special
