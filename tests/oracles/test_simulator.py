"""Published numbers that the simulator must reproduce."""

import numpy as np
import pandas as pd
import pytest

from forecast_eval.economics import Economics
from forecast_eval.simulate import Supply, play

# P. H. Zipkin (2008), Old and new methods for lost-sales inventory systems, Operations Research 56, tables 3 and 4:
# best base-stock level and its long-run average cost; Poisson demand with mean 5, holding 1, penalty p, lead time L.
ZIPKIN = [
    (4, 1, 12, 4.16), (4, 2, 16, 4.64), (4, 3, 20, 4.98), (4, 4, 25, 5.20),
    (19, 1, 15, 6.73), (19, 2, 21, 7.84), (19, 3, 26, 8.60), (19, 4, 31, 9.23),
]  # fmt: skip


def lost_sales_cost(level, lead, penalty, *, series=400, time=2_100, warm_up=100):
    demand = np.random.default_rng(7).poisson(5.0, (series, time)).astype(float)
    ids = np.array([f"{i}" for i in range(series)], dtype=object)
    terms = Economics.of(pd.DataFrame({"unique_id": ids, "holding": 1.0, "goodwill": penalty, "lead_time": lead}))
    supply = Supply.of(terms, ids, np.full(series, float(level)), np.zeros((series, 0)))
    flows = play(demand, np.full(demand.shape, float(level)), supply)
    cost = (flows.on_hand + penalty * flows.lost)[:, warm_up:].mean(axis=1)
    return cost.mean(), cost.std(ddof=1) / np.sqrt(series)


@pytest.mark.parametrize(("penalty", "lead", "level", "published"), ZIPKIN)
def test_lost_sales_base_stock_cost_is_zipkins(penalty, lead, level, published):
    cost, error = lost_sales_cost(level, lead, penalty)
    assert abs(cost - published) <= 0.005 + 3 * error  # published to two digits


@pytest.mark.parametrize(("penalty", "lead", "level", "published"), ZIPKIN[::3])
def test_neighbouring_levels_cost_more(penalty, lead, level, published):  # noqa: ARG001 - the table's row
    best, error = lost_sales_cost(level, lead, penalty)
    assert min(lost_sales_cost(level + k, lead, penalty)[0] for k in (-1, 1)) > best - 3 * error


# L. V. Snyder and Z.-J. Shen, Fundamentals of Supply Chain Theory: holding .18, penalty .70, normal demand (50, 8)
def test_newsvendor_level_is_snyder_and_shens():
    from scipy.stats import norm

    from losses import UnitCosts

    assert norm.ppf(UnitCosts(0.70, 0.18).critical_ratio(), 50, 8) == pytest.approx(56.603955927)


@pytest.mark.parametrize(("level", "published"), [(56.603955927, 1.997605193), (40, 7.356131553), (60, 2.156131553)])
def test_newsvendor_cost_is_snyder_and_shens(level, published):
    from losses import Newsvendor, UnitCosts

    demand = np.random.default_rng(1).normal(50, 8, 2_000_000)
    loss = Newsvendor().value(demand, np.full_like(demand, level), UnitCosts(0.70, 0.18))
    assert abs(loss.mean() - published) < 4 * loss.std() / np.sqrt(len(demand))


# The same book: holding 1, penalty 4, Poisson demand with mean 6
@pytest.mark.parametrize(("level", "published"), [(8, 3.570106946), (5, 6.590296025)])
def test_poisson_newsvendor_cost_is_snyder_and_shens(level, published):
    from scipy.stats import poisson

    from losses import Newsvendor, UnitCosts

    demand = np.arange(0.0, 80.0)
    loss = Newsvendor().value(demand, np.full_like(demand, level), UnitCosts(4.0, 1.0))
    assert float(loss @ poisson.pmf(demand, 6)) == pytest.approx(published, rel=1e-9)
