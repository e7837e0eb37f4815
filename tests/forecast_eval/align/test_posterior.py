"""The grid posterior of an offline and an online metric."""

from dataclasses import astuple

import numpy as np
import pytest

from backtest.faults import InputError
from forecast_eval.align import Pairs
from forecast_eval.align import posterior as at_work
from forecast_eval.align.axes import interpolation, quadrature
from forecast_eval.align.posterior import posterior

X = np.array([1.2, -0.4, 2.9, 0.7, 3.5, -1.1, 1.9])
Y = np.array([0.9, 0.2, 1.4, 1.1, 1.2, -0.6, 0.3])
VAR_X = np.array([0.2, 0.1, 0.4, 0.15, 0.3, 0.25, 0.1])
VAR_Y = np.array([0.05, 0.1, 0.08, 0.2, 0.07, 0.12, 0.09])
COV = np.array([0.03, -0.02, 0.05, 0.04, 0.0, 0.06, 0.01])


def pairs(x=X, y=Y, var_x=VAR_X, var_y=VAR_Y, cov=COV):
    return Pairs.of(x, y, var_x, var_y, cov)


def drawn(seed, count, rho, *, noise=0.3, err=0.0):
    rng = np.random.default_rng(seed)
    z, e = rng.standard_normal((2, count)), rng.standard_normal((2, count))
    x = z[0] + noise * e[0]
    y = rho * z[0] + np.sqrt(1 - rho**2) * z[1] + noise * (err * e[0] + np.sqrt(1 - err**2) * e[1])
    ones = np.full(count, noise**2)
    return Pairs.of(x, y, ones, ones, err * ones)


def brute(own, width, wide=1e5):
    """Posterior over a plain lattice of spreads and correlation, by one normal density of all that was observed.

    The means are not integrated out: they add `wide` to every covariance of two x, and of two y.
    """
    scale = own.x.std(ddof=1), own.y[own.tested].std(ddof=1)
    lattice = (np.arange(36) + 0.5) / 36 * 4.5 * width
    tau_x, tau_y, rho = (v.ravel() for v in np.meshgrid(*(s * lattice for s in scale), (np.arange(24) + 0.5) / 12 - 1))
    values, n = np.concatenate([own.x, own.y]), len(own.x)
    whole = np.zeros((len(rho), 2 * n, 2 * n))
    whole[:, :n, :n] = wide + np.diag(own.var_x) + (tau_x**2)[:, None, None] * np.eye(n)
    whole[:, n:, n:] = wide + np.diag(own.var_y) + (tau_y**2)[:, None, None] * np.eye(n)
    whole[:, :n, n:] = whole[:, n:, :n] = np.diag(own.cov) + (rho * tau_x * tau_y)[:, None, None] * np.eye(n)
    seen = ~np.isnan(values)
    whole, values = whole[:, seen][:, :, seen], values[seen]
    log = -0.5 * (np.linalg.slogdet(whole)[1] + values @ np.linalg.inv(whole) @ values)
    log -= 0.5 * ((tau_x / width / scale[0]) ** 2 + (tau_y / width / scale[1]) ** 2)
    weight = np.exp(log - log.max())
    return weight / weight.sum(), (tau_x, tau_y, rho)


@pytest.fixture(scope="module")
def plain():
    y = Y[:5].copy()
    y[1] = np.nan
    own = Pairs.of(X[:5], y, VAR_X[:5], VAR_Y[:5], COV[:5])
    return own, brute(own, 2.0), posterior(own)


def test_posterior_is_that_of_a_plain_lattice(plain):
    _, (weight, (tau_x, tau_y, rho)), found = plain
    for edge in (-0.5, 0.25, 0.75):  # between points of the lattice
        below = np.interp(edge, found.grid.edges, found.grid.below)
        assert below == pytest.approx(weight[rho < edge].sum(), abs=0.003)
    assert np.interp(found.rho.value, found.grid.edges, found.grid.below) == pytest.approx(0.5)
    assert found.rho.positive == pytest.approx(weight[rho > 0].sum(), abs=0.003)
    assert weight[rho * tau_y / tau_x < found.slope.value].sum() == pytest.approx(0.5, abs=0.02)
    assert weight[rho * tau_y / tau_x < found.slope.low].sum() == pytest.approx(0.05, abs=0.01)
    quality = rho * tau_x / np.sqrt(tau_x**2 + 0.4)
    assert weight[quality < found.quality(0.4).value].sum() == pytest.approx(0.5, abs=0.02)
    assert weight[quality > found.quality(0.4).high].sum() == pytest.approx(0.05, abs=0.01)


