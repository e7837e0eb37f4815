"""Laws of the inventory loss; the truth is the hard simulator and its ledger."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast_eval.simulate import InventorySystem, Ledger, Prices, Rule, Start, Supply, play
from losses import Newsvendor, UnitCosts

torch = pytest.importorskip("torch")
inventory = pytest.importorskip("losses.inventory")
InventoryLoss, InventoryTerms, Stock = inventory.InventoryLoss, inventory.InventoryTerms, inventory.Stock

N, T = 12, 17


def world(seed, whole=False, reviews=0.7):  # noqa: FBT002 - a test's world
    """Terms with prices that change over time, stock, demand and levels, none of them zero throughout."""
    rng = np.random.default_rng(seed)
    cost = rng.uniform(1, 10, (N, T))
    terms = InventoryTerms(
        price=cost * rng.uniform(0.8, 3, (N, T)),
        unit_cost=cost,
        salvage=cost * rng.uniform(-0.3, 0.8, (N, 1)),
        holding=rng.uniform(0.01, 1, N),
        goodwill=rng.uniform(0, 3, (N, 1)),
        lead_time=rng.integers(0, 4, N),
        shelf_life=rng.choice([0, 1, 2, 3, 4, np.inf], N),
    )
    draw = (lambda high, shape: rng.integers(0, high, shape).astype(float)) if whole else (
        lambda high, shape: rng.uniform(0, high, shape))  # fmt: skip
    stock = Stock(draw(12, N), draw(9, (N, int(rng.integers(1, 6)))))
    levels = np.where(rng.random((N, T)) < reviews, draw(25, (N, T)), np.nan)
    return terms, stock, draw(9, (N, T)), levels


def hard(terms, stock, demand, levels):
    """Flows and profit [series, time] of the hard simulator without packs and smallest orders."""
    n, time = demand.shape
    life = np.where(np.isinf(terms.shelf_life), 0, terms.shelf_life).astype(int)
    supply = Supply.plain(n, lead_time=terms.lead_time, shelf_life=life)
    system = InventorySystem(supply, Start(stock.on_hand, stock.in_transit))
    flows = play(system, demand, {t: Rule(levels[:, t]) for t in range(time)})
    money = [np.broadcast_to(v if np.ndim(v) > 1 else v[:, None], (n, time)) for v in
             (terms.price, terms.unit_cost, terms.salvage, terms.holding, terms.goodwill)]  # fmt: skip
    dates = pd.date_range("2026-01-05", periods=time, freq="W-MON")
    ids = np.arange(n).astype(str).astype(object)
    prices = Prices(*money, underage=money[0])
    return flows, Ledger(ids, dates, np.zeros((n, time), int), demand, flows, prices).profit


def of(array, dtype=torch.float64):
    return torch.tensor(array, dtype=dtype)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_forward_money_is_the_ledgers_profit(seed, whole):
    terms, stock, demand, levels = world(seed, whole)
    lost = InventoryLoss(terms)(of(levels), of(demand), start=stock)
    profit = hard(terms, stock, demand, levels)[1]
    assert lost.numpy() == pytest.approx(-profit, rel=1e-9, abs=1e-9)
    assert abs(profit).max() > 1


@pytest.mark.parametrize("seed", range(3))
def test_money_is_the_ledgers_for_every_lead_time_with_every_shelf_life(seed):
    lead, life = (grid.ravel() for grid in np.meshgrid(np.arange(6), [0, 1, 2, 3, 4, 5, 7, np.inf]))
    n, rng = len(lead), np.random.default_rng(seed)
    cost, transit = rng.uniform(1, 10, n), rng.uniform(0, 9, (n, 4))
    terms = InventoryTerms(
        price=cost * rng.uniform(0.8, 3, n), unit_cost=cost, salvage=cost * rng.uniform(-0.3, 0.8, n),
        holding=rng.uniform(0.01, 1, n), goodwill=rng.uniform(0, 3, n), lead_time=lead, shelf_life=life,
    )  # fmt: skip
    stock, demand = Stock(rng.uniform(0, 30, n), transit), rng.uniform(0, 9, (n, 40))
    levels = np.where(rng.random((n, 40)) < 0.7, rng.uniform(0, 9, (n, 40)) * (lead[:, None] + 1), np.nan)
    lost, (flows, profit) = (
        InventoryLoss(terms)(of(levels), of(demand), start=stock),
        hard(terms, stock, demand, levels),
    )
    assert lost.numpy() == pytest.approx(-profit, abs=1e-6)
    wastes = np.isfinite(life) & (life > 0)
    assert (flows.wasted[wastes].sum(axis=1) > 0).mean() > 0.9
    assert (flows.sold.sum(axis=1) > 0).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_flows_are_the_hard_simulators(seed, whole):
    terms, stock, demand, levels = world(seed, whole)
    soft = InventoryLoss(terms).play(of(levels), of(demand), start=stock)
    flows = hard(terms, stock, demand, levels)[0]
    for name in soft.__slots__:
        assert getattr(soft, name).numpy() == pytest.approx(getattr(flows, name), abs=1e-9), name


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_flows_conserve_units(seed):
    terms, stock, demand, levels = world(seed)
    flows = InventoryLoss(terms).play(of(levels), of(demand), start=stock)
    before = torch.cat([of(stock.on_hand)[:, None], flows.on_hand[:, :-1]], dim=1)
    torch.testing.assert_close(before + flows.received, flows.sold + flows.wasted + flows.on_hand)
    torch.testing.assert_close(of(demand), flows.sold + flows.lost)
    assert min(float(getattr(flows, name).min()) for name in flows.__slots__) >= 0


def test_float32_money_is_the_ledgers_to_a_millionth():
    terms, stock, demand, levels = world(3)
    lost = InventoryLoss(terms)(of(levels, torch.float32), of(demand, torch.float32), start=stock)
    profit = hard(terms, stock, demand, levels)[1]
    assert lost.dtype == torch.float32
    assert float(lost.sum()) == pytest.approx(-profit.sum(), rel=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_gradient_equals_finite_differences_off_the_kinks(seed):
    terms, stock, demand, levels = world(seed)
    loss, level = InventoryLoss(terms), of(levels).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, of(demand), start=stock).sum(-1), (level,), eps=1e-7, atol=1e-5)
    loss(level, of(demand), start=stock).sum().backward()
    assert (level.grad != 0).sum() > N


def test_gradient_reaches_the_stock_at_the_start():
    terms, stock, demand, levels = world(5)
    loss = InventoryLoss(terms)

    def money(on_hand, in_transit):
        return loss(of(levels), of(demand), start=Stock(on_hand, in_transit)).sum(-1)

    units = (of(stock.on_hand).requires_grad_(), of(stock.in_transit).requires_grad_())
    assert torch.autograd.gradcheck(money, units, eps=1e-7, atol=1e-5)


def test_one_unit_more_sells_at_a_tie():
    terms = InventoryTerms(price=9.0, unit_cost=4.0, salvage=1.0, goodwill=0.5, shelf_life=1)
    level = of([[7.0]]).requires_grad_()
    InventoryLoss(terms)(level, of([[7.0]])).sum().backward()
    assert level.grad.tolist() == [[-5.5]]


def test_regret_of_one_period_is_the_newsvendor_loss():
    demand, order = of([[3.0], [11.0], [6.0]]), of([[8.0], [4.5], [6.0]])
    price, cost, salvage, goodwill = np.array([[9.0, 8.0, 5.0], [4.0, 3.0, 2.0], [1.0, -1.0, 0.5], [0.5, 0.25, 2.0]])
    loss = InventoryLoss(InventoryTerms(price, cost, salvage, goodwill=goodwill, shelf_life=1))
    costs = UnitCosts.from_prices(price, cost, salvage=salvage, goodwill=goodwill)
    regret = (loss(order, demand) - loss(demand, demand))[:, 0].numpy()
    assert regret == pytest.approx(Newsvendor().value(demand[:, 0].numpy(), order[:, 0].numpy(), costs))


def test_descent_finds_the_critical_ratio_quantile():
    draws = np.random.default_rng(4).gamma(3.0, 4.0, (1, 4001))
    loss = InventoryLoss(InventoryTerms(price=10.0, unit_cost=4.0, salvage=2.0, shelf_life=1))  # ratio .75
    level = of([[5.0]]).requires_grad_()
    optimizer = torch.optim.Adam([level], lr=0.3)
    for _ in range(120):
        optimizer.zero_grad()
        loss(level, of(draws.T[:, :, None]).reshape(-1, 1, 1)).mean().backward()
        optimizer.step()
    assert level.item() == pytest.approx(np.quantile(draws, 0.75), rel=0.02)


def test_ordering_what_the_levels_ordered_gives_the_same_money():
    terms, stock, demand, levels = world(6)
    by_level = InventoryLoss(terms)
    flows = by_level.play(of(levels), of(demand), start=stock)
    by_order = InventoryLoss(terms, decision="order")(flows.ordered, of(demand), start=stock)
    torch.testing.assert_close(by_order, by_level(of(levels), of(demand), start=stock))


def test_a_policy_that_sees_the_shelf_can_do_what_levels_do():
    terms, stock, demand, levels = world(8, reviews=1.0)
    alone = of((terms.shelf_life > 0) & (terms.shelf_life <= terms.lead_time))

    def gap(t, shelf):
        return of(levels)[:, t] - (1 - alone) * shelf.position

    by_order = InventoryLoss(terms, decision="order")(gap, of(demand), start=stock)
    torch.testing.assert_close(by_order, InventoryLoss(terms)(of(levels), of(demand), start=stock))


def test_scenarios_in_front_are_played_one_by_one():
    terms, stock, demand, levels = world(9)
    loss = InventoryLoss(terms)
    both = of(np.array([demand, demand[:, ::-1] + 1]))
    together = loss(of(levels), both, start=stock)
    torch.testing.assert_close(together[1], loss(of(levels), both[1], start=stock))
    assert together.shape == (2, N, T)


def test_demand_before_the_launch_may_be_unknown_under_the_mask():
    terms, stock, demand, levels = world(10)
    demand[2, :5] = np.nan
    unknown, level = of(demand), of(levels).requires_grad_()
    lost = InventoryLoss(terms)(level, unknown, start=stock, mask=~unknown.isnan())
    lost.sum().backward()
    assert lost[2, :5].tolist() == [0.0] * 5
    assert torch.isfinite(lost).all()
    assert torch.isfinite(level.grad).all()
    nobody = InventoryLoss(terms)(of(levels), unknown.nan_to_num(), start=stock)
    torch.testing.assert_close(lost[2, 5:], nobody[2, 5:])


def test_masked_demand_still_takes_stock():
    terms, stock, demand, levels = world(11)
    mask = torch.arange(T).expand(N, T) >= 4
    loss = InventoryLoss(terms)
    whole = loss(of(levels), of(demand), start=stock)
    torch.testing.assert_close(loss(of(levels), of(demand), start=stock, mask=mask), whole * mask)


def test_no_level_above_the_position_has_no_gradient():
    terms = InventoryTerms(price=9.0, unit_cost=4.0, holding=0.1)
    level = of([[5.0]]).requires_grad_()
    InventoryLoss(terms)(level, of([[2.0, 1.0]]), start=Stock([20.0])).sum().backward()
    assert level.grad.tolist() == [[0.0]]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"price": [9.0, np.nan]}, r"price=nan in row 1 must be finite and >= 0 \[currency per unit\]; 1 such"),
        ({"holding": [-0.5, -0.25]}, r"holding=-0.5 in row 0 must be finite and >= 0 .* 2 such"),
        ({"salvage": [1.0, np.inf]}, r"salvage=inf in row 1 must be finite"),
        ({"lead_time": [2, 1.5]}, r"lead_time=1.5 in row 1 must be a whole number of periods >= 0"),
        ({"lead_time": [np.inf, 1]}, r"lead_time=inf in row 0 must be a whole"),
        ({"shelf_life": [3, -1]}, r"shelf_life=-1.0 in row 1 must be a whole number of periods, 0 or inf"),
        ({"unit_cost": [[4.0, 4.0], [3.0, -2.0]]}, r"unit_cost=-2.0 at \[1, 1\] must be finite"),
    ],
)
def test_bad_terms_are_refused_with_the_row(wrong, message):
    with pytest.raises(ValueError, match=message):
        InventoryTerms(**({"price": 9.0, "unit_cost": 4.0} | wrong))


def test_bad_stock_is_refused_with_the_row():
    with pytest.raises(ValueError, match=r"on_hand=-1.0 in row 1 must be finite and >= 0"):
        Stock([2.0, -1.0])


@pytest.mark.parametrize(
    ("demand", "message"),
    [
        ([[3.0, 2.0], [4.0, np.nan]], r"demand=nan in row 1, period 1 must be finite .* mask=~demand.isnan\(\)"),
        ([[3.0, -2.0], [4.0, 1.0]], "demand=-2 in row 0, period 1 must be finite and >= 0"),
        ([3.0, 2.0], r"demand has shape \(2,\); it must be \[..., series, time\]"),
        ([[3.0, 2.0]] * 3, r"price has shape \(2, 1\); demand is \(3, 2\)"),
    ],
)
def test_bad_demand_is_refused_with_its_place(demand, message):
    loss = InventoryLoss(InventoryTerms(price=[9.0, 8.0], unit_cost=4.0))
    with pytest.raises(ValueError, match=message):
        loss(of([[5.0]]), of(demand))


def test_a_network_that_diverged_is_refused():
    with pytest.raises(ValueError, match="decisions are all NaN"):
        InventoryLoss(InventoryTerms(9.0, 4.0))(of([[np.nan, np.nan]]), of([[2.0, 3.0]]))


def test_an_unknown_kind_of_decision_is_refused():
    with pytest.raises(ValueError, match="decision='levels' must be 'level' or 'order'"):
        InventoryLoss(InventoryTerms(9.0, 4.0), decision="levels")
