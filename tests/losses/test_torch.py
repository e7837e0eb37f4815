"""Laws of the torch module."""

import numpy as np
import pytest
import torch

from losses import AsymmetricHuber, Linex, MultiQuantile, Newsvendor, SmoothNewsvendor, Spec, UnitCosts
from losses.torch import LARGE, BusinessLoss

COSTS = UnitCosts(8.0, 2.0)


def batch(n=50, kind=torch.float64, seed=0):
    rng = np.random.default_rng(seed)
    demand, forecast = (torch.tensor(rng.gamma(2.0, 20.0, n)).to(kind) for _ in range(2))
    return forecast.requires_grad_(), demand


def per_row(n, seed=1):
    return UnitCosts(*(torch.tensor(a) for a in np.random.default_rng(seed).uniform(0.5, 9.0, (2, n))))


def test_reductions_are_one_another():
    forecast, demand = batch()
    each = BusinessLoss(Newsvendor(), COSTS, reduction="none")(forecast, demand)
    assert torch.equal(each, Newsvendor().value(demand, forecast, COSTS))
    assert BusinessLoss(Newsvendor(), COSTS, reduction="sum")(forecast, demand).item() == pytest.approx(
        each.sum().item()
    )
    assert BusinessLoss(Newsvendor(), COSTS)(forecast, demand).item() == pytest.approx(each.mean().item())


def test_weighted_mean_is_divided_by_the_sum_of_weights():
    forecast, demand = batch()
    weight = torch.linspace(0.5, 3.0, 50)
    each = Newsvendor().value(demand, forecast, COSTS)
    found = BusinessLoss(Newsvendor(), COSTS)(forecast, demand, weight=weight)
    assert found.item() == pytest.approx(((weight * each).sum() / weight.sum()).item())


@pytest.mark.parametrize("as_mask", [True, False])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_what_is_masked_has_no_effect_be_it_nan(as_mask, reduction):
    forecast, demand = batch()
    criterion, costs = BusinessLoss(SmoothNewsvendor(2.0), reduction=reduction), per_row(50)
    live = torch.arange(50) % 3 != 0
    wanted = criterion(forecast[live], demand[live], costs=(costs.underage[live], costs.overage[live]))
    broken = torch.where(live, demand, torch.nan)
    dead = torch.where(live, forecast, torch.inf).detach().requires_grad_()
    pair = (torch.where(live, costs.underage, torch.nan), costs.overage)
    found = criterion(dead, broken, costs=pair, **({"mask": live} if as_mask else {"weight": live.double()}))
    found.backward()
    assert found.item() == pytest.approx(wanted.item())
    assert (dead.grad[~live] == 0).all()
    assert (dead.grad[live] != 0).all()


def test_all_masked_is_zero_with_a_zero_gradient():
    forecast, demand = batch()
    found = BusinessLoss(Newsvendor(), COSTS)(forecast, demand * torch.nan, mask=torch.zeros(50, dtype=torch.bool))
    found.backward()
    assert found.item() == 0
    assert (forecast.grad == 0).all()


def test_nan_that_is_not_masked_is_seen():
    forecast, demand = batch()
    demand[3] = torch.nan
    assert BusinessLoss(Newsvendor(), COSTS)(forecast, demand).isnan()


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("loss", [Newsvendor(), SmoothNewsvendor(30.0), Linex(300.0)])
def test_half_precision_is_computed_in_single(kind, loss):
    forecast, demand = batch(kind=kind)
    scaled, big = (forecast.detach() * 200).requires_grad_(), demand * 200  # money above 65504
    found = BusinessLoss(loss, COSTS, reduction="sum")(scaled, big)
    found.backward()
    exact = loss.value(big.double(), scaled.detach().double(), COSTS).sum()
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(exact.item(), rel=1e-5)
    assert scaled.grad.dtype == kind
    assert scaled.grad.isfinite().all()


def test_single_precision_is_close_at_a_million_units():
    rng = np.random.default_rng(2)
    demand, forecast = (torch.tensor(1e6 * rng.uniform(0.5, 1.5, 400), dtype=torch.float32) for _ in range(2))
    criterion = BusinessLoss(Newsvendor(), COSTS)
    assert criterion(forecast, demand).item() == pytest.approx(
        criterion(forecast.double(), demand.double()).item(), rel=1e-6
    )