def test_expected_spreads_are_those_of_a_plain_lattice(plain):
    _, (weight, (tau_x, tau_y, _)), found = plain
    nodes, scale = found.grid.nodes, found.data.scale
    assert scale[0] * nodes.weight @ nodes.tau_x == pytest.approx(weight @ tau_x, rel=0.01)
    assert scale[1] * nodes.weight @ nodes.tau_y == pytest.approx(weight @ tau_y, rel=0.01)


def test_tails_are_those_of_a_plain_lattice(plain):
    _, (weight, (tau_x, tau_y, _)), found = plain
    nodes, scale = found.grid.nodes, found.data.scale
    for ours, theirs, unit in ((nodes.tau_x, tau_x, scale[0]), (nodes.tau_y, tau_y, scale[1])):
        assert nodes.weight @ ours**4 == pytest.approx(weight @ (theirs / unit) ** 4, rel=0.02)


def test_next_launch_is_foretold_as_by_adding_it_untested():
    x = X.mean() + X.std(ddof=1) * np.sqrt(8 / 7)  # leaves the spread of the observed x, and so the prior, as it is
    longer = posterior(
        Pairs.of(
            *(
                np.append(own, value)
                for own, value in zip((X, Y, VAR_X, VAR_Y, COV), (x, np.nan, 0.02, np.nan, 0), strict=True)
            )
        )
    )
    nodes, e, centre, scale = longer.grid.nodes, longer.grid.evidence, longer.data.centre, longer.data.scale
    slope = (nodes.rho * nodes.tau_x * nodes.tau_y) / (nodes.tau_x**2 + 0.02 / scale[0] ** 2)
    mean = e.mean_y + slope * ((x - centre[0]) / scale[0] - e.mean_x)
    assert posterior(pairs()).predict(x, 0.02).mean == pytest.approx(
        centre[1] + scale[1] * float(nodes.weight @ mean), abs=5e-4
    )


@pytest.mark.parametrize("factor", [1e-6, 37.0])
def test_scaling_x_scales_slope_inversely_and_leaves_rho(factor):
    found, scaled = posterior(pairs()), posterior(pairs(factor * X, var_x=factor**2 * VAR_X, cov=factor * COV))
    assert astuple(scaled.rho) == pytest.approx(astuple(found.rho), abs=1e-9)
    assert factor * scaled.slope.low == pytest.approx(found.slope.low, rel=1e-6)
    assert scaled.intercept.high == pytest.approx(found.intercept.high, rel=1e-6)
    assert scaled.predict(factor * 2, factor**2 * 0.2).high == pytest.approx(found.predict(2, 0.2).high, rel=1e-6)


def test_turning_x_turns_rho_and_slope():
    found, turned = posterior(pairs()), posterior(pairs(-X, cov=-COV))
    assert (turned.rho.value, turned.rho.low, turned.rho.high) == pytest.approx(
        (-found.rho.value, -found.rho.high, -found.rho.low), abs=1e-6
    )
    assert turned.rho.positive == pytest.approx(1 - found.rho.positive, abs=1e-9)
    assert turned.slope.low == pytest.approx(-found.slope.high, abs=1e-6)
    assert turned.predict(-2, 0.2).low == pytest.approx(found.predict(2, 0.2).low, abs=1e-6)


def test_moving_y_moves_intercept_alone():
    found, moved = posterior(pairs()), posterior(pairs(y=Y + 5))
    assert astuple(moved.rho) == pytest.approx(astuple(found.rho), abs=1e-9)
    assert moved.intercept.value == pytest.approx(found.intercept.value + 5, abs=1e-6)


def test_order_of_launches_does_not_matter():
    order = np.array([4, 2, 6, 0, 1, 5, 3])
    own = pairs()
    found, shuffled = posterior(own), posterior(pairs(X[order], Y[order], VAR_X[order], VAR_Y[order], COV[order]))
    assert astuple(shuffled.rho) == pytest.approx(astuple(found.rho), abs=1e-9)
    assert astuple(shuffled.predict(2, 0.2)) == pytest.approx(astuple(found.predict(2, 0.2)), abs=1e-7)


