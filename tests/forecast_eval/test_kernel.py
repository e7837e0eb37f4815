"""Laws of the simulator's kernel, against a slow plain-Python oracle."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast_eval.simulate import Supply, play


def supply(n, *, lead=0, life=0, pack=1.0, smallest=0.0, on_hand=0.0, transit=()):
    return Supply(
        lead_time=np.full(n, lead),
        shelf_life=np.full(n, life),
        pack_size=np.full(n, pack),
        min_order=np.full(n, smallest),
        on_hand=np.full(n, on_hand),
        in_transit=np.tile(np.array(transit, dtype=float), (n, 1)),
    )


def slow_play(demand, target, terms):
    """One series, one unit of code a rule: batches of [expiry period, units]."""
    lead, life = int(terms.lead_time[0]), int(terms.shelf_life[0])
    pack, smallest = terms.pack_size[0], terms.min_order[0]
    expiry = (lambda t: t + life - 1) if life else (lambda _: math.inf)
    batches, due, rows = [[expiry(0), terms.on_hand[0]]], dict(enumerate(terms.in_transit[0])), []
    for t, wanted in enumerate(demand):
        arrived = due.pop(t, 0.0)
        batches.append([expiry(t), arrived])
        ordered = 0.0
        if not math.isnan(target[t]):
            alone = 0 < life <= lead
            need = target[t] - (0.0 if alone else sum(units for _, units in batches) + sum(due.values()))
            if need > 0:
                ordered = math.ceil(max(need, smallest) / pack - 1e-9) * pack
                if lead == 0:
                    arrived += ordered
                    batches.append([expiry(t), ordered])
                else:
                    due[t + lead] = due.get(t + lead, 0.0) + ordered
        sold = 0.0
        for batch in sorted(batches):
            used = min(batch[1], wanted - sold)
            batch[1] -= used
            sold += used
        wasted = sum(units for end, units in batches if end <= t)
        batches = [b for b in batches if b[0] > t]
        rows.append((ordered, arrived, sold, wanted - sold, wasted, sum(units for _, units in batches)))
    return np.array(rows).T


GAMES = {
    "lead": st.integers(0, 3),
    "life": st.integers(0, 4),
    "pack": st.sampled_from([1.0, 4.0]),
    "smallest": st.sampled_from([0.0, 6.0]),
    "on_hand": st.integers(0, 12).map(float),
    "transit": st.lists(st.integers(0, 9).map(float), max_size=2),
}


@settings(max_examples=300, deadline=None)
@given(st.fixed_dictionaries(GAMES), st.integers(0, 10_000))
def test_kernel_equals_the_slow_oracle(game, seed):
    rng = np.random.default_rng(seed)
    demand = rng.poisson(4.0, (1, 15)).astype(float)
    target = np.where(rng.random((1, 15)) < 0.7, rng.integers(0, 25, (1, 15)), np.nan)
    terms = supply(1, **game)
    flows = play(demand, target, terms)
    got = np.array([getattr(flows, name)[0] for name in flows.__slots__])
    assert got == pytest.approx(slow_play(demand[0], target[0], terms))


@settings(max_examples=50, deadline=None)
@given(st.fixed_dictionaries(GAMES), st.integers(0, 10_000))
def test_ledger_conserves_units(game, seed):
    rng = np.random.default_rng(seed)
    demand = rng.poisson(4.0, (7, 20)).astype(float)
    target = rng.integers(0, 25, (7, 20)).astype(float)
    flows = play(demand, target, supply(7, **game))
    start = np.hstack([np.full((7, 1), game["on_hand"]), flows.on_hand[:, :-1]])
    assert start + flows.received == pytest.approx(flows.sold + flows.wasted + flows.on_hand)
    assert demand == pytest.approx(flows.sold + flows.lost)
    assert min(getattr(flows, name).min() for name in flows.__slots__) >= 0


def test_order_serves_demand_after_its_lead_time():
    flows = play(np.full((1, 5), 2.0), np.array([[9.0, *[np.nan] * 4]]), supply(1, lead=2))
    assert flows.received.tolist() == [[0, 0, 9, 0, 0]]
    assert flows.lost.tolist() == [[2, 2, 0, 0, 0]]


def test_stock_expires_at_the_end_of_its_last_period():
    flows = play(np.array([[1.0, 1.0, 1.0]]), np.array([[5.0, np.nan, np.nan]]), supply(1, life=2))
    assert flows.wasted.tolist() == [[0, 3, 0]]
    assert flows.lost.tolist() == [[0, 0, 1]]


def test_goods_that_expire_before_an_order_arrives_are_ordered_for_its_own_period():
    flows = play(np.full((1, 5), 10.0), np.full((1, 5), 10.0), supply(1, lead=1, life=1, on_hand=10.0))
    assert flows.ordered.tolist() == [[10.0] * 5]
    assert flows.lost.sum() == flows.wasted.sum() == 0


def test_orders_are_packs_and_minimums():
    flows = play(np.zeros((1, 1)), np.array([[7.0]]), supply(1, lead=1, pack=4.0))
    assert flows.ordered.tolist() == [[8.0]]
    flows = play(np.zeros((1, 1)), np.array([[7.0]]), supply(1, lead=1, pack=4.0, smallest=10.0))
    assert flows.ordered.tolist() == [[12.0]]
    flows = play(np.zeros((1, 1)), np.array([[7.25]]), supply(1, lead=1, pack=0.0))
    assert flows.ordered.tolist() == [[7.25]]


def test_nothing_is_ordered_above_the_target():
    flows = play(np.zeros((1, 1)), np.array([[7.0]]), supply(1, on_hand=4.0, transit=[0.0, 3.0]))
    assert flows.ordered.tolist() == [[0.0]]