@pytest.mark.filterwarnings("ignore")  # those of torch's own compiler
@pytest.mark.parametrize("loss", [Newsvendor(), SmoothNewsvendor(3.0), AsymmetricHuber(3.0), Linex(30.0)])
def test_compiled_by_torch_it_is_the_same(loss):
    forecast, demand = batch()
    criterion, mask, costs = BusinessLoss(loss), torch.arange(50) % 4 != 0, per_row(50)
    pair = (costs.underage, costs.overage)
    compiled = torch.compile(criterion, backend="aot_eager", fullgraph=True)
    wanted = torch.autograd.grad(criterion(forecast, demand, costs=pair, mask=mask), forecast)[0]
    found = torch.autograd.grad(compiled(forecast, demand, costs=pair, mask=mask), forecast)[0]
    assert torch.allclose(found, wanted)


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_large_tensors_are_compiled_to_the_same_digits(rows, weighted, reduction):
    n = LARGE + 17
    forecast, demand = batch(n)
    forecast = torch.where(torch.arange(n) % 5 == 0, demand, forecast).detach().requires_grad_()  # ties
    costs = per_row(n) if rows else COSTS
    weight = torch.linspace(0.0, 3.0, n, dtype=torch.float64) if weighted else None
    criterion = BusinessLoss(Newsvendor(), costs, reduction=reduction)
    found = criterion(forecast, demand, weight=weight)
    (slope,) = torch.autograd.grad(2 * found, forecast)
    share = torch.ones(n) if weight is None else weight
    total = share.sum() if reduction == "mean" else 1.0
    value = (share * Newsvendor().value(demand, forecast, costs)).sum() / total
    assert found.item() == pytest.approx(value.item(), rel=1e-12)
    gradient = Newsvendor().gradient(demand, forecast, costs) * share / total
    assert torch.allclose(slope, 2 * gradient, rtol=1e-14, atol=0)


def test_large_tensors_do_not_depend_on_the_number_of_threads():
    forecast, demand = batch(3 * LARGE, torch.float32)
    criterion, threads = BusinessLoss(Newsvendor(), COSTS), torch.get_num_threads()
    try:
        found = []
        for count in (1, 3):
            torch.set_num_threads(count)
            found.append(criterion(forecast, demand).item())
    finally:
        torch.set_num_threads(threads)
    assert found[0] == found[1]


def test_shapes_that_would_be_paired_are_refused():
    with pytest.raises(ValueError, match=r"forecast of shape \(8, 1\) does not fit demand of shape \(8,\)"):
        BusinessLoss(Newsvendor(), COSTS)(torch.ones(8, 1), torch.ones(8))


def test_missing_costs_are_named():
    with pytest.raises(ValueError, match="no costs: give them to BusinessLoss"):
        BusinessLoss(Newsvendor())(torch.ones(8), torch.ones(8))


def test_unknown_reduction_is_refused():
    with pytest.raises(ValueError, match="reduction='median' must be 'none', 'mean' or 'sum'"):
        BusinessLoss(Newsvendor(), COSTS, reduction="median")


def test_losses_of_other_shapes_are_taken():
    forecast, demand = batch(60)
    quantiles = forecast.reshape(20, 3)
    criterion = BusinessLoss(MultiQuantile((0.1, 0.5, 0.9)), COSTS)
    mask = torch.arange(20) % 2 == 0
    wanted = criterion(quantiles[mask], demand[:20][mask])
    assert criterion(quantiles, demand[:20], mask=mask).item() == pytest.approx(wanted.item())
    paths = BusinessLoss(Spec(), UnitCosts(torch.tensor([[8.0], [1.0]]), 2.0))
    assert paths(forecast[:14].reshape(2, 7), demand[:14].reshape(2, 7)).isfinite()


def test_costs_move_with_the_module_but_keep_their_precision():
    criterion = BusinessLoss(Newsvendor(), UnitCosts(np.array([8.0, 1.0]), 2.0)).to(torch.float16)
    assert criterion.underage.dtype == torch.float64
    assert criterion.float().underage.dtype == torch.float32
    assert criterion.state_dict() == {}
    assert criterion(torch.tensor([7.0, 7.0]), torch.tensor([10.0, 10.0])).item() == pytest.approx(13.5)


