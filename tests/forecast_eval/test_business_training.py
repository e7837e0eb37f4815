"""Laws of training on money: costs of the cutoff and no later ones, names that are checked, orders and not means."""

import pickle
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

from backtest import (
    Ask,
    FallbackWarning,
    History,
    InputError,
    RollingWindows,
    Settings,
    backtest,
    known_at,
    plan_units,
)
from forecast_eval.config import config_of
from forecast_eval.economics import Economics
from forecast_eval.forecasters import forecasters_of
from forecast_eval.train_costs import FAMILIES, KnownCosts
from losses import Newsvendor, UnitCosts

WEEKS, SERIES, HORIZON = 70, 12, 2
CALENDAR = pd.date_range("2024-01-01", periods=WEEKS, freq="W-MON")
CUTOFF = CALENDAR[-1 - HORIZON]
IDS = np.array([f"s{i:02d}" for i in range(SERIES)], dtype=object)


def sales(*, rising=()):
    rng = np.random.default_rng(6)
    rate = np.repeat(rng.uniform(10, 30, (SERIES, 1)), WEEKS, axis=1)
    rate[list(rising), -10:] *= 2
    return pd.DataFrame({
        "unique_id": np.repeat(IDS, WEEKS), "ds": np.tile(CALENDAR, SERIES),
        "y": rng.poisson(rate).ravel().astype(float),
    })  # fmt: skip


def prices(*, goodwill=2.0, moved=None, at=0):
    """Terms by series that change half-way; `moved` changes the price of s00 from period `at` on."""
    rows = [
        {"unique_id": uid, "ds": CALENDAR[start], "price": 9.0 + i % 3, "unit_cost": 4.0, "goodwill": goodwill,
         "shelf_life": 1.0}
        for i, uid in enumerate(IDS) for start in (0, 35)
    ]  # fmt: skip
    if moved is not None:
        rows.append({**rows[0], "ds": CALENDAR[at], "price": moved})
    return Economics.of(pd.DataFrame(rows))


def config_with(keys):
    model = {
        "kind": "lightgbm", "lags": [1, 2, 4], "rolling_means": [8],
        "params": {"n_estimators": 40, "num_leaves": 7, "min_child_samples": 10},
    }  # fmt: skip
    tree = {
        "name": "trained",
        "data": {"history": {"path": "sales.csv"}, "economics": {"values": {"holding": 0.2}}},
        "backtest": {"horizon": HORIZON, "windows": 3},
        "forecasters": {"m": {**model, **keys}},
        "compare": {"incumbent": "m"},
    }
    return config_of(tree, "c.yaml")


def forecaster(loss, *, economics=None, **more):
    config = config_with({"loss": loss, **more})
    return forecasters_of(config, Path(), history=History.of(sales()), economics=economics or prices())["m"]


def known(frame=None, **ask):
    panel = History.of(sales() if frame is None else frame)
    window = RollingWindows(HORIZON, last_cutoff=CUTOFF).over(panel.calendar)[0]
    return known_at(panel, window, Ask(**ask))


def orders(loss, *, economics=None, frame=None, **more):
    seen = known(frame)
    return forecaster(loss, economics=economics, **more).fit(seen).predict(seen)


NEWSVENDOR = {"family": "newsvendor"}


def test_a_price_after_the_cutoff_moves_no_byte():
    later = prices(moved=900.0, at=WEEKS - HORIZON)
    assert CALENDAR[WEEKS - HORIZON] > CUTOFF
    pd.testing.assert_frame_equal(orders(NEWSVENDOR), orders(NEWSVENDOR, economics=later), check_exact=True)


@pytest.mark.parametrize("hidden", [True, False])
def test_a_price_after_all_cutoffs_leaves_finished_work_as_it_is_and_an_earlier_one_does_not(hidden, tmp_path):
    frame = sales().assign(in_stock=1.0) if hidden else sales()
    history, windows = History.of(frame), RollingWindows(HORIZON, n_windows=2, last_cutoff=CUTOFF)
    settings = Settings(levels=(), units=tmp_path)

    def own(economics):
        built = forecaster(NEWSVENDOR, economics=economics, params={"n_estimators": 2})
        return {"m": built if hidden else built.forecaster}  # with and without FilledStockouts around it

    backtest(history, own(prices()), windows=windows, settings=settings)
    finished = {
        at: plan_units(history, own(prices(moved=900.0, at=at)), windows=windows, settings=settings)["m"]
        for at in (WEEKS - HORIZON, WEEKS - 1 - HORIZON, WEEKS - 2 - HORIZON)
    }
    # after both cutoffs, at the last one, at the one before it
    assert list(finished.values()) == [(2, 2), (2, 1), (2, 0)]


def test_terms_without_dates_are_known_always():
    costs = KnownCosts(Economics(prices().frame.drop_duplicates("unique_id").drop(columns="ds")))
    assert costs.as_known(CALENDAR[0]) is costs