def test_same_launches_give_the_same_bytes():
    assert repr(posterior(pairs()).rho) == repr(posterior(pairs()).rho)
    assert repr(posterior(pairs()).predict(1.5, 0.2)) == repr(posterior(pairs()).predict(1.5, 0.2))


def test_without_noise_many_launches_give_the_sample_correlation():
    own = drawn(3, 400, 0.7, noise=0.001)
    own = Pairs.of(own.x + 5, own.y, own.var_x, own.var_y)
    found = posterior(own)
    raw = np.corrcoef(own.x, own.y)[0, 1]
    assert found.rho.value == pytest.approx(raw, abs=0.003)
    assert found.rho.high - found.rho.low == pytest.approx(2 * 1.645 * (1 - raw**2) / 20, rel=0.05)
    slope = np.cov(own.x, own.y)[0, 1] / own.x.var(ddof=1)
    assert found.slope.value == pytest.approx(slope, abs=0.01)
    assert found.intercept.value == pytest.approx(own.y.mean() - slope * own.x.mean(), abs=0.03)


def test_noise_is_taken_out_of_the_correlation():
    own = drawn(5, 400, 0.8, noise=1.0)
    assert np.corrcoef(own.x, own.y)[0, 1] < 0.5
    assert posterior(own).rho.low < 0.8 < posterior(own).rho.high
    assert posterior(own).rho.value == pytest.approx(0.8, abs=0.1)


def test_shared_noise_is_not_taken_for_alignment():
    own = drawn(6, 300, 0.0, noise=1.0, err=0.9)
    assert np.corrcoef(own.x, own.y)[0, 1] > 0.3
    known, unknown = posterior(own), posterior(Pairs.of(own.x, own.y, own.var_x, own.var_y))
    assert known.rho.low < 0 < known.rho.high
    assert unknown.rho.low > 0.3


def test_launches_that_were_not_tested_count_by_their_x():
    own = drawn(9, 60, 0.6)
    seen = own.x > np.median(own.x)
    held = Pairs.of(own.x, np.where(seen, own.y, np.nan), own.var_x, own.var_y)
    whole, alone = posterior(held), posterior(held.complete)
    spread = [float(f.grid.nodes.weight @ f.grid.nodes.tau_x) * f.data.scale[0] for f in (whole, alone)]
    assert spread[0] == pytest.approx(1.0, abs=0.2)
    assert spread[1] < 0.75 * spread[0]  # of those that look good alone
    assert whole.rho.value > alone.rho.value + 0.05


def test_errors_far_larger_than_spreads_leave_the_prior():
    found = posterior(pairs(var_x=1e8 * VAR_X, var_y=1e8 * VAR_Y, cov=1e8 * COV))
    assert (found.rho.low, found.rho.high) == (-1, 1)
    assert abs(found.rho.value) < 0.01
    nodes = found.grid.nodes
    # half-normal of scale 2: its mean is 2 sqrt(2 / pi)
    assert nodes.weight @ nodes.tau_x == pytest.approx(2 * np.sqrt(2 / np.pi), rel=1e-3)


@pytest.mark.parametrize("err", [-0.99, 0.99])
@pytest.mark.parametrize("noise", [0.1, 1.0, 30.0])
def test_strongly_correlated_errors_give_finite_numbers(err, noise):
    own = drawn(11, 9, 0.4, noise=noise, err=err)
    found = posterior(own)
    said = [*astuple(found.rho), *astuple(found.slope), *astuple(found.intercept), *astuple(found.predict(1, 1))]
    assert np.isfinite(said).all()
    assert -1 <= found.rho.low <= found.rho.value <= found.rho.high <= 1


def test_hardly_any_noise_gives_finite_numbers():
    found = posterior(pairs(var_x=1e-14 * VAR_X, var_y=1e-14 * VAR_Y, cov=1e-14 * COV))
    assert np.isfinite([*astuple(found.rho), *astuple(found.slope), *astuple(found.predict(1, 1e-15))]).all()


