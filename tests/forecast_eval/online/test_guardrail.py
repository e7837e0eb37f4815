"""Laws of guardrails."""

import math
from dataclasses import replace

import numpy as np
import pytest

from backtest.faults import InputError
from forecast_eval.inference import Interval
from forecast_eval.online.effect import Effect, Method
from forecast_eval.online.estimate import effect
from forecast_eval.online.guardrail import guarded
from forecast_eval.online.metric import OnlineMetric
from forecast_eval.online.sample import Sample

NONE = Interval(math.nan, math.nan, math.nan, 0.95, 9, 1)


def shown(low, high, *, control=200.0, relative=True):
    """An effect with a lift from low to high, or with a difference only."""
    ends = Interval((low + high) / 2, low, high, 0.95, 9, 1)
    lift, difference = (ends, NONE) if relative else (NONE, ends)
    return Effect(control, control, difference, lift, 0.5, math.log10(0.5), (5, 5), Method())


def metric(better="higher", margin=0.05):
    return OnlineMetric("sold", "sold", better=better, role="guardrail", margin=margin)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-0.04, 0.5, "pass"), (-0.5, -0.06, "fail"), (-0.06, 0.01, "inconclusive"), (-0.049, -0.01, "pass")],
)
def test_a_metric_may_get_worse_by_its_margin(low, high, verdict):
    assert guarded(shown(low, high), metric()).verdict == verdict
    assert guarded(shown(-high, -low), metric("lower")).verdict == verdict


def test_worse_is_above_zero_whichever_way_is_better():
    up, down = guarded(shown(-0.3, 0.1), metric()), guarded(shown(-0.3, 0.1), metric("lower"))
    assert (up.low, up.worsening, up.high) == pytest.approx((-0.1, 0.1, 0.3))
    assert (down.low, down.worsening, down.high) == pytest.approx((-0.3, -0.1, 0.1))


def test_without_a_lift_the_margin_is_a_share_of_the_controls_size():
    got = guarded(shown(-9.0, 4.0, control=-200.0, relative=False), metric())
    assert (got.verdict, got.scale, got.margin) == ("pass", "difference", 10.0)
    assert guarded(shown(-11.0, 4.0, control=-200.0, relative=False), metric()).verdict == "inconclusive"
    assert guarded(shown(-30.0, -11.0, control=-200.0, relative=False), metric()).verdict == "fail"
    assert guarded(shown(1.0, 4.0, control=0.0, relative=False), metric()).verdict == "inconclusive"


def test_nothing_known_is_inconclusive():
    assert guarded(replace(shown(0, 1), lift=NONE, difference=NONE), metric()).verdict == "inconclusive"


def test_a_metric_exactly_at_its_margin_passes_and_fails_as_rarely_as_the_level_says():
    rng, verdicts = np.random.default_rng(6), []
    treated = np.arange(14) < 6
    for _ in range(400):
        value = 100 * np.where(treated, 0.9, 1) + rng.normal(0, 8, 14)
        got = effect(Sample(value, treated), Method("none", confidence=0.8))
        verdicts.append(guarded(got, metric(margin=0.1)).verdict)
    for verdict in ("pass", "fail"):  # .1 on either side, and 3 standard errors
        assert verdicts.count(verdict) / 400 == pytest.approx(0.1, abs=0.045)


def test_a_metric_that_guards_nothing_is_refused():
    with pytest.raises(InputError, match="'sold' has no margin"):
        guarded(shown(0, 1), OnlineMetric("sold", "sold"))
