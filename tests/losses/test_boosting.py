"""Laws of what boosters get of a loss."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar

from losses import (
    AsymmetricHuber,
    AsymmetricSquared,
    CensoredNewsvendor,
    Linex,
    MultiQuantile,
    Newsvendor,
    SmoothNewsvendor,
    Spec,
    TobitNLL,
    UnitCosts,
)
from losses.boosting import DAMPING, BoostedLoss, best_constant, secant_curvature
from losses.custom_objective import RowMemory
from losses.training_rows import costs_of_rows

RNG = np.random.default_rng(7)
ROWS = 400
DEMAND = RNG.gamma(3.0, 40.0, ROWS)
FORECAST = RNG.gamma(3.0, 45.0, ROWS)
COSTS = UnitCosts(RNG.uniform(1.0, 9.0, ROWS), RNG.uniform(0.5, 4.0, ROWS))
STOCK = DEMAND * np.where(RNG.random(ROWS) < 0.4, 1.0, RNG.uniform(1.0, 3.0, ROWS))
CONVEX = [Newsvendor(), SmoothNewsvendor(9.0), AsymmetricSquared(), AsymmetricHuber(12.0), Linex(60.0)]
ALL = [*CONVEX, CensoredNewsvendor(STOCK), TobitNLL(STOCK, 30.0)]


def named(loss):
    return type(loss).__name__


def test_start_is_the_weighted_critical_ratio_quantile():
    weight = RNG.integers(1, 5, ROWS)
    start = best_constant(Newsvendor(), DEMAND, UnitCosts(7.0, 3.0), weight)
    assert start == pytest.approx(np.quantile(np.repeat(DEMAND, weight), 0.7, method="inverted_cdf"), rel=1e-12)


@pytest.mark.parametrize("loss", CONVEX, ids=named)
def test_start_minimises_the_weighted_mean_loss_over_constants(loss):
    weight = RNG.uniform(0.2, 3.0, ROWS)
    problem = BoostedLoss.of(loss, DEMAND, COSTS, weight)

    def cost(constant):
        return problem.mean_cost(np.full(ROWS, constant))

    best = minimize_scalar(cost, bounds=(DEMAND.min(), DEMAND.max()), options={"xatol": 1e-9})
    assert cost(problem.start) <= best.fun * (1 + 1e-9)


@pytest.mark.parametrize(
    ("loss", "demand", "costs", "side"),
    [
        (SmoothNewsvendor(50.0), [1.0, 9.0], UnitCosts(1.0, 9.0), -1),
        (SmoothNewsvendor(50.0), [1.0, 9.0], UnitCosts(9.0, 1.0), 1),
        (SmoothNewsvendor(2.0), [7.0], UnitCosts(1.0, 3.0), -1),
        (TobitNLL(np.array([30.0, 40.0, 90.0]), 20.0), [30.0, 40.0, 38.0], UnitCosts(1.0, 2.0), 1),
    ],
)
def test_start_has_no_slope_where_the_best_constant_lies_beyond_the_demand(loss, demand, costs, side):
    problem = BoostedLoss.of(loss, demand, costs)
    edge = max(demand) if side > 0 else min(demand)
    assert side * (problem.start - edge) > 0.5
    slopes = loss.gradient(np.array(demand), np.full(len(demand), problem.start), costs)
    assert abs(slopes.mean()) < 1e-9


def test_start_is_the_most_that_was_sold_where_every_row_is_sold_out():
    sales = np.array([30.0, 55.0, 40.0])
    for loss in (TobitNLL(sales, 5.0), CensoredNewsvendor(sales)):
        assert best_constant(loss, sales, UnitCosts(8.0, 2.0)) == pytest.approx(55.0)


def test_start_is_the_smallest_of_several_best_constants():
    assert best_constant(Newsvendor(), [4.0, 1.0, 3.0, 2.0], UnitCosts(1.0, 1.0)) == pytest.approx(2.0)
    assert best_constant(Newsvendor(), [4.0, 1.0, 3.0, 2.0], UnitCosts(1.0, 0.0)) == pytest.approx(4.0)


@pytest.mark.parametrize("absurd", [np.nan, np.inf, 1e12])
def test_demand_of_rows_without_weight_is_not_looked_at(absurd):
    weight = np.where(np.arange(ROWS) % 5 == 0, 0.0, 1.5)
    kept = weight > 0
    problem = BoostedLoss.of(Newsvendor(), np.where(kept, DEMAND, absurd), COSTS, weight)
    alone = BoostedLoss.of(Newsvendor(), DEMAND[kept], UnitCosts(COSTS.underage[kept], COSTS.overage[kept]))
    assert problem.start == pytest.approx(alone.start, rel=1e-12)
    assert problem.mean_cost(FORECAST) == pytest.approx(alone.mean_cost(FORECAST[kept]))
    slopes = np.stack(problem.derivatives(FORECAST))
    assert not slopes[:, ~kept].any()
    np.testing.assert_allclose(slopes[:, kept], 1.5 * np.stack(alone.derivatives(FORECAST[kept])), rtol=1e-6)


@pytest.mark.parametrize("loss", [*ALL, SmoothNewsvendor(RNG.uniform(5.0, 15.0, ROWS))], ids=named)
def test_some_rows_get_the_derivatives_that_they_get_among_all(loss):
    problem = BoostedLoss.of(loss, DEMAND, COSTS, RNG.uniform(0.5, 2.0, ROWS))
    part, whole = slice(130, 290), np.stack(problem.derivatives(FORECAST))
    some = problem.rows(part).derivatives(FORECAST[part], problem.usual(FORECAST))
    np.testing.assert_allclose(some, whole[:, part], rtol=1e-12)


def test_an_array_of_the_loss_of_another_length_is_named():
    with pytest.raises(ValueError, match=r"stock of CensoredNewsvendor has 9 entries and demand 400 rows"):
        BoostedLoss.of(CensoredNewsvendor(STOCK[:9]), DEMAND, COSTS)


def test_secant_of_the_smooth_newsvendor_is_the_tanh_curvature():
    width, excess = 9.0, FORECAST - DEMAND
    secant = secant_curvature(SmoothNewsvendor(width), DEMAND, FORECAST, COSTS)
    tanh = (COSTS.underage + COSTS.overage) / 2 * np.tanh(excess / (2 * width)) / excess
    np.testing.assert_allclose(secant, tanh, rtol=1e-9)


@pytest.mark.parametrize("loss", [SmoothNewsvendor(9.0), AsymmetricSquared(), AsymmetricHuber(12.0)], ids=named)
def test_parabola_with_the_secant_curvature_lies_above_the_loss(loss):
    symmetric = UnitCosts(4.0, 4.0) if isinstance(loss, AsymmetricHuber | AsymmetricSquared) else COSTS
    step = np.linspace(-300.0, 300.0, 601)[:, None]
    curvature = secant_curvature(loss, DEMAND, FORECAST, symmetric)
    here, slope = loss.value(DEMAND, FORECAST, symmetric), loss.gradient(DEMAND, FORECAST, symmetric)
    parabola = here + slope * step + curvature * step**2 / 2
    assert np.all(parabola >= loss.value(DEMAND, FORECAST + step, symmetric) - 1e-7)


def test_newsvendor_is_boosted_as_its_smooth_version():
    problem = BoostedLoss.of(Newsvendor(), DEMAND, COSTS)
    smooth = SmoothNewsvendor(problem._width(FORECAST, problem.usual(FORECAST)))
    gradient, curvature = problem.derivatives(FORECAST)
    np.testing.assert_allclose(gradient * problem.unit, smooth.gradient(DEMAND, FORECAST, COSTS), rtol=1e-5, atol=1e-6)
    damped = secant_curvature(smooth, DEMAND, FORECAST, COSTS) + DAMPING * smooth.hessian(DEMAND, DEMAND, COSTS)
    np.testing.assert_allclose(curvature * problem.unit, damped, rtol=1e-5)


def test_a_kinked_loss_of_others_is_boosted_as_the_newsvendor_is():
    class Foreign:
        """The newsvendor loss, but not that class."""

        functional = "quantile"
        value, gradient, hessian = Newsvendor().value, Newsvendor().gradient, Newsvendor().hessian

    theirs = BoostedLoss.of(Foreign(), DEMAND, COSTS).derivatives(FORECAST)
    ours = BoostedLoss.of(Newsvendor(), DEMAND, COSTS).derivatives(FORECAST)
    np.testing.assert_allclose(theirs, ours, rtol=1e-8)


class Bent:
    """The newsvendor loss, with sides that bend up."""

    functional = "quantile"
    bend = 0.05

    def value(self, demand, forecast, costs):
        return Newsvendor().value(demand, forecast, costs) + self.bend / 2 * (forecast - demand) ** 2

    def gradient(self, demand, forecast, costs):
        return Newsvendor().gradient(demand, forecast, costs) + self.bend * (forecast - demand)

    def hessian(self, demand, forecast, costs):
        return self.bend + Newsvendor().hessian(demand, forecast, costs)


def test_bent_sides_are_blended_with_the_weight_of_the_side():
    problem = BoostedLoss.of(Bent(), DEMAND, COSTS)
    width, excess = problem._width(FORECAST, problem.usual(FORECAST)), FORECAST - DEMAND
    gradient, curvature = problem.derivatives(FORECAST)
    smooth = SmoothNewsvendor(width)
    near = 1 / (1 + np.exp(-np.abs(excess) / width))  # logistic weight of the side where the forecast is
    blended = smooth.gradient(DEMAND, FORECAST, COSTS) + Bent.bend * excess * near
    np.testing.assert_allclose(gradient * problem.unit, blended, rtol=1e-5, atol=1e-5)
    straight = secant_curvature(smooth, DEMAND, FORECAST, COSTS) + DAMPING * smooth.hessian(DEMAND, DEMAND, COSTS)
    bent = curvature * problem.unit - straight
    np.testing.assert_allclose(bent, Bent.bend * np.minimum(np.abs(excess) / width, 1.0), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("loss", [*CONVEX, TobitNLL(STOCK, 30.0)], ids=named)
def test_curvature_is_at_least_that_of_the_loss(loss):
    problem = BoostedLoss.of(loss, DEMAND, COSTS)
    for forecast in (FORECAST, DEMAND + 500.0, DEMAND - 500.0):
        hessian = loss.hessian(DEMAND, forecast, COSTS)
        assert np.all(problem.derivatives(forecast)[1] * problem.unit >= hessian * (1 - 1e-6))


@pytest.mark.parametrize("loss", CONVEX, ids=named)
def test_rows_that_cost_nothing_have_a_positive_curvature_too(loss):
    free = np.arange(ROWS) % 2 == 0
    costs = UnitCosts(np.where(free, 0.0, COSTS.underage), np.where(free, 0.0, COSTS.overage))
    assert (BoostedLoss.of(loss, DEMAND, costs).derivatives(FORECAST)[1] > 0).all()


def test_rows_that_were_seen_are_not_checked_again():
    memory, weight = RowMemory(Newsvendor(), UnitCosts(8.0, 2.0)), np.where(np.arange(ROWS) < 3, 0.0, 1.0)
    demand = np.where(weight == 0, np.nan, DEMAND)
    first = memory.problem(demand, weight)
    assert memory.problem(demand.copy(), weight.copy()) is first
    assert memory.problem(demand + 1.0, weight).start == pytest.approx(first.start + 1.0)
    doubled = memory.problem(demand + 1.0, 2 * weight)
    assert doubled.weight.max() == 2.0
    assert memory.problem(DEMAND, None).weight.min() == 1.0


@pytest.mark.parametrize("loss", ALL, ids=named)
@pytest.mark.parametrize("shift", [0.0, 1e-12, 3.0, -3.0, 1e7, -1e7])
def test_gradient_is_finite_and_curvature_positive(loss, shift):
    gradient, curvature = BoostedLoss.of(loss, DEMAND, COSTS).derivatives(DEMAND + shift)
    assert np.isfinite(gradient).all()
    assert np.isfinite(curvature).all()
    assert (curvature > 0).all()


@pytest.mark.parametrize("loss", ALL, ids=named)
def test_gradient_and_curvature_are_multiplied_by_the_weight(loss):
    weight = np.where(np.arange(ROWS) < 300, 1.0, 0.0)
    gradient, curvature = BoostedLoss.of(loss, DEMAND, COSTS, weight).derivatives(FORECAST)
    assert not gradient[300:].any()
    assert not curvature[300:].any()
    twice = BoostedLoss.of(loss, DEMAND, COSTS, 2 * weight).derivatives(FORECAST)
    np.testing.assert_allclose(twice, (2 * gradient, 2 * curvature), rtol=1e-12)


@pytest.mark.parametrize("scale", [1e6, 1e-3])
def test_units_of_demand_scale_the_gradient_and_leave_the_curvature(scale):
    gradient, curvature = BoostedLoss.of(Newsvendor(), DEMAND, COSTS).derivatives(FORECAST)
    scaled = BoostedLoss.of(Newsvendor(), DEMAND * scale, COSTS).derivatives(FORECAST * scale)
    np.testing.assert_allclose(scaled[0], gradient * scale, rtol=1e-5)
    np.testing.assert_allclose(scaled[1], curvature, rtol=1e-5)


@pytest.mark.parametrize("loss", CONVEX, ids=named)
def test_currency_does_not_matter(loss):
    dear = UnitCosts(COSTS.underage * 160.0, COSTS.overage * 160.0)
    ours = BoostedLoss.of(loss, DEMAND, COSTS).derivatives(FORECAST)
    np.testing.assert_allclose(BoostedLoss.of(loss, DEMAND, dear).derivatives(FORECAST), ours, rtol=1e-6)


def test_rows_whose_stock_is_far_below_the_forecast_carry_no_gradient():
    problem = BoostedLoss.of(CensoredNewsvendor(STOCK), DEMAND, COSTS)
    hidden = STOCK + 1e6
    assert np.abs(problem.derivatives(hidden)[0]).max() < 1e-9
    assert problem.derivatives(np.full(ROWS, 1e-3))[0].mean() < -1.0


def test_the_width_falls_with_the_cube_root_of_many_rows():
    y = np.tile(DEMAND, 400)
    many = BoostedLoss.of(Newsvendor(), y, UnitCosts(9.0, 2.0))
    few = BoostedLoss.of(Newsvendor(), DEMAND, UnitCosts(9.0, 2.0))
    assert many.width == pytest.approx(few.width / 2)


def test_costs_are_read_from_a_frame_by_name_and_from_an_array_by_place():
    frame = pd.DataFrame({"overage": [2.0, 4.0], "underage": [8.0, 1.0]})
    by_name, by_place = costs_of_rows(frame, 2), costs_of_rows(frame.to_numpy(), 2)
    assert by_name.underage.tolist() == by_place.overage.tolist() == [8.0, 1.0]


def test_costs_in_a_frame_of_other_names_are_refused():
    with pytest.raises(ValueError, match=r"columns \['cu', 'co'\] must have the columns underage and overage"):
        costs_of_rows(pd.DataFrame({"cu": [8.0, 1.0], "co": [2.0, 4.0]}), 2)
    assert costs_of_rows(pd.DataFrame([[8.0, 2.0], [1.0, 4.0]]), 2).underage.tolist() == [8.0, 1.0]


@pytest.mark.parametrize(
    ("demand", "costs", "weight", "message"),
    [
        ([1.0, np.nan, 3.0], UnitCosts(1.0, 2.0), None, r"demand=nan in row 1 must be finite"),
        ([1.0, 2.0, 3.0], UnitCosts(np.ones(2), 2.0), None, r"underage of shape \(2,\).*3 rows.*table \[row, 2\]"),
        ([1.0, 2.0, 3.0], np.ones((2, 2)), None, r"underage of shape \(2,\).*3 rows"),
        ([1.0, 2.0, 3.0], np.ones((3, 3)), None, r"costs of shape \(3, 3\) must be UnitCosts or a table"),
        ([1.0, 2.0, 3.0], [[1, 2], [1, -2], [1, 2]], None, r"overage=-2.0 in row 1"),
        ([1.0, 2.0, 3.0], [[1, 2], [np.nan, 2], [1, 2]], None, r"underage=nan in row 1"),
        ([1.0, 2.0, 3.0], UnitCosts(0.0, 0.0), None, r"all costs times weights are 0"),
        ([1.0, 2.0, 3.0], UnitCosts(1.0, 2.0), [1.0, -1.0, 1.0], r"weight=-1.0 in row 1 must be finite and >= 0"),
        ([1.0, 2.0, 3.0], UnitCosts(1.0, 2.0), [1.0, 1.0], r"weight of shape \(2,\) must be \[3\]"),
        ([[1.0], [2.0]], UnitCosts(1.0, 2.0), None, r"demand of shape \(2, 1\)"),
    ],
)
def test_bad_rows_get_one_clear_error(demand, costs, weight, message):
    with pytest.raises(ValueError, match=message):
        BoostedLoss.of(Newsvendor(), demand, costs, weight)


@pytest.mark.parametrize("loss", ALL, ids=named)
def test_only_kinked_losses_get_a_width(loss):
    kinked = isinstance(loss, Newsvendor | CensoredNewsvendor)
    assert (BoostedLoss.of(loss, DEMAND, COSTS).width > 0) == kinked


def test_losses_that_couple_rows_are_refused():
    with pytest.raises(ValueError, match="couples periods"):
        BoostedLoss.of(Spec(), DEMAND, COSTS)
    with pytest.raises(TypeError, match="fit Newsvendor at each level"):
        BoostedLoss.of(MultiQuantile((0.5, 0.9)), DEMAND, COSTS)
