"""Laws of the synthetic market: what is recorded follows from what is true."""

import hashlib
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from backtest import History, InputError
from forecast_eval.config import Data
from forecast_eval.economics import Economics
from forecast_eval.read import read_inputs
from forecast_eval.world import Market, MarketSpec, make_market
from forecast_eval.world.assortment import draw_assortment
from forecast_eval.world.demand import draw_demand

SMALL = MarketSpec(stores=3, skus=12, weeks=60)
SEEDS = range(5)
FRAMES = ("history", "demand", "static", "economics")
ALL_FRAMES = (*FRAMES, "prices", "outcomes", "hidden")


@pytest.fixture(scope="module")
def markets():
    """The default market of a few seeds."""
    return [make_market(MarketSpec(), seed) for seed in SEEDS]


def rows_of(market: Market) -> pd.DataFrame:
    rows = market.history.merge(market.demand, on=["unique_id", "ds"], validate="one_to_one")
    return rows.merge(market.static, on="unique_id").assign(short=lambda r: r["y"] < r["demand"])


def bytes_of(market: Market) -> bytes:
    return "".join(getattr(market, name).to_csv() for name in ALL_FRAMES).encode()


def test_sales_never_exceed_demand(markets):
    for market in markets:
        rows = rows_of(market)
        assert (rows["y"] <= rows["demand"]).all()
        assert (rows["y"] >= 0).all()


def test_in_stock_is_below_one_exactly_where_demand_was_lost(markets):
    for market in markets:
        rows = rows_of(market)
        assert rows["in_stock"].between(0, 1).all()
        assert ((rows["in_stock"] < 1) == rows["short"]).all()
        assert ((rows["in_stock"] == 0) == (rows["short"] & (rows["y"] == 0))).all()


def test_in_stock_is_on_average_the_share_of_demand_served_and_does_not_reveal_it(markets):
    rows = pd.concat([rows_of(market) for market in markets])
    rows = rows[rows["short"] & (rows["demand"] >= 20)]
    error = rows["in_stock"] - rows["y"] / (rows["demand"] + 1)
    assert abs(error.mean()) < 4 * error.sem()
    assert error.std() > 0.03


def test_demand_is_whole_units_and_every_series_has_every_week(markets):
    market = markets[0]
    assert market.demand["demand"].dtype == np.int64
    assert (market.demand.groupby("unique_id").size() == 130).all()
    assert market.static["unique_id"].is_monotonic_increasing
    assert market.static["unique_id"].iloc[[0, -1]].tolist() == ["S01/K001", "S10/K020"]


def test_same_seed_gives_same_bytes_and_another_seed_does_not():
    assert bytes_of(make_market(SMALL, 3)) == bytes_of(make_market(SMALL, 3))
    for name in FRAMES:
        first, other = getattr(make_market(SMALL, 3), name), getattr(make_market(SMALL, 4), name)
        assert not first.equals(other), name


@pytest.mark.parametrize(("spec", "seed", "digest"), [
    (MarketSpec(), 7, "b820f29d68ded43c"),
    (SMALL, 3, "38f25802b07496c4"),
    (MarketSpec(stores=2, skus=15, weeks=30, perishable_share=1.0, promotion_share=0.4, trending_share=0.6), 5,
     "c65c26f64cb46bc7"),
])  # fmt: skip
def test_units_of_a_plain_market_are_those_of_the_first_version(spec, seed, digest):
    # made by the market of the demo before mechanisms were added, all of which are off here
    market = make_market(spec, seed)
    units = np.concatenate([market.history["y"], market.demand["demand"]]).astype("<i8")
    assert hashlib.sha256(units.tobytes()).hexdigest()[:16] == digest


def test_more_skus_leave_the_first_ones_as_they_were():
    small, large = make_market(SMALL, 3), make_market(MarketSpec(stores=3, skus=17, weeks=60), 3)
    for name in FRAMES:
        frame, wider = getattr(small, name), getattr(large, name)
        kept = wider[wider["unique_id"].isin(frame["unique_id"])].reset_index(drop=True)
        pd.testing.assert_frame_equal(kept, frame, check_exact=True)


def growth_by_kind(markets: list[Market]) -> pd.Series:
    """Mean demand of the last 8 weeks over that of the first 26, one row a SKU and market, by kind."""
    parts = []
    for market in markets:
        rows = rows_of(market)
        week = (rows["ds"] - rows["ds"].min()).dt.days // 7
        early, late = (rows[when].groupby(["kind", "sku"])["demand"].mean() for when in (week < 26, week >= 122))
        parts.append((late / early).droplevel("sku"))
    return pd.concat(parts)


def test_trending_demand_grows_well_above_twofold(markets):
    growth = growth_by_kind(markets)
    assert growth["trending"].min() > 2
    assert growth["trending"].median() > 3.5


def test_dying_demand_fades_and_steady_demand_stays(markets):
    growth = growth_by_kind(markets)
    assert growth["dying"].max() < 0.6
    assert growth["steady"].between(0.5, 2).all()


def test_every_kind_has_its_share(markets):
    kinds = pd.concat([m.static.drop_duplicates("sku")["kind"] for m in markets]).value_counts()
    assert kinds.to_dict() == pytest.approx({"steady": 50, "seasonal": 25, "trending": 15, "dying": 10}, abs=3)


def test_noise_is_negative_binomial():
    demand = draw_demand(np.full((1, 1, 200_000), 12.0), 0.25, np.random.SeedSequence(5))
    assert demand.mean() == pytest.approx(12.0, rel=0.01)
    assert demand.var() == pytest.approx(12.0 + 0.25 * 144.0, rel=0.02)


