"""Laws of the scores, against independent implementations."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_pinball_loss, root_mean_squared_error

from backtest import InputError
from forecast_eval.scores import METRICS, metrics_named, score

ROWS = 400


def frame(seed=1):
    rng = np.random.default_rng(seed)
    demand = rng.negative_binomial(2, 0.2, ROWS).astype(float)
    demand[rng.random(ROWS) < 0.1] = np.nan
    return pd.DataFrame({
        "model": "m", "demand": demand, "forecast": rng.gamma(2, 4, ROWS), "q0.2": rng.gamma(1, 3, ROWS),
        "q0.9": 5 + rng.gamma(3, 6, ROWS), "underage": rng.uniform(1, 9, ROWS), "overage": rng.uniform(0.1, 3, ROWS),
        "store": rng.choice(["a", "b", "c"], ROWS),
    })  # fmt: skip


def value(name, table):
    return score(table, metrics_named([name]), {"total": None})["value"].iloc[0]


@pytest.fixture
def seen():
    return frame().dropna(subset="demand")


def test_rmse_is_scikit_learns(seen):
    assert value("rmse", frame()) == pytest.approx(root_mean_squared_error(seen["demand"], seen["forecast"]))


def test_pinball_is_the_mean_of_scikit_learns(seen):
    want = np.mean([mean_pinball_loss(seen["demand"], seen[f"q{a}"], alpha=a) for a in (0.2, 0.9)])
    assert value("pinball", frame()) == pytest.approx(want)


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("mae", lambda y, f: np.mean([abs(b - a) for a, b in zip(y, f, strict=True)])),
        ("mape", lambda y, f: 100 * np.mean([abs(b - a) / a for a, b in zip(y, f, strict=True) if a > 0])),
        ("wape", lambda y, f: 100 * sum(abs(b - a) for a, b in zip(y, f, strict=True)) / sum(y)),
        ("bias", lambda y, f: 100 * (sum(f) - sum(y)) / sum(y)),
    ],
)
def test_metric_equals_a_plain_loop(name, want, seen):
    assert value(name, frame()) == pytest.approx(want(seen["demand"].tolist(), seen["forecast"].tolist()))


def test_newsvendor_cost_equals_a_plain_loop(seen):
    rows = seen.itertuples()
    want = [r.underage * max(r.demand - r.forecast, 0) + r.overage * max(r.forecast - r.demand, 0) for r in rows]
    assert value("newsvendor_cost", frame()) == pytest.approx(np.mean(want))


def test_group_is_scored_as_if_it_were_alone():
    table = frame()
    by_store = score(table, metrics_named(METRICS), {"store": "store"}).set_index(["metric", "group"])["value"]
    for name in METRICS:
        assert by_store[name, "b"] == pytest.approx(value(name, table[table["store"] == "b"]))


def test_what_is_left_out_is_counted():
    table = frame()
    counts = score(table, metrics_named(["mae", "mape", "pinball"]), {"total": None}).set_index("metric")
    hidden, zero = table["demand"].isna().sum(), (table["demand"] == 0).sum()
    assert counts["n_missing"].to_dict() == {"mae": hidden, "mape": hidden + zero, "pinball": hidden}
    assert (counts["n_obs"] + counts["n_missing"] == ROWS).all()


def test_metric_that_cannot_be_computed_is_nan_and_counted():
    table = frame().drop(columns=["q0.2", "q0.9"])
    row = score(table, metrics_named(["pinball"]), {"total": None}).iloc[0]
    assert np.isnan(row["value"])
    assert (row["n_obs"], row["n_missing"]) == (0, ROWS)


def test_unknown_metrics_are_all_named():
    with pytest.raises(InputError) as error:
        metrics_named(["rmse", "wmape", "newsvendor"])
    assert [f.fix for f in error.value.faults] == ["did you mean 'wape'?", "did you mean 'newsvendor_cost'?"]


def test_version_follows_the_definition():
    versions = [m.version for m in METRICS.values()]
    assert len(set(versions)) == len(versions)
    assert METRICS["rmse"].version == METRICS["rmse"].version
