"""Laws of the perturbed money of the leak probe: every price and cost after a cutoff is another, and all stay sound."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from backtest import History, RollingWindows
from backtest.leakage import probe
from forecast_eval.economics import Economics
from forecast_eval.probe import repriced

MONEY = ["price", "unit_cost", "salvage", "holding", "goodwill"]
DAYS = pd.to_datetime(["2026-01-01", "2026-02-01", "2026-03-01"])


def economics(**columns):
    """Rows of the same good at three dates."""
    return Economics.of(pd.DataFrame({"unique_id": "a", "ds": DAYS, **columns}))


WAYS = {
    "perishable": {"price": [10.0, 11, 12], "unit_cost": [4.0, 5, 4], "salvage": [1.0, -2, 2], "goodwill": 2.0,
                   "shelf_life": 3, "holding": 0.0},
    "newspaper": {"price": [3.0, 3, 4], "unit_cost": 2.0, "salvage": 0.5, "shelf_life": 1},
    "keeps": {"price": 9.0, "unit_cost": [4.0, 5, 6], "holding": [1.0, 2, 3]},
    "free goods": {"price": 3.0, "holding": 1.0},
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_every_price_and_cost_after_the_cutoff_is_another_and_none_before(way):
    told = economics(**WAYS[way])
    other = repriced(told, DAYS[1])
    assert (other.frame.loc[2, MONEY] != told.frame.loc[2, MONEY]).all()
    pd.testing.assert_frame_equal(other.frame.iloc[:2], told.frame.iloc[:2])
    pd.testing.assert_frame_equal(other.frame.drop(columns=MONEY), told.frame.drop(columns=MONEY))


@pytest.mark.parametrize("way", WAYS)
def test_perturbed_money_is_sound(way):
    other = repriced(economics(**WAYS[way]), DAYS[0])
    assert Economics.of(other.frame.drop(columns="review_period")).warnings == ()


@pytest.mark.parametrize("way", WAYS)
def test_the_critical_ratio_is_another(way):
    told = economics(**WAYS[way])
    uids = np.array(["a"], dtype=object)
    before, after = (e.unit_costs(uids, DAYS, cycle=2).critical_ratio()[0] for e in (told, repriced(told, DAYS[1])))
    np.testing.assert_array_equal(before[:2], after[:2])
    assert before[2] != pytest.approx(after[2])


def test_a_price_below_cost_stays_below_it():
    other = repriced(economics(price=[5.0, 3, 2], unit_cost=4.0, holding=1.0), DAYS[0]).frame
    assert (other["price"] < other["unit_cost"]).tolist() == [False, True, True]


@dataclass(frozen=True, eq=False)
class LooksAhead:
    """Reads one cost of the newest row, whenever that is."""

    economics: Economics
    name: str

    def fit(self, known):  # noqa: ARG002 - nothing is learnt
        return self

    def predict(self, known):
        newest = float(self.economics.frame[self.name].iloc[-1])
        return known.future[["unique_id", "ds"]].assign(forecast=newest)


@pytest.mark.parametrize("name", MONEY)
def test_whoever_looks_at_a_later_price_or_cost_is_caught(name):
    days = pd.date_range("2026-01-01", periods=60, freq="D")
    history = History.of(pd.DataFrame({"unique_id": "a", "ds": days, "y": np.arange(60) % 7 + 1.0}))
    told = economics(**WAYS["perishable"])

    def made_with(money):
        return lambda history: {"m": LooksAhead(money, name)}  # noqa: ARG005 - of money only

    (found,) = probe(made_with(told), history, RollingWindows(horizon=2, n_windows=4),
                     beside={"prices and costs": lambda cutoff: made_with(repriced(told, cutoff))})  # fmt: skip
    assert [leak.what for leak in found.leaks] == ["prices and costs"] * len(found.leaks)
    assert found.verdict == "leaks"
