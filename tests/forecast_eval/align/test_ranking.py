"""Ranking of offline metrics: probabilities, signs, regret, sizes."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from backtest.faults import InputError
from forecast_eval.align import Deltas, Launch, OnlineTest, pairs_of
from forecast_eval.align.joint import sample
from forecast_eval.align.posterior import posterior
from forecast_eval.align.proxy_quality import proxy_qualities
from forecast_eval.align.ranking import SIZES, rank
from forecast_eval.align.regret import Decisions

DAY = dt.date(2025, 3, 3)
NOISE = np.array([0.004, 0.03, 0.012])
"""Errors of a weak but precise metric, of a strong but noisy one, and of the test."""


def launch(name, offline, covariance, online=None, *, cross=None, day=0, error=0.012):
    start = DAY + dt.timedelta(days=7 * day)
    measured = None if online is None else Deltas.of(["profit"], [online], [[error**2]], base=[250.0])
    test = None if online is None else OnlineTest("store", (10, 12), start, start + dt.timedelta(days=27), 4)
    decision = "not tested" if online is None else "rejected"
    side = Deltas.of(["weak", "strong"], offline, covariance)
    return Launch(name, "new", "old", start, decision, side, measured, cross, test)


def book(count=26, seed=5):
    """Truth: strong goes with profit at .95, weak at .5; the last two launches were not tested."""
    rng = np.random.default_rng(seed)
    truth = np.array([[1.0, 0.3, 0.5], [0.3, 1.0, 0.95], [0.5, 0.95, 1.0]]) * 0.03**2
    found = []
    for k in range(count):
        own = rng.multivariate_normal(np.full(3, 0.005), truth) + NOISE * rng.standard_normal(3)
        measured = None if k >= count - 2 else own[2]
        found.append(launch(f"l{k}", own[:2], np.diag(NOISE[:2] ** 2), measured, day=k // 2 if k > count - 5 else k))
    return found


@pytest.fixture(scope="module")
def joint():
    return sample(book(), "profit", draws=800, seed=3)


@pytest.fixture(scope="module")
def ranking(joint):
    return rank(joint)


def test_probabilities_to_be_best_add_up_to_one(ranking):
    assert sum(own.best for own in ranking.metrics) == pytest.approx(1.0)
    assert ranking.by_size.best.sum(axis=1) == pytest.approx(1.0)


def test_better_than_and_worse_than_add_up_to_one(ranking):
    assert ranking.better + ranking.better.T == pytest.approx(1.0)


def test_of_two_metrics_the_probability_to_be_best_is_that_to_be_better(ranking):
    assert ranking.metrics[0].best == pytest.approx(ranking.better[0, 1])


def test_metrics_stand_in_the_order_of_their_quality(ranking):
    values = [own.quality.value for own in ranking.metrics]
    assert values == sorted(values, reverse=True)
    assert ranking.by_size.quality[SIZES.index(1.0)] == pytest.approx(values)


def test_the_best_metric_depends_on_the_size_of_the_next_evaluation(joint):
    """A strong metric is second while its number is noisy, and first once that is free of noise."""
    sizes = rank(joint, noise={"strong": 0.06}).by_size
    assert sizes.winners()[0] == "weak"
    assert sizes.winners()[-1] == "strong"


def test_each_quality_is_as_sure_as_its_pair(joint, ranking):
    for own in ranking.metrics:
        pairs, _ = pairs_of(joint.data.launches, own.name, "profit")
        pair = posterior(pairs).quality(own.error**2)
        assert (own.quality.value, own.quality.low, own.quality.high) == pytest.approx(
            (pair.value, pair.low, pair.high), abs=0.004
        )


def test_without_noise_quality_is_the_correlation_of_what_is_true(joint, ranking):
    for place, name in enumerate(ranking.names):
        pairs, _ = pairs_of(joint.data.launches, name, "profit")
        assert ranking.by_size.quality[-1][place] == pytest.approx(posterior(pairs).quality(0.0).value, abs=0.004)


def test_of_near_copies_the_joint_posterior_knows_which_is_better():
    rng, found = np.random.default_rng(2), []
    for k in range(24):
        true = 0.03 * rng.standard_normal()
        shown = true + 0.01 * rng.standard_normal()
        found.append(launch(f"l{k}", [shown + 0.012 * rng.standard_normal(), shown], np.eye(2) * 1e-6, true, day=k))
    own = sample(found, "profit", draws=400, seed=3)
    weak, strong = proxy_qualities(own, "profit", np.array([1e-6, 1e-6]))[:, 0].T
    assert np.quantile(weak, 0.95) > np.quantile(strong, 0.05)  # the intervals by themselves overlap
    together = (strong > weak).mean()
    apart = (strong[:, None] > weak).mean()
    assert together > apart + 0.02
    assert np.corrcoef(weak.argsort().argsort(), strong.argsort().argsort())[0, 1] > 0.3


def test_a_larger_evaluation_is_never_worse(ranking):
    size = np.abs(ranking.by_size.quality)
    assert (np.diff(size, axis=0) > 0).all()


def test_error_of_the_next_number_is_that_of_past_ones(ranking):
    assert {own.name: own.error for own in ranking.metrics} == pytest.approx({"weak": 0.004, "strong": 0.03})


def test_signs_are_counted(ranking):
    launches = book()
    for own in ranking.metrics:
        same = [(one.offline.value(own.name) > 0) == (one.online.value("profit") > 0) for one in launches if one.online]
        assert (own.agreement.same, own.agreement.of) == (sum(same), 24)
        assert own.agreement.low < own.agreement.share < own.agreement.high


def test_launching_nothing_loses_what_launching_everything_gains(joint, ranking):
    """Of each decision, which for alternatives is their mean."""
    effects = joint.draws.effects[:, :, 0].mean(axis=0) * joint.data.scale[2] + joint.data.centre[2]
    days = [own.judged for own in joint.data.launches]
    means = [np.mean([e for e, day in zip(effects, days, strict=True) if day == own]) for own in dict.fromkeys(days)]
    assert ranking.nothing.expected - ranking.everything.expected == pytest.approx(np.mean(means))


def test_alternatives_are_one_decision(ranking):
    assert ranking.nothing.decisions == len({own.judged for own in book()}) < len(book())


def test_regret_by_hand():
    """Two alternatives and a single launch, two draws: what the best would have brought less what was chosen."""
    effects = np.array([[0.03, 0.05, -0.02], [0.01, -0.04, 0.02]])
    decisions = Decisions((np.array([0, 1]), np.array([2])), effects, np.array([100.0, 300.0, np.nan]))
    losses = decisions.losses(np.array([0.3, 0.2, 0.1]))
    assert losses == pytest.approx(np.array([[0.02, 0.02], [0.0, 0.0]]))
    found = decisions.regret(losses, 0.9)
    assert (found.decisions, found.priced) == (2, 1)
    assert found.expected == pytest.approx(0.01)
    assert found.money.value == pytest.approx(0.02 * 200 / 2)
    nothing = decisions.losses(np.array([-0.3, -0.2, np.nan]))
    assert nothing[:, 0] == pytest.approx([0.05, 0.01])
    assert np.isnan(nothing[:, 1]).all()


def test_money_is_share_times_control_times_stores(ranking):
    """Stakes are known of 21 decisions; in one of the others nothing was tested, and in one of the pairs one was."""
    own = ranking.metrics[0].regret
    assert own.priced == own.decisions
    assert own.money.value == pytest.approx(own.loss.value * 250 * 22)


def test_what_is_no_money_is_worth_none():
    def renamed(own):
        side = own.online and replace(own.online, names=("stockout_rate",))
        return replace(own, online=side)

    other = sample([renamed(own) for own in book(8)], "stockout_rate", draws=80, seed=3)
    assert rank(other).metrics[0].regret.money is None


def test_shared_noise_is_not_taken_for_quality():
    """A metric whose error is nearly that of the test looks best, and is not."""
    rng = np.random.default_rng(5)
    size = np.array([0.03, 0.02, 0.03])
    related = np.array([[1.0, 0.0, 0.9], [0.0, 1.0, 0.0], [0.9, 0.0, 1.0]])
    errors = related * np.outer(size, size)
    truth = np.diag([0.01, 0.02, 0.02]) ** 2
    truth[1, 2] = truth[2, 1] = 0.9 * 0.02**2
    found, raw = [], []
    for k in range(24):
        own = rng.multivariate_normal(np.zeros(3), truth) + rng.multivariate_normal(np.zeros(3), errors)
        found.append(launch(f"l{k}", own[:2], errors[:2, :2], own[2], cross=errors[:2, 2:], day=k, error=0.03))
        raw.append(own)
    looks = np.corrcoef(np.array(raw).T)[2, :2]
    assert looks[0] > looks[1]
    assert rank(sample(found, "profit", draws=400, seed=1)).names[0] == "strong"


def test_what_is_picked_is_told_without_the_decision(joint, ranking):
    assert min(own.regret.expected for own in ranking.metrics) <= ranking.picked.expected + 1e-12
    assert len(joint.held) == ranking.nothing.decisions


def test_impossible_noise_is_refused(joint):
    with pytest.raises(InputError, match=r"there is no 'stronk'; did you mean 'strong'(.|\n)*weak=-1 must be above 0"):
        rank(joint, noise={"stronk": 1.0, "weak": -1.0})
