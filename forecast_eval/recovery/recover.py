"""Estimates of demand from sales: the one door to every assumption about hidden demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from backtest.faults import Fault, nearest, refuse

from .censored import Censored
from .course import Course
from .expectation import Gamma, complete
from .hours import OpeningHours, profile_faults
from .kaplan_meier import ProductLimit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .expectation import Expectation

    Floats = NDArray[np.float64]

Method = Literal["as_is", "masked", "fill", "em", "kaplan_meier", "hours"]
"""What is taken for demand in a period that was not fully in stock; see `recovered`."""

METHODS: tuple[Method, ...] = get_args(Method)


def recovered(
    sales: Floats,
    in_stock: Floats,
    method: Method,
    *,
    window: float = 12.0,
    season: int = 1,
    profile: Sequence[float] | None = None,
) -> Floats:
    """Estimate demand, [series, time] units. Periods fully in stock keep their sales, unknown sales stay NaN.

    sales : [series, time] units sold; NaN = unknown.
    in_stock : [series, time] share of the period's opening time with stock, 0..1; NaN = unknown, taken as in stock.
    method : what stands for demand in a hidden period, one with in_stock below 1:

        - as_is: its sales.
        - masked: NaN; the caller leaves the period out.
        - fill: the larger of sales and the mean of the last four seen periods (`backtest.fill_hidden`).
        - em: E[demand | demand >= sales]; demand is gamma distributed around a local level, fitted by expectation and
          maximisation (a Tobit model; `Gamma`).
        - kaplan_meier: the same expectation under the product-limit estimate of the distribution (`ProductLimit`).
        - hours: sales, and for the time without stock the rate of the time with it (`OpeningHours`). Where nearly all
          of the time was without stock, as em.
    window : em, kaplan_meier, hours: periods in which the weight of a period in the level falls to 37 % (`Course`).
    season : the same: periods of a cycle, such as 7 for days; 1 has none.
    profile : hours: weight of each opening hour in a day's demand, first to last; None spreads it evenly.

    Three rules hold for em, kaplan_meier and hours. An estimate is never below sales, and never above twice the
    highest sales of the series: where nearly every period is hidden, the data do not say how high demand is. A hidden
    period before the first that sold something or was in stock keeps its zero: the shop may not have listed the product
    yet; a series that was never seen in stock keeps all its sales. All of a series is used, later periods too, so
    the estimates are for judging and not for training.

    Raises InputError with every fault at once.

    >>> import numpy as np
    >>> sales = np.array([[8.0, 8.0, 8.0, 2.0, 8.0, np.nan]])
    >>> in_stock = np.array([[1.0, 1.0, np.nan, 0.25, 1.0, 1.0]])
    >>> recovered(sales, in_stock, "hours").round(3)
    array([[ 8.,  8.,  8.,  8.,  8., nan]])
    """
    refuse(_faults(sales, in_stock, method) + _course_faults(window, season, profile))
    panel = Censored.of(sales, in_stock)
    if method == "as_is":
        return panel.with_hidden(panel.bound)
    if method == "masked":
        return panel.with_hidden(np.full(len(panel.bound), np.nan))
    if method == "fill":
        return _filled(sales, in_stock)
    expectations: dict[str, Expectation] = {
        "em": Gamma(),
        "kaplan_meier": ProductLimit(),
        "hours": OpeningHours(profile=None if profile is None else tuple(profile)),
    }
    return complete(panel, Course(window, season), expectations[method])


def hidden_share(sales: Floats, in_stock: Floats) -> float:
    """Share of the periods with known sales that were not fully in stock, 0..1; NaN where no sales are known.

    sales, in_stock : [series, time] as in `recovered`.

    >>> import numpy as np
    >>> hidden_share(np.array([[3.0, 0.0, 1.0, np.nan]]), np.array([[1.0, 0.0, 0.5, 0.0]])).__round__(3)
    0.667
    """
    refuse(_faults(sales, in_stock, "as_is"))
    known = ~np.isnan(sales)
    return float((known & (in_stock < 1)).sum() / known.sum()) if known.any() else float("nan")


def _filled(sales: Floats, in_stock: Floats) -> Floats:
    """Sales as `backtest.fill_hidden` fills them, from earlier periods only, as the simulator's judge always did."""
    import pandas as pd

    from backtest import fill_hidden

    series, time = np.nonzero(~np.isnan(sales))
    stock = in_stock[series, time]
    frame = pd.DataFrame(
        {"unique_id": series, "y": sales[series, time], "in_stock": np.where(np.isnan(stock), 1.0, stock)}
    )
    out = sales.astype(float)
    out[series, time] = fill_hidden(frame, look_ahead=False)["y"].to_numpy()
    return out


def _faults(sales: Floats, in_stock: Floats, method: str) -> list[Fault]:
    if sales.ndim != 2 or sales.shape != in_stock.shape:
        return [
            Fault("shape", f"sales {sales.shape} and in_stock {in_stock.shape} must both be [series, time]", "in_stock",
                  "give one share for each of the sales"),
        ]  # fmt: skip
    checks = (
        ("sales", sales, (sales < 0) | np.isinf(sales), "must be >= 0 and finite", "correct it, or give NaN"),
        ("in_stock", in_stock, (in_stock < 0) | (in_stock > 1), "must be a share from 0 to 1", "divide by the hours"),
    )
    faults = [
        Fault(f"bad-{name}", f"{name}={values[i, j]} {rule}", f"{name}[{i}, {j}]", fix)
        for name, values, bad, rule, fix in checks
        for i, j in zip(*np.nonzero(bad), strict=True)
    ]
    if method not in METHODS:
        faults.append(Fault("unknown-method", f"method={method!r} does not exist", "method", nearest(method, METHODS)))
    return faults


def _course_faults(window: float, season: int, profile: Sequence[float] | None) -> list[Fault]:
    faults = [] if profile is None else profile_faults(profile)
    if not 0 < window < float("inf"):
        faults.append(
            Fault("bad-window", f"{window=} must be above 0 and finite", "window", "give periods, such as 12")
        )
    if season != int(season) or season < 1:
        faults.append(
            Fault("bad-season", f"{season=} must be a whole number >= 1", "season", "give periods, or 1 for none")
        )
    return faults
