"""Laws of the words around the tables: the sentence, and what a run assumes."""

from typing import get_args

import numpy as np
import pandas as pd
import pytest

from forecast_eval.config import Assumption, Config, ConventionsSpec
from forecast_eval.stated import stated
from forecast_eval.summary import online_sentences, sentence

CONFIG = {
    "name": "shop",
    "data": {"history": {"path": "history.csv"}, "economics": {"values": {"price": 5, "unit_cost": 3}}},
    "backtest": {"horizon": 2, "windows": 9},
    "forecasters": {"average": {"kind": "seasonal_average", "window": 8, "season": "none"}},
    "compare": {"incumbent": "average"},
}

FOUND = {
    "earns_most": "b",
    "most_accurate": "a",
    "metric": "RMSE",
    "against": "a",
    "difference": 1_120.4,
    "low": 35.0,
    "high": 2_205.8,
}


def say(**changes):
    return sentence(FOUND | changes, incumbent="a", currency="EUR", confidence=0.95)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Best on RMSE: a; earns most: b; difference EUR 1,120 (from 35 to 2,206) a week."),
        ({"metric": "MAE"}, "Best on MAE: a; earns most: b; difference"),
        ({"low": -5.0}, "difference EUR 1,120 (from -5 to 2,206) a week. That is within noise at 95%."),
        ({"low": np.nan, "high": np.nan}, "difference EUR 1,120 a week (too few stores and weeks for an interval)."),
        ({"most_accurate": "b"}, "Best on RMSE and earns most: b; difference to a, the incumbent, EUR 1,120 (from"),
        (
            {"most_accurate": "a", "earns_most": "a", "against": "c"},
            "Best on RMSE and earns most: a, the incumbent; difference to c, the next, EUR 1,120 (from 35 to",
        ),
        ({"most_accurate": "a", "earns_most": "a", "against": "a"}, "a, the only model that was played."),
    ],
)
def test_sentence_says_who_by_how_much_and_how_sure(changes, words):
    assert words in say(**changes)


def say_assumed(*, truth=False, **simulate):
    return stated(Config.model_validate(CONFIG | {"simulate": simulate}), truth=truth)


def test_each_assumption_about_hidden_demand_has_its_own_words():
    said = {name: say_assumed(hidden_demand=name)[0] for name in get_args(Assumption)}
    assert len(set(said.values())) == len(said) == 6
    known = {say_assumed(hidden_demand=name, truth=True)[0] for name in said}
    assert len(known) == 1
    assert "in the simulation true demand is known and used" in known.pop()


def test_a_forecaster_that_is_trained_otherwise_is_named():
    tree = CONFIG | {"backtest": CONFIG["backtest"] | {"hidden_demand": "as_is"}}
    name, spec = "shop.own", {"kind": "python", "object": "ours:Own"}
    plain = stated(Config.model_validate(tree | {"forecasters": CONFIG["forecasters"] | {name: spec}}), truth=False)[0]
    spec |= {"hidden_demand": "fill"}
    other = stated(Config.model_validate(tree | {"forecasters": CONFIG["forecasters"] | {name: spec}}), truth=False)[0]
    assert name not in plain
    assert "sales are taken for demand (shop.own: demand is the mean of the last four stocked periods)" in other


@pytest.mark.parametrize(("name", "words"), [("em", "EM"), ("kaplan_meier", "Kaplan-Meier")])
def test_estimates_from_censored_sales_say_what_they_assume_of_stock(name, words):
    said = f"Hidden demand estimated by {words} assumes that stock did not depend on the period's demand"
    for asked in ({"hidden_demand": name}, {"bounds": ["as_is", name]}):
        assert said in "".join(say_assumed(**asked))
    assert "stock did not depend" not in "".join(say_assumed(hidden_demand="hours", bounds=["as_is", "fill"]))
    assert "stock did not depend" not in "".join(say_assumed(hidden_demand=name, truth=True))  # it is not played


def test_bounds_are_said_where_they_were_asked_for():
    (line,) = set(say_assumed(bounds=["hours", "as_is"])) - set(say_assumed())
    assert "under other assumptions about hidden demand (by hours in stock, sales as they are)" in line


OTHER = {
    "arrival": "after_demand", "backordered": 0.25, "holding": "before_expiry", "purchases": "order",
    "discount": 0.995, "warm_up": 4, "stock_value": "salvage",
}  # fmt: skip


def test_every_departure_from_the_canonical_events_is_said_and_no_other():
    assert set(OTHER) == set(ConventionsSpec.model_fields)
    usual = set(say_assumed())
    (*one,) = ((set(say_assumed(conventions={key: value})) - usual).pop() for key, value in OTHER.items())
    assert len(set(one)) == len(OTHER)
    assert all(line.startswith("Departures from the canonical order of events: ") for line in one)
    (together,) = set(say_assumed(conventions=OTHER)) - usual
    assert together.count(";") == len(OTHER) - 1


def test_shared_deliveries_and_substitution_are_said():
    truck, others = {"by": "store", "capacity": 750}, {"by": ["store", "category"], "share": 0.3}
    said = "".join(say_assumed(truck=truck, substitution=others))
    assert "All series of a store share a delivery of 750 units a period" in said
    assert "30% buy another series of the same store and category" in said


TESTED = {
    "candidate": "boosted", "chosen_by": "rmse, newsvendor_cost", "metric": "profit", "role": "primary",
    "better": "higher", "simulated": 0.052, "simulated_low": 0.01, "simulated_high": 0.1, "measured": -0.031,
    "measured_low": -0.048, "measured_high": -0.012, "standing": "worse", "true": -0.0204,
}  # fmt: skip


def said_of(**changes):
    (line,) = online_sentences(pd.DataFrame([TESTED | changes]))
    return line


def test_test_of_a_candidate_is_said_in_one_sentence():
    assert said_of() == (
        "Best on RMSE and newsvendor cost: boosted. Online: profit -3.1% (-4.8 to -1.2), worse, "
        "where +5.2% was simulated and -2.0% is true."
    )
    assert said_of(chosen_by="", standing="not shown").startswith(
        "boosted. Online: profit -3.1% (-4.8 to -1.2), no diff"
    )
    assert "(-4.8 to -1.2), better, where" in said_of(standing="better")


def test_what_is_not_known_is_not_said_of_a_test():
    assert said_of(simulated=np.nan).endswith("(-4.8 to -1.2), worse and -2.0% is true.")
    ends = {"measured_low": np.nan, "measured_high": np.nan}
    assert "Online: profit -3.1%, worse, where" in said_of(**ends)
    assert "Online: profit n/a, no difference is shown, where" in said_of(**ends, measured=np.nan, standing="not shown")
    assert said_of(true=np.nan).endswith("where +5.2% was simulated.")


def test_every_metric_that_decides_is_said_and_no_other():
    rows = [TESTED, TESTED | {"metric": "sold", "measured": 0.5}, TESTED | {"metric": "waste", "role": "diagnostic"},
            TESTED | {"candidate": "other", "chosen_by": ""}]  # fmt: skip
    first, second = online_sentences(pd.DataFrame(rows))
    assert "profit -3.1%" in first
    assert "; sold +50.0%" in first
    assert "waste" not in first
    assert second.startswith("other. Online: profit")


def test_it_is_said_where_nothing_was_launched():
    nothing = "Nothing was launched: every metric that chooses would keep the incumbent."
    assert online_sentences(pd.DataFrame([TESTED]).iloc[:0]) == [nothing]
