"""Laws of calibration: what a simulated number is worth online, how sure that is, and which test would settle it."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtest import InputError
from forecast_eval.align import Deltas, Launch, OnlineTest, Pairs
from forecast_eval.align.calibrated import COLUMNS, Calibrated, calibrated
from forecast_eval.align.calibrated_words import doubt_words, sentence, size_words
from forecast_eval.align.calibration import calibrate
from forecast_eval.align.errors_in_variables import functional
from forecast_eval.align.next_test import size_of_test
from forecast_eval.align.posterior import Prediction, posterior
from forecast_eval.align.york import york
from forecast_eval.online.power import power_at

START = dt.date(2025, 3, 3)


def launch(name, x, y, *, errors=(0.01, 0.012), better="higher", units=(20, 30), **more):
    """Launch of one metric, profit; y None was not tested."""
    day = START + dt.timedelta(weeks=int(name))
    offline = Deltas.of(["profit"], [x], [[errors[0] ** 2]], better=[better])
    if y is None:
        return Launch(name, "new", "old", day, "not tested", offline, **more)
    test = OnlineTest("store", units, day, day + dt.timedelta(days=83), 12)
    online = Deltas.of(["profit"], [y], [[errors[1] ** 2]], better=[better])
    return Launch(name, "new", "old", day, "launched", offline, online, None, test, **more)


def book(n=9, *, slope=0.6, scatter=0.004, seed=4, errors=(0.01, 0.012), **more):
    """Launches on a line, with scatter and noise."""
    rng = np.random.default_rng(seed)
    true = rng.normal(0.02, 0.03, n)
    online = 0.003 + slope * true + scatter * rng.normal(size=n)
    x, y = true + errors[0] * rng.normal(size=n), online + errors[1] * rng.normal(size=n)
    return [launch(str(k), float(x[k]), float(y[k]), errors=errors, **more) for k in range(n)]


def turned(own):
    """The same launch of a metric of which lower is better."""
    flipped = [Deltas.of(["profit"], [-side.value("profit")], side.covariance, better=["lower"])
               for side in (own.offline, own.online)]  # fmt: skip
    return replace(own, offline=flipped[0], online=flipped[1])


def test_the_posterior_foretells_as_it_does_by_itself():
    launches = book()
    found, pairs = calibrate(launches, method="bivariate"), calibrate(launches).pairs
    assert found.predict(0.03, 1e-4) == posterior(pairs).predict(0.03, 1e-4)
    assert (found.method, found.n, found.unit) == ("bivariate", 9, "share")


def test_precise_launches_on_a_line_are_foretold_by_york_and_scattered_ones_are_not():
    precise = {"n": 30, "errors": (0.004, 0.005)}
    line = calibrate(book(**precise, scatter=0.0, seed=4))
    spread = calibrate(book(**precise, scatter=0.005, seed=4))
    assert (line.method, line.why) == ("york", "the launches lie on a line but for their errors")
    assert (spread.method, york(spread.pairs).p_value > 0.05) == ("bivariate", True)
    assert "do not show that they lie on a line" in spread.why


def test_where_offline_errors_are_large_york_is_not_taken_and_why_is_said():
    assert "of what varies offline" in calibrate(book(20, errors=(0.03, 0.002), scatter=0.0)).why


def test_scatter_of_york_is_what_makes_the_residuals_as_large_as_expected():
    own = calibrate(book(14, scatter=0.03)).pairs
    found = functional(own)
    line = found.line
    variances = own.var_y + found.scatter + line.slope**2 * own.var_x - 2 * line.slope * own.cov
    squares = (own.y - line.intercept - line.slope * own.x) ** 2
    assert found.scatter > 0
    assert (squares / variances).sum() == pytest.approx(found.freedom, rel=1e-3)
    assert found.upper > found.scatter


def test_york_without_scatter_is_the_line_of_york_itself():
    own = calibrate(book(14, scatter=0.0, seed=1)).pairs
    found = functional(own)
    assert found.scatter == 0
    assert found.predict(0.02, 1e-4).mean == pytest.approx(found.line.predict(0.02, 1e-4).mean)


@pytest.mark.parametrize("method", ["bivariate", "york"])
def test_the_noise_of_the_measurement_widens_the_interval_and_moves_nothing(method):
    found = calibrate(book(), method=method)
    true, noisy = found.predict(0.03, 1e-4), found.predict(0.03, 1e-4, var_y=4e-4)
    assert noisy.mean == pytest.approx(true.mean)
    assert noisy.high - noisy.low > 1.2 * (true.high - true.low)


@pytest.mark.parametrize("method", ["bivariate", "york"])
def test_every_launch_is_foretold_without_itself(method):
    launches = book()
    found = calibrate(launches, method=method)
    odd = calibrate([*launches[:4], launch("4", float(found.pairs.x[4]), 5.0), *launches[5:]], method=method)
    own, other = found.left_out[4], odd.left_out[4]
    assert other.foretold.mean == pytest.approx(own.foretold.mean)
    assert (own.held, other.held) == (True, False)
    assert other.measured == 5.0
    assert found.coverage == np.mean([left.held for left in found.left_out])


def test_three_launches_leave_none_to_be_foretold_by():
    assert calibrate(book(3)).left_out == ()
    assert np.isnan(calibrate(book(3)).coverage)


def test_launches_that_were_not_tested_count_by_their_offline_number():
    launches = book()
    more = [*launches, *(launch(str(20 + k), -0.08 - 0.01 * k, None) for k in range(5))]
    plain, all_of_them = calibrate(launches), calibrate(more)
    assert (all_of_them.n, len(all_of_them.launches)) == (9, 14)
    assert plain.predict(0.03, 1e-3).mean != pytest.approx(all_of_them.predict(0.03, 1e-3).mean, rel=1e-3)


def test_interval_of_york_holds_nine_truths_in_ten_where_launches_scatter():
    """60 books of fourteen launches: a share of .90 has a standard error of .04."""
    rng, held = np.random.default_rng(8), []
    for _ in range(60):
        true = rng.normal(0.02, 0.03, 15)
        online = 0.6 * true + 0.012 * rng.normal(size=15)
        x, y = true + 0.009 * rng.normal(size=15), online + 0.006 * rng.normal(size=15)
        found = functional(Pairs.of(x[:14], y[:14], np.full(14, 0.009**2), np.full(14, 0.006**2)))
        foretold = found.predict(float(x[14]), 0.009**2)
        held.append(foretold.low <= online[14] <= foretold.high)
    assert 0.78 < np.mean(held) < 0.99


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"launches": book(2)}, "2 launches have both sides, and 3 are the least"),
        ({"by": "region"}, "it has no region"),
        ({"confidence": 1.5}, "confidence=1.5 must be between 0 and 1"),
        ({"by": "region", "method": "york"}, "York's line knows no groups"),
    ],
)
def test_what_cannot_be_calibrated_is_said_in_one_message(asked, words):
    asked = {"launches": book()} | asked
    with pytest.raises(InputError) as found:
        calibrate(asked.pop("launches"), **asked)
    assert words in str(found.value)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"x": float("nan"), "var_x": 1e-4}, "give a number"),
        ({"x": 0.1, "var_x": 0.0}, "a variance above 0"),
        ({"x": 0.1, "var_x": 1e-4, "group": "north"}, "nothing was grouped"),
    ],
)
def test_a_prediction_that_cannot_be_is_refused(asked, words):
    with pytest.raises(InputError, match=words):
        calibrate(book()).predict(**asked)


def test_a_metric_of_which_lower_is_better_is_calibrated_in_its_own_direction():
    launches = book(12)
    ours, theirs = (calibrated(calibrate(own), "new", sign * 0.03, 0.01) for own, sign in
                    ((launches, 1), ([turned(one) for one in launches], -1)))  # fmt: skip
    assert theirs.value == pytest.approx(-ours.value)
    assert (theirs.low, theirs.high) == pytest.approx((-ours.high, -ours.low))
    assert theirs.better == pytest.approx(ours.better)


@pytest.mark.parametrize("errors", [(0.01, 0.012), (0.01, 1e-5)])
def test_a_calibrated_number_survives_its_table(errors):
    own = calibrated(calibrate(book(errors=errors)), "new", 0.03, 0.01)
    assert own.test is not None
    frame = pd.DataFrame([own.row, replace(own, test=None).row], columns=list(COLUMNS))
    first, second = ({str(k): v for k, v in row.items()} for row in frame.to_dict("records"))
    assert Calibrated.of_row(first) == own
    assert Calibrated.of_row(second) == replace(own, test=None)


def test_sentence_says_so_where_past_launches_show_nothing():
    blind, sure = (calibrated(calibrate(book(14, slope=slope, seed=1)), "new", 0.03, 0.01) for slope in (0.0, 0.8))
    assert "insufficient evidence" in sentence(blind)
    assert "insufficient evidence" not in sentence(sure)
    assert sentence(sure).startswith("simulated +3.0%, after calibration on 14 launches +")
    assert doubt_words(replace(sure, rho_low=-0.9, rho_high=-0.2)).startswith("past launches came out the worse")


SURE = Prediction(0.02, 0.008, 0.033, 0.99)


def test_the_size_of_a_test_finds_the_effect_with_the_power_and_one_unit_less_does_not():
    launches = book(errors=(0.01, 0.03))
    found = size_of_test(launches, SURE)
    noise = 0.03 / np.sqrt(1 / 20 + 1 / 30)
    control, treatment = found.arms
    error = noise * np.sqrt(1 / control + 1 / treatment)
    fewer = noise * np.sqrt(2 / (control - 2))
    assert found.noise == pytest.approx(noise)
    assert control == treatment
    assert power_at(0.02, error, 2 * control - 2) >= 0.8 > power_at(0.02, fewer, 2 * control - 6)
    assert found.low_effect == 0.008
    assert sum(found.low_arms) == pytest.approx(sum(found.arms) * (0.02 / 0.008) ** 2, rel=0.02)


def test_unequal_arms_need_more_units_in_all():
    even, odd = (size_of_test(book(), SURE, shares=shares) for shares in ((1, 1), (0.8, 0.2)))
    assert odd.arms[0] == pytest.approx(4 * odd.arms[1], abs=4)
    assert sum(odd.arms) == pytest.approx(sum(even.arms) / (4 * 0.8 * 0.2), rel=0.1)


def test_an_interval_that_holds_zero_has_no_size_for_its_low_end():
    found = size_of_test(book(), replace(SURE, low=-0.004))
    assert (found.low_effect, found.low_arms) == (None, None)
    assert "the interval holds 0" in size_words(found)


def test_a_test_that_nobody_can_make_is_called_so():
    tiny = size_of_test(book(), Prediction(1e-4, 1e-5, 3e-4, 0.9))
    assert not tiny.reasonable
    assert size_words(tiny).startswith("no test of reasonable size finds +0.0%: it takes ")
    assert size_of_test(book(), Prediction(1e-9, -1.0, 1.0, 0.5)).arms is None


def test_size_is_that_of_the_most_usual_unit():
    usual, rare = book(5, errors=(0.01, 0.03)), launch("99", 0.01, 0.4, errors=(0.01, 0.9))
    rare = replace(rare, test=replace(rare.test, unit="item", units=(900, 900)))
    assert size_of_test([*usual, rare], SURE) == size_of_test(usual, SURE)
    assert (size_of_test(usual, SURE).length, size_of_test(usual, SURE).largest) == ("12 weeks", 50)


def test_size_without_a_past_test_and_with_odd_shares_is_refused():
    with pytest.raises(InputError) as found:
        size_of_test([launch("1", 0.1, None)], SURE, shares=(0, 1))
    assert [fault.rule for fault in found.value.faults] == ["no-test", "shares"]


def test_a_test_of_what_should_fall_is_to_find_a_fall():
    plain, low = (calibrated(calibrate(own), "new", x, 0.01) for own, x in (
        (book(14), 0.06), ([turned(own) for own in book(14)], -0.06),
    ))  # fmt: skip
    assert plain.low > 0
    assert (low.value, low.low, low.high) == pytest.approx((-plain.value, -plain.high, -plain.low))
    assert (low.test.effect, low.test.low_effect) == (low.value, low.high)
    assert (low.test.arms, low.test.low_arms) == (plain.test.arms, plain.test.low_arms)
    assert f" finds {100 * low.value:+.1f}% with " in size_words(low.test)


def in_euro(side):
    euro = side.values * 1000  # noqa: PD011 - no frame
    return replace(side, values=euro, covariance=side.covariance * 1e6, units=("EUR",))


def test_both_sides_are_told_in_their_own_units():
    euro = [replace(own, online=in_euro(own.online)) for own in book(14)]
    found = calibrated(calibrate(euro), "new", 0.06, 0.01)
    assert (found.offline_unit, found.unit) == ("share", "EUR")
    assert sentence(found).startswith("simulated +6.0%, after calibration on 14 launches +")
    assert f" EUR with {found.test.arms[0]} stores an arm" in size_words(found.test, unit=found.unit)


def test_a_number_in_another_unit_or_direction_than_the_launches_is_not_calibrated():
    made = calibrate([replace(own, offline=in_euro(own.offline)) for own in book()])
    assert made.unlike(better="higher", offline="EUR", online="share") == []
    assert [fault.what for fault in made.unlike(better="lower", online="EUR")] == [
        "offline profit is in share here and in EUR in the launches",
        "online profit is in EUR here and in share in the launches",
        "of profit lower is better here, and not in the launches",
    ]