def test_promotions_lift_demand(markets):
    lifts = []
    for market in markets:
        rows = rows_of(market)
        steady = rows[rows["kind"] == "steady"]
        usual = steady.groupby("unique_id")["demand"].transform("mean")
        lift = (steady["demand"] / usual).groupby(steady["promo"].round(2)).mean()
        lifts.append(lift / lift[0.0])
    mean = pd.concat(lifts, axis=1).mean(axis=1)
    np.testing.assert_allclose(mean, (1 - mean.index.to_numpy()) ** -2, rtol=0.06)


def test_stores_share_their_weeks():
    # without noise of its own, what two SKUs of one store have in common is the store's week
    calm = MarketSpec(skus=2, stores=8, promotion_share=0, seasonality=0, dispersion=0, weekly_units=5000,
                      trending_share=0, dying_share=0)  # fmt: skip
    demand = make_market(calm, 2).demand
    wide = np.log(demand.pivot_table(index="ds", columns="unique_id", values="demand"))
    correlation = wide.corr()
    assert correlation.loc["S01/K001", "S01/K002"] > 0.9
    assert abs(correlation.loc["S01/K001", "S02/K001"]) < 0.3


def test_trending_skus_run_short_more_often_than_steady_ones(markets):
    for market in markets:
        short = rows_of(market).groupby("kind")["short"].mean()
        assert short["trending"] > 1.2 * short["steady"]


def test_stockouts_are_as_frequent_as_in_shops(markets):
    for market in markets:
        assert 0.05 < rows_of(market)["short"].mean() < 0.15


def test_contracts_accept_the_frames(markets):
    for market in markets:
        history = History.of(market.history, static=market.static, known_future=["promo"])
        economics = Economics.of(market.economics)
        economics.covers(history.unique_ids)
        assert history.freq == "W-MON"
        ratio = economics.unit_costs(history.unique_ids).critical_ratio()
        assert ((ratio > 0) & (ratio < 1)).all()


def test_supply_terms_are_those_of_a_retailer(markets):
    terms = pd.concat([market.economics for market in markets])
    fresh = np.isfinite(terms["shelf_life"])
    assert set(terms["shelf_life"]) == {1.0, 2.0, np.inf}
    assert set(terms["pack_size"]) == {1.0, 4.0, 5.0, 6.0}
    assert (terms.loc[fresh, "lead_time"] == 1).all()
    assert set(terms.loc[~fresh, "lead_time"]) == {1.0, 2.0}
    assert (terms["price"] > terms["unit_cost"]).all()
    salvaged = terms["salvage"] / terms["unit_cost"]
    assert salvaged[fresh].max() < 0.25 < salvaged[~fresh].min()


def test_bad_spec_gives_one_error_with_all_faults():
    with pytest.raises(InputError) as caught:
        MarketSpec(stores=0, skus=2.5, weeks=11, dying_share=-0.1, weekly_units=0.0, dispersion=float("nan"))
    places = {fault.place.removeprefix("market.") for fault in caught.value.faults}
    assert places == {"stores", "skus", "weeks", "dying_share", "weekly_units", "dispersion"}


@pytest.mark.parametrize("name", ["mild", "plain", "nasty"])
def test_presets_turn_every_mechanism_on(name):
    preset, off = MarketSpec.preset(name, stores=3), MarketSpec()
    silent = [f.name for f in fields(MarketSpec) if f.default == 0 and getattr(preset, f.name) == 0]
    assert silent == []
    assert (preset.stores, preset.skus) == (3, off.skus)


def test_presets_get_nastier():
    mild, plain, nasty = (MarketSpec.preset(name) for name in ("mild", "plain", "nasty"))
    for f in fields(MarketSpec):
        if f.default == 0:
            assert getattr(mild, f.name) < getattr(plain, f.name) < getattr(nasty, f.name), f.name


def test_config_names_a_preset_and_changes_its_knobs(tmp_path):
    knobs = {"stores": 2, "skus": 4, "weeks": 30, "late_share": 0.5}
    inputs = read_inputs(Data.model_validate({"world": {"preset": "nasty", **knobs}}), tmp_path, 7)
    market = make_market(MarketSpec.preset("nasty", **knobs), 7)
    pd.testing.assert_series_equal(inputs.history.frame["y"], market.history["y"], check_dtype=False)


@pytest.mark.parametrize("name", ["nasti", 3, ["nasty"]])
def test_unknown_preset_is_refused_with_the_known_ones(tmp_path, name):
    with pytest.raises(
        InputError, match=r"data\.world\.preset: preset=.* is not known; (did you mean 'nasty'|known: mild)"
    ):
        read_inputs(Data.model_validate({"world": {"preset": name}}), tmp_path, 7)


def test_kinds_must_fit_into_the_whole():
    with pytest.raises(InputError, match=r"= 1\.2 must be at most 1"):
        MarketSpec(trending_share=0.5, dying_share=0.4, seasonal_share=0.3)
    full = MarketSpec(trending_share=0.7, dying_share=0.1, seasonal_share=0.2)
    kinds = set(draw_assortment(full, np.random.SeedSequence(1)).kind)
    assert kinds == {"trending", "dying", "seasonal"}


@pytest.mark.parametrize("spec", [
    MarketSpec(stores=1, skus=1, weeks=12),
    MarketSpec(stores=1, skus=3, weeks=12, perishable_share=0.0, dispersion=0.0, safety_weeks=0.0),
    MarketSpec(stores=2, skus=3, weeks=30, perishable_share=1.0, promotion_share=1.0, trending_share=1.0,
               dying_share=0.0, seasonal_share=0.0),
])  # fmt: skip
def test_extreme_specs_give_valid_markets(spec):
    market = make_market(spec, 0)
    History.of(market.history, static=market.static, known_future=["promo"])
    Economics.of(market.economics)
    assert (market.history["y"] <= market.demand["demand"]).all()