def test_a_network_learns_the_critical_ratio_quantile_of_its_rows():
    torch.manual_seed(0)
    rng = np.random.default_rng(4)
    dear = torch.tensor(rng.integers(0, 2, 4_000), dtype=torch.float32)
    demand = torch.tensor(rng.gamma(4.0, 25.0, 4_000), dtype=torch.float32)
    pair = (torch.where(dear == 1, 9.0, 2.0), torch.where(dear == 1, 1.0, 8.0))
    net = torch.nn.Linear(1, 1)
    optimiser, criterion = torch.optim.Adam(net.parameters(), lr=3.0), BusinessLoss(Newsvendor())
    for _ in range(400):
        optimiser.zero_grad()
        criterion(net(dear[:, None])[:, 0], demand, costs=pair).backward()
        optimiser.step()
    covered = (net(dear[:, None])[:, 0] >= demand).float()
    assert covered[dear == 1].mean().item() == pytest.approx(0.9, abs=0.02)
    assert covered[dear == 0].mean().item() == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize("n", [8, LARGE])
def test_costs_that_would_be_paired_are_refused(n):
    pair = (torch.ones(n, 1), torch.tensor(2.0))
    with pytest.raises(
        ValueError, match=rf"underage of shape \({n}, 1\) does not broadcast to demand of shape \({n},\)"
    ):
        BusinessLoss(Newsvendor())(torch.ones(n), torch.ones(n), costs=pair)


def test_what_is_no_loss_is_refused():
    with pytest.raises(TypeError, match=r"must be an instance of a loss, such as Newsvendor\(\)"):
        BusinessLoss(Newsvendor, COSTS)
    with pytest.raises(TypeError, match=r"costs=\(8.0, 2.0\) must be UnitCosts"):
        BusinessLoss(Newsvendor(), (8.0, 2.0))


def test_weight_without_a_reduction_multiplies_each_loss():
    forecast, demand = batch()
    weight = torch.linspace(0.5, 3.0, 50)
    each = BusinessLoss(Newsvendor(), COSTS, reduction="none")
    assert torch.allclose(each(forecast, demand, weight=weight), weight * each(forecast, demand))


def test_weights_of_series_hold_for_all_their_periods():
    forecast, demand = batch(LARGE)
    forecast, demand = forecast.reshape(4, -1), demand.reshape(4, -1)
    weight = torch.tensor([[1.0], [0.0], [2.0], [5.0]])
    found = BusinessLoss(Newsvendor(), COSTS)(forecast, demand, weight=weight)
    mean = Newsvendor().value(demand, forecast, COSTS).mean(dim=1)
    assert found.item() == pytest.approx(((weight[:, 0] * mean).sum() / 8).item(), rel=1e-9)


def test_large_tensors_have_gradients_in_the_demand_too():
    forecast, demand = batch(LARGE)
    demand.requires_grad_()
    BusinessLoss(Newsvendor(), COSTS)(forecast, demand).backward()
    assert torch.allclose(demand.grad, -forecast.grad)


@pytest.mark.parametrize("n", [1_000, LARGE])
def test_a_function_of_the_loss_has_its_second_derivative(n):
    x, demand = batch(n)
    w = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)
    squared = BusinessLoss(Newsvendor(), COSTS)(w * x.detach(), demand) ** 2
    (first,) = torch.autograd.grad(squared, w, create_graph=True)
    (second,) = torch.autograd.grad(first, w)
    slope = first.item() / (2 * squared.item() ** 0.5)
    assert second.item() == pytest.approx(2 * slope**2, rel=1e-9)


def test_gradient_of_unknown_demand_is_unknown():
    for n in (8, LARGE):
        forecast = torch.ones(n, requires_grad=True)
        demand = torch.ones(n)
        demand[3] = torch.nan
        BusinessLoss(Newsvendor(), COSTS)(forecast, demand).backward()
        assert forecast.grad[3].isnan()
        assert forecast.grad[0].isfinite()
