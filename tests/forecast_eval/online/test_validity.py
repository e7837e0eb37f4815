"""Laws of experiments in a market whose truth is known: rejections, coverage, guardrails, and who errs which way."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from forecast_eval.config.experiment import Design
from forecast_eval.online.balance import drawing_of
from forecast_eval.online.effect import Method
from forecast_eval.online.estimate import effect
from forecast_eval.online.guardrail import guarded
from forecast_eval.online.metric import OnlineMetric
from forecast_eval.online.outcomes import Outcomes
from forecast_eval.online.replay import switching
from forecast_eval.online.sample import Sample
from forecast_eval.online.switchback import Blocks, block_effect
from forecast_eval.world import Incumbent, MarketSpec, everywhere, outcomes, with_incumbent

STORES, SKUS, HISTORY, PRE, WEEKS, WASHOUT = 150, 10, 60, 20, 8, 2
PROFIT = OnlineMetric("profit", "profit", role="primary")
DEFAULT = {}
COMPLETE = {"assignment": "complete", "accept": 1}


class Split:
    """A planner of little stock for some series and weeks, the incumbent for the rest."""

    def __init__(self, state, treated):
        self.incumbent, self.other = state.world.incumbent, Incumbent.of(state.world.terms, 0.0)
        self.treated, self.first = treated, state.week

    def orders(self, seen):
        new = self.treated[:, seen.week - self.first]
        return np.where(new, self.other.orders(seen), self.incumbent.orders(seen))


def weekly(frame, by="unit"):
    """Column -> [unit, week]."""
    sums = frame.groupby([by, "ds"])[["profit", "stockouts", "exposure", "sold"]].sum()
    return {name: sums[name].to_numpy(dtype=float).reshape(frame[by].nunique(), -1) for name in sums}


def played(state, treated, by="unit"):
    """Outcomes of the test's weeks; `treated` broadcasts to [series, week]."""
    whole = np.broadcast_to(treated, (len(state.loyalty), WEEKS))
    return weekly(everywhere(state, Split(state, whole), "any", WEEKS), by)


@pytest.fixture(scope="module")
def state():
    """A market after its history."""
    return with_incumbent(MarketSpec.preset("plain", stores=STORES, skus=SKUS, weeks=HISTORY + WEEKS), 5, HISTORY)


@pytest.fixture(scope="module")
def chain(state):
    """Column -> [store, week]: before the test, with the incumbent, with the other planner."""
    past = weekly(outcomes(state.world, state.records.until(HISTORY)))
    return past, played(state, np.False_), played(state, np.True_)


def means(columns, name):
    return columns[name][:, WASHOUT:].mean(axis=1)


def truth(chain, name, below=None):
    """Difference and lift over all stores of the market."""
    old, new = (means(c, name).sum() / (STORES if below is None else means(c, below).sum()) for c in chain[1:])
    return new - old, new / old - 1


def drawn_from(chain, units, count, name="sold", below=None, *, nothing=False, draws=0, **design):
    """Samples of tests on stores drawn at random, arms drawn by the design on what was before; and other draws."""
    before, old, new = chain
    new = old if nothing else new
    plan = Design(pre_periods=PRE, periods=(WEEKS,), washout=WASHOUT, **design)
    for seed in range(count):
        rng = np.random.default_rng([seed, units])
        chosen = np.sort(rng.choice(STORES, units, replace=False))
        names = np.array([f"s{k:03d}" for k in chosen], dtype=object)
        past = Outcomes(names, pd.RangeIndex(HISTORY), {"profit": before["profit"][chosen]}, None, {},
                        pd.DataFrame(index=names))  # fmt: skip
        known = np.ones(units, dtype=bool)
        arms = drawing_of(past, plan, [PROFIT], pre=slice(HISTORY - PRE, HISTORY), units=known).randomisation
        treated, *others = arms.draw(rng, 1 + draws) == 1
        value, exposure = (
            None if c is None else np.where(treated, means(new, c)[chosen], means(old, c)[chosen])
            for c in (name, below)
        )
        earlier = [None if c is None else before[c][chosen, -PRE:].mean(axis=1) for c in (name, below)]
        yield Sample(value, treated, exposure, *earlier, arms.groups), np.array(others)


def near(share, level, count):
    return abs(share - level) <= 3 * np.sqrt(level * (1 - level) / count)


@pytest.mark.parametrize("adjust", ["none", "cuped", "did"])
def test_stores_that_are_planned_alike_differ_as_often_as_the_level_says(chain, adjust):
    count = 200
    found = [
        effect(s, Method(adjust)).p_value <= 0.05 for s, _ in drawn_from(chain, 16, count, nothing=True, **COMPLETE)
    ]
    assert near(np.mean(found), 0.05, count)


