"""Laws of calibration within groups: shrinkage, what is unknown of a group, and how often intervals hold."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

import forecast_eval.align.groups as module
from forecast_eval.align import Deltas, Launch, OnlineTest, Pairs
from forecast_eval.align.calibration import calibrate
from forecast_eval.align.groups import pool
from forecast_eval.align.posterior import posterior

NAMES = ("north", "south", "west")


def drawn(rng, *, each=4, between=0.02, noise=0.01, slope=0.7):
    """Pairs, group of each, and the true effect of each group."""
    groups = [name for name in NAMES for _ in range(each)]
    effects = dict(zip(NAMES, rng.normal(0, between, len(NAMES)), strict=True))
    n = len(groups)
    true = rng.normal(0.02, 0.03, n)
    online = slope * true + np.array([effects[g] for g in groups]) + 0.003 * rng.normal(size=n)
    x, y = true + noise * rng.normal(size=n), online + noise * rng.normal(size=n)
    return Pairs.of(x, y, np.full(n, noise**2), np.full(n, noise**2)), groups, effects


def apart(shift=0.06, *, each=4):
    """Pairs of which one group lies higher by a shift."""
    pairs, groups, _ = drawn(np.random.default_rng(2), each=each, between=0.0)
    y = pairs.y + shift * (np.array(groups) == "north")
    return Pairs.of(pairs.x, y, pairs.var_x, pairs.var_y), groups


def test_one_group_without_a_spread_is_the_posterior_without_groups(monkeypatch):
    monkeypatch.setattr(module, "BETWEEN", 1e-4)
    pairs, groups, _ = drawn(np.random.default_rng(5))
    ours, theirs = pool(pairs, ["all"] * len(groups)), posterior(pairs)
    for asked in ({}, {"var_y": 2e-4, "cov": 5e-5}):
        one, other = ours.predict(0.04, 1e-4, group="all", **asked), theirs.predict(0.04, 1e-4, **asked)
        assert (one.mean, one.low, one.high) == pytest.approx((other.mean, other.low, other.high), abs=1e-3)
    assert ours.slope.value == pytest.approx(theirs.slope.value, rel=0.05)
    assert (ours.rho.low, ours.rho.high) == pytest.approx((theirs.rho.low, theirs.rho.high), abs=0.02)
    assert ours.line()[1].value == pytest.approx(theirs.intercept.value, abs=4e-4)


@pytest.mark.parametrize("name", ["north", "west", "east"])
def test_each_point_of_the_grid_foretells_what_the_joint_normal_of_all_launches_does(name):
    """Written plainly: condition the next true effect on every x and y, with means that may be anything."""
    pairs, groups, _ = drawn(np.random.default_rng(7), each=3)
    found = pool(pairs, groups)
    k = int(found.weight.argmax())
    own = replace(
        found, weight=np.ones(1), tau_x=found.tau_x[[k]], tau_y=found.tau_y[[k]], correlation=found.correlation[[k]],
        between=found.between[[k]], means=found.means.only(np.arange(len(found.weight)) == k),
        sums=found.sums.only(np.array([k])),
    )  # fmt: skip
    foretold = own.predict(0.05, 2e-4, group=name)

    (sx, sy), n, every = found.data.scale, len(groups), [*groups, name]
    tau_x, tau_y, between = sx * found.tau_x[k], sy * found.tau_y[k], sy * found.between[k]
    same, shared = np.eye(n + 1), np.equal.outer(every, every)
    xx = tau_x**2 * same + np.diag([*pairs.var_x, 2e-4]) + 1e3
    yy = tau_y**2 * same + between**2 * shared + np.diag([*pairs.var_y, 0.0]) + 1e3
    xy = found.correlation[k] * tau_x * tau_y * same
    whole = np.block([[xx, xy], [xy.T, yy]])
    seen, values = np.arange(2 * n + 1), np.concatenate([pairs.x, [0.05], pairs.y])
    on = np.linalg.solve(whole[np.ix_(seen, seen)], whole[seen, -1])
    width = 2 * 1.6448536 * np.sqrt(whole[-1, -1] - on @ whole[seen, -1])
    assert foretold.mean == pytest.approx(on @ values, abs=1e-6)
    assert foretold.high - foretold.low == pytest.approx(width, rel=1e-4)


def test_a_group_is_shrunk_towards_the_common_line_the_more_the_fewer_its_launches():
    shares = []
    for each in (2, 8):
        pairs, groups = apart(each=each)
        found = pool(pairs, groups)
        shares.append((found.line("north")[1].value - found.line("south")[1].value) / 0.06)
    assert 0 < shares[0] < shares[1] < 1.15
    assert shares[1] > 0.75


def test_groups_that_are_alike_share_one_line():
    pairs, groups = apart(shift=0.0, each=6)
    found, one = pool(pairs, groups), posterior(pairs)
    for name in NAMES:
        assert found.predict(0.03, 1e-4, group=name).mean == pytest.approx(one.predict(0.03, 1e-4).mean, abs=0.004)


def test_a_group_never_seen_has_the_common_line_and_the_spread_in_its_interval():
    found = pool(*apart())
    seen, new, other = (found.predict(0.03, 1e-4, group=name) for name in ("south", None, "east"))
    assert new == other
    assert new.high - new.low > 1.5 * (seen.high - seen.low)
    assert found.predict(0.03, 1e-4, group="north").mean > new.mean > seen.mean


def test_more_spread_between_groups_is_seen_as_such():
    spreads = [pool(*apart(shift)).spread.value for shift in (0.0, 0.03, 0.09)]
    assert spreads[0] < spreads[1] < spreads[2]


def test_order_of_launches_and_names_of_groups_change_nothing():
    pairs, groups = apart()
    turn = np.random.default_rng(1).permutation(len(groups))
    moved = Pairs.of(*(own[turn] for own in (pairs.x, pairs.y, pairs.var_x, pairs.var_y)))
    first, second = pool(pairs, groups), pool(moved, [f"the {groups[k]}" for k in turn])
    one, other = first.predict(0.03, 1e-4, group="west"), second.predict(0.03, 1e-4, group="the west")
    assert (one.mean, one.low, one.high) == pytest.approx((other.mean, other.low, other.high), rel=1e-6)


def test_units_scale_lines_and_leave_the_correlation():
    pairs, groups = apart()
    money = Pairs.of(pairs.x, 1e5 * pairs.y, pairs.var_x, 1e10 * pairs.var_y)
    share, large = pool(pairs, groups), pool(money, groups)
    assert large.rho.value == pytest.approx(share.rho.value)
    assert large.predict(0.03, 1e-4, group="west").high == pytest.approx(
        1e5 * share.predict(0.03, 1e-4, group="west").high
    )


def test_launches_that_were_not_tested_need_no_online_side_within_groups():
    pairs, groups = apart()
    gone = Pairs.of(
        np.append(pairs.x, [-0.1, -0.12]), np.append(pairs.y, [np.nan, np.nan]), np.append(pairs.var_x, [1e-4, 2e-4]),
        np.append(pairs.var_y, [np.nan, np.nan]),
    )  # fmt: skip
    found = pool(gone, [*groups, "south", "east"])
    assert np.isfinite(found.predict(0.03, 1e-4, group="east").high)
    assert found.predict(0.03, 1e-4, group="east").mean == pytest.approx(found.predict(0.03, 1e-4).mean)


def test_intervals_hold_nine_truths_in_ten_in_groups_of_three_launches():
    """40 books, in each a launch of a known group and one of another: .90 has a standard error of .034."""
    rng, held = np.random.default_rng(12), []
    for _ in range(40):
        pairs, groups, effects = drawn(rng, each=3)
        found = pool(pairs, groups)
        for name, effect in (("south", effects["south"]), (None, rng.normal(0, 0.02))):
            true = rng.normal(0.02, 0.03)
            online = 0.7 * true + effect + 0.003 * rng.normal()
            foretold = found.predict(true + 0.01 * rng.normal(), 1e-4, group=name)
            held.append(foretold.low <= online <= foretold.high)
    assert np.mean(held) > 0.82


def test_calibration_by_region_gives_every_region_its_line():
    pairs, groups = apart()
    launches = []
    for k, group in enumerate(groups):
        day = dt.date(2025, 1, 6) + dt.timedelta(weeks=k)
        launches.append(Launch(
            str(k), "new", "old", day, "launched", Deltas.of(["profit"], [pairs.x[k]], [[pairs.var_x[k]]]),
            Deltas.of(["profit"], [pairs.y[k]], [[pairs.var_y[k]]]), None,
            OnlineTest("store", (9, 9), day, day + dt.timedelta(days=27), 4), {"region": group},
        ))  # fmt: skip
    found = calibrate(launches, by="region")
    assert found.method == "groups"
    assert set(found.groups) == set(NAMES)
    assert found.groups["north"].intercept.value > found.groups["south"].intercept.value
    assert found.predict(0.03, 1e-4, group="north") == pool(pairs, groups).predict(0.03, 1e-4, group="north")
    northern, plain = found.left_out[0], calibrate(launches).left_out[0]
    assert northern.foretold.mean > plain.foretold.mean
