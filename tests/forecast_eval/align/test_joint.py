"""The joint posterior of all metrics: what it must agree with, and what it refuses."""

import datetime as dt

import numpy as np
import pytest

from backtest.faults import InputError
from forecast_eval.align import Deltas, Launch, OnlineTest, Pairs
from forecast_eval.align.gibbs import WIDTH, draw
from forecast_eval.align.joint import Joint, sample
from forecast_eval.align.observed import observed
from forecast_eval.align.posterior import posterior

DAY = dt.date(2025, 3, 3)


def launch(name, offline, errors, online=None, error=0.02, *, cross=None, day=0, names=None, better=None, units=None):
    """A launch of metrics m0, m1, ... and online profit."""
    names = names or [f"m{k}" for k in range(len(offline))]
    covariance = np.diag(np.square(errors)) if np.ndim(errors) == 1 else np.asarray(errors)
    start = DAY + dt.timedelta(days=7 * day)
    measured = None if online is None else Deltas.of(["profit"], [online], [[error**2]], base=[250.0])
    return Launch(
        name, "new", "old", start, "not tested" if online is None else "launched",
        Deltas.of(names, offline, covariance, better=better, units=units), measured, cross,
        None if online is None else OnlineTest("store", (10, 12), start, start + dt.timedelta(days=27), 4),
    )  # fmt: skip


def book(rng, count, truth, errors, shared=0.0):
    """Launches drawn from a covariance of true effects, the online one last, with errors that share a part."""
    size, p = len(truth), len(truth) - 1
    related = np.eye(size) + shared * (1 - np.eye(size))
    covariance = related * np.outer(errors, errors)
    found = []
    for k in range(count):
        own = rng.multivariate_normal(np.full(size, 0.01), truth) + rng.multivariate_normal(np.zeros(size), covariance)
        found.append(launch(f"l{k}", own[:p], covariance[:p, :p], own[p], errors[p], cross=covariance[:p, p:], day=k))
    return found


def weighted_prior(data, rng, count):
    """Draws of the prior and their weights by the likelihood, the means integrated out: slow, plain, another way."""
    size = data.values.shape[1]
    bartlett = np.tril(rng.standard_normal((count, size, size)), -1)
    bartlett[:, range(size), range(size)] = np.sqrt(rng.chisquare(size + 1 - np.arange(size), (count, size)))
    inverse = np.linalg.inv(bartlett)
    related = np.swapaxes(inverse, 1, 2) @ inverse
    scale = np.abs(rng.normal(0, WIDTH, (count, size))) / np.sqrt(np.diagonal(related, axis1=1, axis2=2))
    sigma = related * scale[:, :, None] * scale[:, None, :]
    log, precision, pull = np.zeros(count), np.zeros((count, size, size)), np.zeros((count, size))
    for values, errors, seen in zip(data.values, data.covariance, data.seen, strict=True):
        own = np.ix_(range(count), np.flatnonzero(seen), np.flatnonzero(seen))
        total = sigma[own] + errors[np.ix_(seen, seen)]
        inverse = np.linalg.inv(total)
        precision[own] += inverse
        pull[:, seen] += inverse @ values[seen]
        log += -0.5 * np.linalg.slogdet(total)[1] - 0.5 * np.einsum("k,dkl,l->d", values[seen], inverse, values[seen])
    mean = np.linalg.solve(precision, pull[..., None])[..., 0]
    log += 0.5 * (mean * pull).sum(axis=1) - 0.5 * np.linalg.slogdet(precision)[1]
    weight = np.exp(log - log.max())
    return sigma, mean, weight / weight.sum()


def small_book():
    """Four tests and two that were held back; one launch lacks a metric; errors are large and shared."""
    covariance = np.array([[4.0, 1.5], [1.5, 3.0]]) * 1e-4
    cross = np.array([[1.2], [0.8]]) * 1e-4
    rows = [([0.03, 0.01], 0.02), ([-0.02, 0.02], -0.03), ([0.05, -0.01], 0.01), ([0.01, 0.04], 0.05)]
    found = [launch(f"l{k}", x, covariance, y, 0.02, cross=cross, day=k) for k, (x, y) in enumerate(rows)]
    return [*found, launch("held", [-0.04, 0.03], covariance, day=5), launch("part", [0.06], [0.015], 0.03, day=6)]


def many(launches, *, chains, keep, seed):
    """A posterior of many chains, which costs little where there are few metrics."""
    data = observed(launches, ["profit"])
    return Joint(data, draw(data, np.random.default_rng(seed), chains=chains, burn=60, keep=keep), 1.0, seed)


