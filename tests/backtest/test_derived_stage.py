"""Laws of forecasters that are made of others: earlier windows teach, nothing is fitted twice."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from backtest import ForecasterFailedError, History, InputError, RollingWindows, Settings, backtest

WEEKS = 30
WINDOWS = RollingWindows(horizon=3, n_windows=3)


def panel():
    calendar = pd.date_range("2025-01-06", periods=WEEKS, freq="W-MON")
    return History.of(pd.DataFrame({
        "unique_id": np.repeat(["a", "b"], WEEKS), "ds": np.tile(calendar, 2),
        "y": np.r_[np.arange(WEEKS) * 1.0, 100.0 + np.arange(WEEKS) * 2],
    }))  # fmt: skip


@dataclass(frozen=True)
class Last:
    """The last value, plus a bias."""

    local: ClassVar[bool] = True
    bias: float = 0.0

    def fit(self, known):  # noqa: ARG002 - it needs none
        return self

    def predict(self, known):
        last = known.history.groupby("unique_id")["y"].last()
        return known.future[["unique_id", "ds"]].assign(
            forecast=last.reindex(known.future["unique_id"]).to_numpy() + self.bias
        )


@dataclass(frozen=True)
class Unbiased:
    """A member, less its mean past error at the first step."""

    of: str
    cutoffs: int = 2
    seen: list = field(default_factory=list, compare=False)

    def earlier(self, windows, calendar):  # noqa: ARG002 - it needs as many whatever the windows
        return self.cutoffs

    @property
    def members(self):
        return (self.of,)

    def derive(self, known, made):
        assert (made.past["ds"] <= known.cutoff).all()
        assert (made.past["cutoff"] < known.cutoff).all()
        self.seen.append((known.cutoff, made.past["cutoff"].nunique()))
        first = made.past[made.past["step"] == 1]
        error = (first["forecast"] - first["y"]).mean()
        return made.now[["unique_id", "ds"]].assign(forecast=made.now["forecast"] - error)


def test_derived_forecaster_learns_from_earlier_windows_that_are_not_in_the_result():
    derived = Unbiased("last")
    result = backtest(panel(), {"last": Last(bias=5.0), "unbiased": derived}, windows=WINDOWS)
    made = result.forecasts
    assert made.groupby("model")["cutoff"].nunique().to_dict() == {"last": 3, "unbiased": 3}
    wide = made.pivot_table(index=["cutoff", "unique_id", "ds"], columns="model", values="forecast")
    # y grows by 1 and 2 a period, so the mean error at the first step is 5 - 1.5
    np.testing.assert_allclose(wide["last"] - wide["unbiased"], 3.5)
    assert [n for _, n in derived.seen] == [2, 2, 2]


def test_nothing_after_the_cutoff_reaches_a_derived_forecaster():
    def at_first(history):
        made = backtest(history, {"last": Last(5.0), "unbiased": Unbiased("last")}, windows=WINDOWS).forecasts
        return made[made["cutoff"] == made["cutoff"].min()]

    later = panel()
    cutoff = WINDOWS.over(later.calendar)[0].cutoff
    later.frame.loc[later.frame["ds"] > cutoff, "y"] *= 7
    pd.testing.assert_frame_equal(at_first(panel()), at_first(later), check_exact=True)


def test_members_may_be_derived_and_reach_back_further_for_it():
    forecasters = {"top": Unbiased("middle", 1), "middle": Unbiased("last", 2), "last": Last(5.0)}
    made = backtest(panel(), forecasters, windows=WINDOWS).forecasts
    assert made["model"].drop_duplicates().tolist() == ["top", "middle", "last"]
    wide = made.pivot_table(index=["cutoff", "unique_id", "ds"], columns="model", values="forecast")
    np.testing.assert_allclose(wide["top"], wide["middle"])  # nothing is left to mend


def test_members_are_fitted_once_for_all_that_is_made_of_them(tmp_path):
    forecasters = {"last": Last(5.0), "x": Unbiased("last"), "y": Unbiased("last", 1)}
    backtest(panel(), forecasters, windows=WINDOWS, settings=Settings(units=tmp_path))
    assert len(list(tmp_path.glob("*.json"))) == 5


@pytest.mark.parametrize(
    ("forecasters", "message"),
    [
        ({"last": Last(), "x": Unbiased("lats")}, "x is made of 'lats', which is not a forecaster here; did you mean"),
        ({"x": Unbiased("y"), "y": Unbiased("x")}, "x -> y -> x: a forecaster is made of itself"),
        ({"last": Last(), "x": Unbiased("last", 99)}, "99 earlier windows are needed, and they reach 99 periods"),
    ],
)
def test_members_that_cannot_be_are_refused_before_anything_runs(forecasters, message):
    with pytest.raises(InputError, match=message):
        backtest(panel(), forecasters, windows=WINDOWS)


@dataclass(frozen=True)
class Broken:
    """Fails always."""

    def fit(self, known):
        raise ArithmeticError(f"no fit at {known.cutoff}")


def test_derived_forecaster_fails_where_its_member_did_and_says_so():
    forecasters = {"broken": Broken(), "x": Unbiased("broken"), "last": Last()}
    result = backtest(panel(), forecasters, windows=WINDOWS, settings=Settings(on_failure="skip"))
    assert {f.error for f in result.failures if f.model == "x"} == {
        "ValueError: broken has no forecasts at this cutoff"
    }
    assert set(result.forecasts["model"]) == {"last"}
    with pytest.raises(ForecasterFailedError, match="broken failed"):
        backtest(panel(), forecasters, windows=WINDOWS)


@dataclass(frozen=True)
class FailsAt:
    """A last value that fails at some cutoffs."""

    at: tuple
    bias: float = 5.0

    def fit(self, known):  # noqa: ARG002 - it needs none
        return self

    def predict(self, known):
        if known.cutoff in self.at:
            raise ArithmeticError("no")
        return Last(self.bias).predict(known)


def cutoffs(count):
    calendar = panel().calendar
    last = WINDOWS.over(calendar)
    return [*(w.cutoff for w in WINDOWS.before(calendar, count)), *(w.cutoff for w in last)]


def test_borrowed_forecasts_teach_nobody_and_what_is_made_of_them_says_so():
    at = cutoffs(2)
    settings = Settings(on_failure="fallback", fallback="base")
    # the baseline is taught too, so that its forecasts could stand in at the teaching cutoff
    forecasters = {
        "base": Last(-40.0), "odd": FailsAt((at[0], at[3])), "x": Unbiased("odd"), "y": Unbiased("base"),
    }  # fmt: skip
    result = backtest(panel(), forecasters, windows=WINDOWS, settings=settings)
    wide = result.forecasts.pivot_table(index=["cutoff", "unique_id", "ds"], columns="model", values="forecast")
    np.testing.assert_allclose((wide["odd"] - wide["x"]).loc[at[2]], 3.5)  # as if at[0] had not been
    np.testing.assert_allclose((wide["odd"] - wide["x"]).loc[at[4]], 3.5)
    np.testing.assert_allclose(wide["odd"].loc[at[3]], wide["base"].loc[at[3]])
    assert list(result.notes["x"]) == [f"at {at[3]:%Y-%m-%d}: odd has forecasts of base, and so has what is made of it"]


def test_fallback_stands_in_for_derived_forecasters_too():
    @dataclass(frozen=True)
    class Never(Unbiased):
        def derive(self, known, made):  # noqa: ARG002 - it fails
            raise ArithmeticError("never")

    settings = Settings(on_failure="fallback", fallback="last")
    result = backtest(panel(), {"last": Last(), "x": Never("last")}, windows=WINDOWS, settings=settings)
    wide = result.forecasts.pivot_table(index=["cutoff", "unique_id", "ds"], columns="model", values="forecast")
    np.testing.assert_allclose(wide["x"], wide["last"])
    assert len(result.failures) == 3 + 2 - 2
    assert "2 series got the forecasts of last" in result.notes["x"][0]