@pytest.mark.parametrize("own", [drawn(1, 5, 0.9, noise=1.0), drawn(2, 30, 0.9, noise=0.1), drawn(4, 3, 0.2)])
def test_finer_grids_say_the_same(own, monkeypatch):
    found = posterior(own)
    exact = at_work.grid_of
    monkeypatch.setattr(at_work, "grid_of", lambda data, width: exact(data, width, (44, 44, 90)))
    finer = posterior(own)
    assert astuple(found.rho) == pytest.approx(astuple(finer.rho), abs=0.003)
    assert astuple(found.predict(1, 0.1)) == pytest.approx(astuple(finer.predict(1, 0.1)), abs=0.005)
    width = finer.slope.high - finer.slope.low
    assert found.slope.low == pytest.approx(finer.slope.low, abs=0.08 * width)
    assert found.slope.high == pytest.approx(finer.slope.high, abs=0.08 * width)


def test_interval_of_rho_holds_what_data_do_not_contradict():
    # nothing speaks against a rho of 1 where errors are as large as effects, though equal tails leave it out
    found = posterior(drawn(1, 5, 0.9, noise=1.0))
    density, edges = found.grid.density, found.grid.edges
    assert found.rho.high == 1
    assert density[-1] > 0.26 * density.max()
    assert np.interp(0.95, found.grid.below, edges) < 0.98


def test_interval_of_rho_holds_it_with_its_probability_or_more():
    found = posterior(pairs())
    low, high = np.interp([found.rho.low, found.rho.high], found.grid.edges, found.grid.below)
    assert high - low >= 0.9 - 1e-9
    assert posterior(pairs(), confidence=0.5).rho.high < found.rho.high


def test_prediction_with_the_noise_of_its_measurement_is_wider():
    found = posterior(pairs())
    truth, seen = found.predict(1.5, 0.2), found.predict(1.5, 0.2, var_y=0.5)
    assert seen.low < truth.low < truth.high < seen.high
    assert seen.mean == pytest.approx(truth.mean)
    assert found.predict(1.5, 0.2, var_y=0.5, cov=0.2).mean != pytest.approx(truth.mean, abs=1e-3)


def test_noise_of_the_next_evaluation_shrinks_what_it_foretells():
    found = posterior(drawn(2, 30, 0.9, noise=0.1))
    assert 0 < found.predict(2.0, 4.0).mean < 0.5 * found.predict(2.0, 0.01).mean
    assert found.quality(4.0).value < 0.6 * found.quality(0.01).value < found.rho.value


def test_quality_without_noise_is_rho():
    found = posterior(pairs())
    assert found.quality(0.0).value == pytest.approx(found.rho.value, abs=0.01)
    assert found.quality(0.0).positive == found.rho.positive


def test_interval_of_a_prediction_holds_its_share():
    found = posterior(pairs())
    half = found.predict(1.5, 0.2, confidence=0.5)
    whole = found.predict(1.5, 0.2)
    assert whole.low < half.low < half.high < whole.high
    assert half.confidence == 0.5


def test_slope_and_rho_are_above_zero_with_one_probability():
    found = posterior(pairs())
    weight, slope = found.grid.cells.weight, found.grid.cells.rho
    assert found.slope.positive == found.rho.positive == pytest.approx(weight[slope > 0].sum(), abs=0.01)


def test_interpolation_is_exact_for_polynomials():
    nodes, weights = quadrature((-1.0, 1.0), 12)
    cells = (np.arange(40) + 0.5) / 20 - 1
    assert interpolation(12, 40) @ (nodes**7 - 3 * nodes**2) == pytest.approx(cells**7 - 3 * cells**2, abs=1e-12)
    assert weights @ nodes**6 == pytest.approx(2 / 7)


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        ({"x": np.nan, "var_x": 0.1}, "not-a-number"),
        ({"x": 1.0, "var_x": -0.1}, "variance"),
        ({"x": 1.0, "var_x": 0.1, "cov": 0.05}, "cov"),
        ({"x": 1.0, "var_x": 0.1, "var_y": 0.1, "cov": 0.2}, "cov"),
    ],
)
def test_a_launch_that_cannot_be_is_refused(asked, rule):
    with pytest.raises(InputError) as refused:
        posterior(pairs()).predict(**asked)
    assert [fault.rule for fault in refused.value.faults] == [rule]


@pytest.mark.parametrize("setting", [{"confidence": 1.0}, {"width": 0.0}])
def test_settings_that_cannot_be_are_refused(setting):
    with pytest.raises(InputError, match="confidence between 0 and 1"):
        posterior(pairs(), **setting)