def test_draws_agree_with_the_prior_weighted_by_the_likelihood():
    joint = many(small_book(), chains=32, keep=200, seed=4)
    sigma, mean, weight = weighted_prior(joint.data, np.random.default_rng(5), 60_000)
    assert 1 / (weight**2).sum() > 900
    spread = np.sqrt(np.diagonal(sigma, axis1=1, axis2=2))
    ours = np.sqrt(np.diagonal(joint.draws.sigma, axis1=1, axis2=2))
    for one, other in ((0, 2), (1, 2), (0, 1)):
        rho = sigma[:, one, other] / spread[:, one] / spread[:, other]
        mine = joint.draws.sigma[:, one, other] / ours[:, one] / ours[:, other]
        assert mine.mean() == pytest.approx(weight @ rho, abs=0.03)
        assert (mine**2).mean() == pytest.approx(weight @ rho**2, abs=0.03)
    for k in range(3):
        assert np.log(ours[:, k]).mean() == pytest.approx(weight @ np.log(spread[:, k]), abs=0.06)
        assert joint.draws.mu[:, k].mean() == pytest.approx(weight @ mean[:, k], abs=0.04)


def test_one_metric_gives_the_interval_of_the_grid():
    rng = np.random.default_rng(11)
    truth = np.array([[4.0, 2.4], [2.4, 3.0]]) * 1e-4
    launches = book(rng, 14, truth, np.array([0.008, 0.012]), shared=0.3)
    rho = many(launches, chains=32, keep=200, seed=2).correlations("profit")[:, 0]
    x, y = np.array([[own.offline.values[0], own.online.values[0]] for own in launches]).T
    pairs = Pairs.of(x, y, np.full(14, 0.008**2), np.full(14, 0.012**2), np.full(14, 0.3 * 0.008 * 0.012))
    grid = posterior(pairs).quality(0.0)
    assert np.quantile(rho, [0.05, 0.5, 0.95]) == pytest.approx([grid.low, grid.value, grid.high], abs=0.05)


def test_without_a_test_is_what_a_fresh_posterior_says():
    """Weights stand for a book in which the launch was not tested: its prediction and the correlations."""
    launches = book(np.random.default_rng(3), 8, np.diag([4.0, 4.0, 3.0]) * 1e-4 + 2e-4, np.array([0.01, 0.02, 0.02]))
    joint = many(launches, chains=8, keep=250, seed=6)
    for k in (0, 5):
        held = joint.without(np.array([k]))
        assert held.draws is joint.draws
        fresh = joint.redrawn(np.array([k]))
        ahead = held.weight @ held.draws.ahead[:, k, 0], fresh.weight @ fresh.draws.ahead[:, k, 0]
        assert ahead[0] == pytest.approx(ahead[1], abs=0.1)
        everywhere = held.weight @ joint.correlations("profit")
        again = fresh.draws.sigma[:, :2, 2] / np.sqrt(
            np.diagonal(fresh.draws.sigma, axis1=1, axis2=2)[:, :2] * fresh.draws.sigma[:, 2, 2, None]
        )
        assert everywhere == pytest.approx(again.mean(axis=0), abs=0.1)
        assert fresh.draws.fit[:, k] == pytest.approx(0.0)


def test_what_is_expected_ahead_is_the_mean_of_effects_that_no_test_has_seen():
    joint = many(small_book(), chains=32, keep=120, seed=1)
    assert joint.draws.effects[:, 4, 0].mean() == pytest.approx(joint.draws.ahead[:, 4, 0].mean(), abs=0.05)


def test_same_seed_gives_the_same_draws():
    one, other = (sample(small_book(), "profit", draws=40, seed=9) for _ in range(2))
    assert one.draws.sigma.tobytes() == other.draws.sigma.tobytes()
    assert one.draws.sigma.tobytes() != sample(small_book(), "profit", draws=40, seed=8).draws.sigma.tobytes()


def test_units_and_directions_do_not_matter():
    """A metric in points, or turned upside down, gives the same draws."""
    plain = small_book()
    turned = [
        launch(own.name, 100.0 * np.array([-1, 1])[: len(own.offline.names)] * own.offline.values,
               1e4 * own.offline.covariance * (1 if len(own.offline.names) < 2 else np.array([[1, -1], [-1, 1]])),
               None if own.online is None else own.online.value("profit"), 0.02,
               cross=None if own.cross is None else 100.0 * own.cross * np.array([[-1], [1]]), day=k,
               better=["lower", "higher"][: len(own.offline.names)])
        for k, own in enumerate(plain)
    ]  # fmt: skip
    one, other = (sample(own, "profit", draws=40, seed=9).correlations("profit") for own in (plain, turned))
    assert one == pytest.approx(other, abs=1e-6)