def test_the_orders_follow_the_seed_of_the_backtest():
    drawn = {"params": {"n_estimators": 5, "subsample": 0.5, "subsample_freq": 1}}
    model = forecaster(NEWSVENDOR, **drawn)
    one, again, other = (model.fit(known(seed=s)).predict(known(seed=s)) for s in (3, 3, 4))
    pd.testing.assert_frame_equal(one, again, check_exact=True)
    assert not one.equals(other)


def test_a_price_of_the_cutoff_moves_the_orders_of_its_series():
    before, after = (orders(NEWSVENDOR, economics=e) for e in (prices(), prices(moved=900.0, at=WEEKS - 1 - HORIZON)))
    own = before["unique_id"] == "s00"
    assert (after.loc[own, "forecast"] > before.loc[own, "forecast"]).all()


def test_sales_after_the_cutoff_move_no_byte():
    loss = {**NEWSVENDOR, "trend": {"strength": 2.0}}
    frame = sales()
    frame.loc[frame["ds"] > CUTOFF, "y"] *= 9
    pd.testing.assert_frame_equal(orders(loss), orders(loss, frame=frame), check_exact=True)


def test_the_forecast_is_an_order_at_the_critical_ratio_and_not_the_mean():
    frame = sales()
    covered = {}
    for goodwill in (0.0, 60.0):
        made = orders(NEWSVENDOR, economics=prices(goodwill=goodwill), params={"n_estimators": 40, "num_leaves": 2})
        came = made.merge(frame, on=["unique_id", "ds"])
        covered[goodwill] = (came["y"] <= came["forecast"]).mean()
    assert covered[0.0] < 0.75
    assert covered[60.0] > 0.8


def test_costs_are_those_of_the_economics_at_the_cutoff():
    seen = known()
    terms = prices(moved=30.0, at=40)
    terms = Economics(terms.frame.assign(shelf_life=4.0))
    table = KnownCosts(terms, cycle=3).at(seen)
    dates = pd.DatetimeIndex([CUTOFF])
    expected = terms.unit_costs(IDS, dates, cycle=3)
    np.testing.assert_array_equal(table["underage"], expected.underage[:, 0])
    np.testing.assert_array_equal(table["overage"], expected.overage[:, 0])
    assert table.loc["s00", "underage"] == 30.0 - 4.0 + 2.0


def test_trend_raises_the_underage_of_what_rises_and_no_other():
    frame = sales(rising=[3])
    seen = known(frame)
    loss = {**NEWSVENDOR, "trend": {"strength": 1.5}}
    plain, leaning = (forecaster(spec).forecaster.costs.at(seen) for spec in (NEWSVENDOR, loss))
    ratio = leaning["underage"] / plain["underage"]
    assert ratio["s03"] == pytest.approx(2.5, abs=0.01)
    assert ratio.drop("s03").max() < 1.5
    assert (leaning["overage"] >= plain["overage"]).all()
    flat, leant = (
        orders(spec, frame=frame).query("unique_id == 's03'")["forecast"].mean() for spec in (NEWSVENDOR, loss)
    )
    assert leant > flat


def test_periods_out_of_stock_say_nothing_of_the_trend():
    frame = sales(rising=[3]).assign(in_stock=1.0)
    hidden = (frame["unique_id"] == "s03") & (frame["ds"] > CUTOFF - pd.Timedelta(weeks=4))
    frame.loc[hidden, ["y", "in_stock"]] = (0.0, 0.0)
    costs = forecaster({**NEWSVENDOR, "trend": {"strength": 1.0, "recent": 8}}).forecaster.costs.at(known(frame))
    plain = KnownCosts(prices()).at(known(frame))
    assert costs.loc["s03", "underage"] > 1.5 * plain.loc["s03", "underage"]


def test_a_series_without_a_price_yet_gets_the_median_terms_and_is_named():
    terms = prices()
    late = terms.frame["unique_id"] == "s05"
    frame = terms.frame.assign(ds=terms.frame["ds"].where(~late, CALENDAR[-1])).drop_duplicates(["unique_id", "ds"])
    with pytest.warns(FallbackWarning, match="1 series without a price yet got the median terms: s05"):
        table = KnownCosts(Economics(frame)).at(known())
    assert table.loc["s05", "underage"] == table["underage"].drop("s05").median()
    with pytest.raises(InputError, match=f"no series has a price until {CUTOFF:%Y-%m-%d}"):
        KnownCosts(Economics(frame.assign(ds=CALENDAR[-1]))).at(known())


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_can_be_trained_on(family):
    needs = {"smooth_newsvendor": {"width": 2.0}, "huber": {"width": 3.0}, "linex": {"width": 20.0, "limit": 5.0}}
    made = orders({"family": family, **needs.get(family, {})}, step_group=2)
    level = sales().groupby("unique_id")["y"].mean()
    assert (made.set_index("unique_id")["forecast"] / level).between(0.6, 2.0).all()