def test_redrawn_arms_are_right_where_the_design_balances(chain):
    count, level = 60, 0.3
    drawn = list(drawn_from(chain, 16, count, nothing=True, draws=99, assignment="complete", accept=0.1))
    permuted = [effect(s, Method("none", "permutation"), assignments=others).p_value for s, others in drawn]
    assert near(np.mean(np.array(permuted) <= level), level, count)
    # errors do not know how alike the arms were made
    plain = np.array([effect(s, Method("none")).p_value for s, _ in drawn])
    assert np.mean(plain <= level) < level - 3 * np.sqrt(level * (1 - level) / count)


@pytest.mark.parametrize(("design", "count"), [(DEFAULT, 40), (COMPLETE, 200)])
def test_intervals_hold_the_truth_of_the_whole_chain(chain, design, count):
    gap, lift = truth(chain, "sold")
    found = [effect(s, Method()) for s, _ in drawn_from(chain, 20, count, **design)]
    for ends, true in (([e.difference for e in found], gap), ([e.lift for e in found], lift)):
        assert near(np.mean([e.low <= true <= e.high for e in ends]), 0.95, count)
    assert np.mean([e.difference.low < 0 < e.difference.high for e in found]) < 0.6


def test_intervals_of_a_ratio_hold_that_of_the_chains_sums(chain):
    count, (gap, lift) = 150, truth(chain, "stockouts", "exposure")
    found = [effect(s, Method()) for s, _ in drawn_from(chain, 20, count, "stockouts", "exposure", **COMPLETE)]
    assert near(np.mean([e.difference.low <= gap <= e.difference.high for e in found]), 0.95, count)
    assert near(np.mean([e.lift.low <= lift <= e.lift.high for e in found]), 0.95, count)


def test_a_guardrail_at_its_margin_passes_in_one_of_forty_tests(chain):
    count, (_, lift) = 150, truth(chain, "sold")
    rail = OnlineMetric("sold", "sold", role="guardrail", margin=-lift)
    found = [guarded(effect(s, Method()), rail).verdict for s, _ in drawn_from(chain, 20, count, **COMPLETE)]
    passed, failed = (np.mean([verdict == said for verdict in found]) for said in ("pass", "fail"))
    assert passed <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / count)
    assert failed <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / count)
    lax = replace(rail, margin=-lift + 0.25)
    assert np.mean([guarded(effect(s, Method()), lax).verdict == "pass" for s, _ in drawn_from(
        chain, 20, 50, **COMPLETE)]) > 0.5  # fmt: skip


def test_a_switchback_in_the_market_understates_and_a_wash_out_mends_some_of_it(state, chain):
    rate, (_, lift) = OnlineMetric.of("rate", "stockouts / exposure"), truth(chain, "stockouts", "exposure")
    own = Design(unit="switchback", periods=(WEEKS,), block=4)
    code = switching(own, STORES, 2).draw(np.random.default_rng(3), 1)[0].reshape(STORES, 2)
    seen = played(state, np.repeat(np.repeat(code, 4, axis=1), SKUS, axis=0) == 1)
    names = state.world.stores
    stores = Outcomes(names, pd.RangeIndex(WEEKS), seen, None, {}, pd.DataFrame(index=names))
    found = [
        block_effect(stores, Blocks(("a", "b"), np.ones(2), code, ((0, 4), (4, 8)), washout), rate, 1).lift
        for washout in (0, 2)
    ]
    assert 0 < found[0].high < lift
    assert found[0].estimate < found[1].estimate


def test_items_that_are_short_lose_their_customers_to_those_that_are_not():
    spec = MarketSpec.preset("plain", stores=10, skus=40, weeks=HISTORY + WEEKS, substitution_share=0.6)
    state = with_incumbent(spec, 5, HISTORY)
    world = replace(state.world, static=state.world.static.assign(category=state.world.static["sku"]))
    # outcomes come by item; who stands in for whom is still a matter of true categories
    object.__setattr__(world, "shelves", state.world.shelves)
    state = replace(state, world=world)
    items = np.random.default_rng(4).permutation(np.arange(40) % 2 == 1)
    seen = played(state, np.tile(items, 10)[:, None], "segment")
    old, new = (played(state, flag, "segment") for flag in (np.False_, np.True_))
    sold = [means(c, "sold") for c in (seen, old, new)]
    measured = sold[0][items].sum() / sold[0][~items].sum()
    alone = sold[2][items].sum() / sold[1][~items].sum()
    assert measured < alone