def test_several_online_metrics_are_drawn_together():
    found = []
    rng = np.random.default_rng(8)
    for k in range(10):
        x, revenue, waste = rng.multivariate_normal([0, 0, 0], np.array([[4, 3, 0], [3, 4, 0], [0, 0, 4]]) * 1e-4)
        own = launch(f"l{k}", [x], [0.004], 0.0, day=k)
        online = Deltas.of(["revenue", "waste"], [revenue, waste], np.diag([1e-5, 1e-5]), better=["higher", "lower"])
        found.append(Launch(own.name, "new", "old", own.judged, "launched", own.offline, online, None, own.test))
    joint = sample(found, ["revenue", "waste"], draws=400, seed=1)
    assert np.median(joint.correlations("revenue")) > 0.4 > np.median(joint.correlations("waste"))
    assert joint.draws.effects.shape == (400, 10, 2)


def test_a_copy_is_named():
    covariance = np.array([[4.0, 2.0, 0.2], [2.0, 1.0, 0.1], [0.2, 0.1, 3.0]]) * 1e-4
    rows = [launch(f"l{k}", [0.01 * k, 0.005 * k, 0.02 - 0.01 * k**2], covariance, 0.02 * k, day=k) for k in range(4)]
    with pytest.raises(InputError, match="the error of m1 is a copy of that of m0; leave one of them out"):
        observed(rows, ["profit"])


def test_a_combination_is_named_with_all_its_parts():
    mix = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.6, 0.8, 0.0]])
    covariance = mix @ np.diag([1.0, 2.0, 3.0]) @ mix.T * 1e-4
    rows = [launch(f"l{k}", [0.01 * k, 0.02 - k, 0.03 * k**2, 0.1 * k], covariance, 0.02 * k, day=k) for k in range(4)]
    with pytest.raises(InputError, match="error of m3 is a combination of those of m0, m1; leave") as raised:
        observed(rows, ["profit"])
    assert [own.place for own in raised.value.faults] == ["launch 'l0' and 3 more"]


def test_nearly_collinear_metrics_are_drawn():
    related = np.full((4, 4), 0.9995)
    np.fill_diagonal(related, 1.0)
    launches = book(np.random.default_rng(2), 9, (0.9 * related + 0.1 * np.eye(4)) * 1e-4, np.full(4, 0.01))
    twins = [launch(own.name, own.offline.values, related[:3, :3] * 1e-4, own.online.value("profit"), 0.01, day=k)
             for k, own in enumerate(launches)]  # fmt: skip
    joint = sample(twins, "profit", draws=400, seed=3)
    assert np.isfinite(joint.correlations("profit")).all()
    assert joint.r_hat < 1.2


@pytest.mark.parametrize(("spoil", "said"), [
    (lambda rows: rows[:2], "2 launches have both sides, and 3 are the least"),
    (lambda rows: [*rows, rows[0]], "launch 'l0' stands 2 times"),
    (lambda rows: [*rows[:3], launch("x", [0.1, 0.2], [0.1, 0.1], 0.1, units=["EUR", "share"])],
     "offline m0 is given in different units: EUR and share"),
    (lambda _: [launch(f"l{k}", [0.03, 0.01 * k], [0.1, 0.1], 0.01 * k) for k in range(3)], "differences are the same"),
])  # fmt: skip
def test_bad_books_are_refused(spoil, said):
    with pytest.raises(InputError, match=said):
        sample(spoil(small_book()[:4]), "profit")


def test_unknown_metrics_are_named():
    with pytest.raises(InputError, match=r"no launch has 'profits'; did you mean 'profit'"):
        sample(small_book(), "profits")
    with pytest.raises(InputError, match=r"no launch has 'm7'"):
        sample(small_book(), "profit", offline=["m0", "m7"])


def test_rare_metrics_are_left_out_with_a_note():
    rows = [launch(f"l{k}", [0.01 * k, 0.02 - k**2], [0.1, 0.1], 0.01 * k, day=k) for k in range(3)]
    rare = launch("rare", [0.01, 0.04, 0.07], [0.1, 0.1, 0.1], 0.05)
    joint = sample([*rows, rare], "profit", draws=40)
    assert joint.data.offline == ("m0", "m1")
    assert "fewer than 3 tested launches have it: m2" in joint.notes[0]
