"""Laws of plans: they exist whether or not a series goes on, are the same in every part; lacking ones are counted."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from backtest import Ask, History, InputError, RollingWindows, Settings, backtest, known_at
from backtest.perturb import perturbations_of, perturbed
from backtest.spool import Spooled

DAYS = pd.date_range("2026-01-01", periods=20, freq="D")
CUTOFF = DAYS[10]
WINDOWS = RollingWindows(horizon=4, last_cutoff=CUTOFF)
WINDOW = WINDOWS.over(DAYS)[0]
KNOWN = ["price", "holiday"]


def market(uids=("a", "b", "c")):
    """Prices of each series' own, whole numbers, and a holiday that all share."""
    n = np.arange(len(uids) * len(DAYS))
    return pd.DataFrame({
        "unique_id": np.repeat(list(uids), len(DAYS)), "ds": np.tile(DAYS, len(uids)), "y": n % 7 + 1.0,
        "price": n % 5 + 10 * (n // len(DAYS)), "holiday": np.tile(np.isin(np.arange(len(DAYS)), (4, 12)), len(uids)),
    })  # fmt: skip


def after(frame, uid, day):
    return (frame["unique_id"] == uid) & (frame["ds"] > day)


def ended(frame, uid="b", day=CUTOFF):
    return frame[~after(frame, uid, day)]


def given_up(frame, uid="b", day=CUTOFF):
    """The same series end, and their rows say what was planned."""
    return frame.assign(y=frame["y"].mask(after(frame, uid, day)))


def plans(history, window=WINDOW):
    return known_at(history, window, Ask()).future


def rules(history):
    return [(fault.rule, fault.severity) for fault in history.warnings]


@pytest.mark.parametrize("day", [CUTOFF, DAYS[12]])
def test_whoever_has_plans_looks_the_same_whether_or_not_it_goes_on(day):
    goes_on = History.of(market(), known_future=KNOWN)
    ends = History.of(given_up(market(), "b", day), known_future=KNOWN)
    assert ends.ends["b"] == day
    assert len(ends.ahead) == len(DAYS) - 1 - DAYS.get_loc(day)
    pd.testing.assert_frame_equal(plans(goes_on), plans(ends))


def test_plans_may_have_blanks_for_a_missing_y():
    text = given_up(market())
    text["y"] = text["y"].astype(object).where(text["y"].notna(), " ")
    pd.testing.assert_frame_equal(
        plans(History.of(text, known_future=KNOWN)), plans(History.of(market(), known_future=KNOWN))
    )


def test_an_empty_y_before_a_later_sale_stays_a_fault():
    frame = given_up(market())
    frame.loc[(frame["unique_id"] == "b") & (frame["ds"] == DAYS[15]), "y"] = 3.0
    with pytest.raises(InputError) as caught:
        History.of(frame, known_future=KNOWN)
    assert [fault.rule for fault in caught.value.faults if fault.severity == "error"] == ["missing-value"] * 4


def test_an_empty_y_without_any_plan_is_a_fault():
    with pytest.raises(InputError, match="y is missing"):
        History.of(given_up(market()))


def test_series_that_end_by_their_plans_are_counted():
    history = History.of(given_up(market(), "b", DAYS[12]), known_future=KNOWN)
    assert rules(history) == [("plan-rows", "warning")]
    assert history.warnings[0].what.startswith("7 rows of 1 series have an empty y")


def test_plans_after_the_end_of_all_are_no_matter_for_a_warning():
    frame = market()
    frame["y"] = frame["y"].mask(frame["ds"] > DAYS[16])
    assert History.of(frame, known_future=KNOWN).warnings == ()


def test_series_without_plans_are_counted():
    history = History.of(ended(ended(market()), "c", DAYS[14]), known_future=KNOWN)
    (fault,) = history.warnings
    assert (fault.rule, fault.severity) == ("no-plan", "warning")
    assert fault.what.startswith("2 of 3 series end before 2026-01-20")
    assert "their last price," in fault.what


def test_plans_that_stop_before_the_calendar_does_are_lacking():
    frame = given_up(market())
    frame = frame[~after(frame, "b", DAYS[13])]
    assert ("no-plan", "warning") in rules(History.of(frame, known_future=KNOWN))


def test_what_all_series_share_needs_no_plans_of_their_own():
    history = History.of(ended(market()), known_future=["holiday"])
    assert history.warnings == ()
    pd.testing.assert_frame_equal(plans(history), plans(History.of(market(), known_future=["holiday"])))


def test_a_covariate_is_shared_only_if_it_is_at_every_date():
    frame = market().assign(nearly=1.0, spotty=np.tile(np.where(np.arange(20) % 3, 2.0, np.nan), 3))
    frame.loc[7, "nearly"] = 2.0
    history = History.of(frame, known_future=["price", "holiday", "nearly", "spotty"])
    assert history.shared.columns.tolist() == ["ds", "holiday", "spotty"]
    assert history.shared["ds"].tolist() == list(DAYS)


def test_a_plan_that_differs_makes_a_covariate_unshared():
    frame = given_up(market())
    frame.loc[(frame["unique_id"] == "b") & (frame["ds"] == DAYS[15]), "holiday"] = True
    assert History.of(frame, known_future=KNOWN).shared.columns.tolist() == ["ds"]


def test_a_series_without_plans_keeps_its_last_value_and_its_type():
    frame = market()
    own = plans(History.of(ended(frame, "b", DAYS[12]), known_future=KNOWN))
    true = plans(History.of(frame, known_future=KNOWN))
    b = own["unique_id"] == "b"
    pd.testing.assert_frame_equal(own[~b], true[~b])
    assert own.loc[b, "price"].tolist() == [11, 12, 12, 12]
    assert own.loc[b, "holiday"].tolist() == [False, True, False, False]
    assert own.dtypes.equals(true.dtypes)


def test_a_plan_counts_before_what_all_series_share():
    frame = given_up(market())
    frame.loc[after(frame, "b", CUTOFF), "price"] = 99
    assert plans(History.of(frame, known_future=KNOWN)).query("unique_id == 'b'")["price"].tolist() == [99] * 4


def test_beyond_the_calendar_whoever_is_on_sale_needs_plans_and_whoever_ended_does_not():
    late = RollingWindows(horizon=4, last_cutoff=DAYS[17]).over(DAYS)[0]
    longer = market()
    longer["y"] = longer["y"].mask(longer["ds"] > DAYS[18])  # one period of plans
    with pytest.raises(InputError) as caught:
        plans(History.of(ended(market(), "b", DAYS[17]), known_future=KNOWN), late)
    assert {fault.rule for fault in caught.value.faults} == {"unknown-future"}
    longer = longer.assign(price=longer["price"].mask(longer["unique_id"] == "b"))  # it never had one
    history = History.of(longer[~after(longer, "b", DAYS[17])], known_future=KNOWN)
    near = RollingWindows(horizon=2, last_cutoff=DAYS[17]).over(history.calendar)[0]
    assert plans(history, near).groupby("unique_id").size().to_dict() == {"a": 2, "b": 2, "c": 2}


@dataclass(frozen=True)
class ReadsPlans:
    local: ClassVar[bool] = True

    def fit(self, known):  # noqa: ARG002 - nothing is learnt
        return self

    def predict(self, known):
        told = known.future["price"] + 100 * known.future["holiday"]
        return known.future[["unique_id", "ds"]].assign(forecast=told.astype(float))


def test_forecasts_are_the_same_whatever_the_shards():
    history = History.of(ended(market()), known_future=KNOWN)
    made = [
        backtest(history, {"m": ReadsPlans()}, windows=WINDOWS, settings=Settings(shard=shard)).forecasts
        for shard in (1, 2, 1000)
    ]
    pd.testing.assert_frame_equal(made[0], made[1])
    pd.testing.assert_frame_equal(made[0], made[2])
    assert made[0].query("unique_id == 'b'")["forecast"].tolist()[1] > 100  # the holiday of the others


def test_a_part_knows_what_all_share(tmp_path):
    history = History.of(ended(market()), known_future=KNOWN)
    for panel in (history, Spooled.write(history, tmp_path)):
        pd.testing.assert_frame_equal(panel.part(1, 2).shared, history.shared)
        assert panel.part(1, 2).unique_ids.tolist() == ["b"]


def test_plans_can_be_replaced_and_what_is_lacking_is_counted_anew():
    whole = History.of(given_up(market()), known_future=KNOWN)
    history = History.of(ended(market()), known_future=KNOWN)
    assert [fault.rule for fault in history.warnings] == ["no-plan"]
    assert history.planned(whole.ahead).warnings == ()
    assert [fault.rule for fault in history.planned(history.ahead).warnings] == ["no-plan"]


def test_what_the_leak_probe_takes_away_comes_after_a_series_own_last_row():
    true = History.of(market()[lambda f: ~((f["unique_id"] == "c") & (f["ds"] <= DAYS[15]))], known_future=KNOWN)
    *_, presence = perturbations_of(true)
    other = perturbed(true, CUTOFF, [presence])
    assert len(other.ahead)
    assert (other.ahead["ds"] > other.ahead["unique_id"].map(other.ends)).all()


def test_a_holiday_that_moves_is_another_unit_for_whoever_has_no_plans_of_its_own(tmp_path):
    settings = Settings(shard=1, units=tmp_path, levels=())
    moved = market()
    moved["holiday"] = np.tile(np.isin(np.arange(len(DAYS)), (4, 13)), 3)
    made = [
        backtest(History.of(ended(frame), known_future=KNOWN), {"m": ReadsPlans()}, windows=WINDOWS, settings=settings)
        for frame in (market(), moved)
    ]
    fresh = backtest(History.of(ended(moved), known_future=KNOWN), {"m": ReadsPlans()}, windows=WINDOWS)
    pd.testing.assert_frame_equal(made[1].forecasts, fresh.forecasts)
    assert not made[0].forecasts.equals(made[1].forecasts)