def test_the_model_it_trains_costs_less_than_one_on_squared_error():
    frame = sales()
    panel = History.of(frame)
    terms = prices(goodwill=40.0)
    models = {"money": forecaster(NEWSVENDOR, economics=terms), "plain": forecaster(None)}
    made = backtest(panel, models, windows=RollingWindows(HORIZON, n_windows=3)).forecasts
    came = made.merge(frame, on=["unique_id", "ds"])
    table = KnownCosts(terms).at(known())
    costs = UnitCosts(*(table[name].reindex(came["unique_id"]).to_numpy() for name in ("underage", "overage")))
    came["cost"] = Newsvendor().value(came["y"].to_numpy(), came["forecast"].to_numpy(), costs)
    total = came.groupby("model")["cost"].sum()
    assert total["money"] < 0.8 * total["plain"]


def test_quantiles_beside_an_order_are_of_demand():
    plain, money = (
        forecaster(loss, quantiles=True).fit(known(levels=(0.3, 0.7))).predict(known(levels=(0.3, 0.7)))
        for loss in (None, NEWSVENDOR)
    )
    pd.testing.assert_frame_equal(plain[["q0.3", "q0.7"]], money[["q0.3", "q0.7"]], check_exact=True)
    assert not plain["forecast"].equals(money["forecast"])


def test_threads_and_processes_and_copies_change_no_byte():
    model = forecaster({**NEWSVENDOR, "trend": {"strength": 0.5}})
    copy = pickle.loads(pickle.dumps(model))  # noqa: S301 - our own
    assert joblib.hash(copy) == joblib.hash(model)
    assert joblib.hash(forecaster({**NEWSVENDOR, "trend": {"strength": 0.6}})) != joblib.hash(model)
    assert joblib.hash(forecaster(NEWSVENDOR, economics=prices(goodwill=3.0))) != joblib.hash(forecaster(NEWSVENDOR))
    seen = known()
    made = model.fit(seen).predict(seen)
    pd.testing.assert_frame_equal(made, copy.fit(seen).predict(seen), check_exact=True)
    pd.testing.assert_frame_equal(made, orders({**NEWSVENDOR, "trend": {"strength": 0.5}}, threads=2), check_exact=True)


@pytest.mark.parametrize(
    ("loss", "more", "message"),
    [
        ({"family": "newsvender"}, {}, "forecasters.m.loss.family: .* 'newsvender' .*did you mean 'newsvendor'"),
        ({"family": "huber"}, {}, "forecasters.m.loss.width: huber needs width; add it"),
        ({"family": "expectile", "limit": 2}, {}, "forecasters.m.loss.limit: expectile takes no limit; leave it out"),
        ({"family": "linex", "width": -1}, {}, "forecasters.m.loss: width=-1.0 must be finite and > 0"),
        (NEWSVENDOR, {"params": {"objective": "tweedie"}}, "forecasters.m.params.objective: .* replace the costs"),
        (NEWSVENDOR, {"conformal_windows": 2}, "forecasters.m: conformal_windows do not go with a regressor"),
        (None, {"quantiles": True, "conformal_windows": 2}, "forecasters.m: quantiles and conformal_windows are both"),
        (None, {"covariates": ["price"]}, "forecasters.m: known-future covariate 'price' does not exist"),
        ({**NEWSVENDOR, "widht": 2}, {}, "forecasters.m.loss.widht: unknown key 'widht'; did you mean 'width'"),
        ({**NEWSVENDOR, "trend": {"strength": 1, "fator": 2}}, {}, "unknown key 'fator'; did you mean 'factor'"),
        ({**NEWSVENDOR, "trend": {"strength": -1}}, {}, "loss.trend.strength: -1: Input should be greater than 0"),
    ],
)  # fmt: skip
def test_a_wrong_key_is_named_with_its_place(loss, more, message):
    with pytest.raises(InputError, match=message):
        forecaster(loss, **more)


def test_nothing_is_warned_of_where_all_is_known():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = KnownCosts(prices()).at(known())
    assert table.notna().all().all()


def test_one_forecaster_may_treat_stockouts_otherwise_than_the_rest():
    stocked_out = sales().assign(in_stock=1.0)
    empty = stocked_out.groupby("unique_id").cumcount() % 3 > 0
    stocked_out.loc[empty, ["y", "in_stock"]] = 0.0
    filled, plain = (orders(NEWSVENDOR, frame=stocked_out, hidden_demand=how) for how in ("fill", "as_is"))
    pd.testing.assert_frame_equal(orders(NEWSVENDOR, frame=stocked_out), filled)  # what the config says for all
    assert filled["forecast"].mean() > 1.2 * plain["forecast"].mean()
