"""Past launches to study."""

import datetime as dt

import numpy as np
import pytest

from forecast_eval.align import Deltas, Launch, OnlineTest


@pytest.fixture(name="past_launches", scope="session")
def past_launches_fixture():
    """Give the function that makes past launches for a study."""
    return past_launches


def past_launches(count=8, seed=4):
    """Tested launches, a month apart, and one that was held back.

    Profit was foretold well, the fill rate goes against what is true, and RMSE tells nothing; errors of both sides
    share a little.
    """
    rng, found = np.random.default_rng(seed), []
    errors = np.array([0.005, 0.02, 0.008, 0.005, 0.006])
    covariance = np.outer(errors, errors) * (0.1 + 0.9 * np.eye(5))
    for k in range(count + 1):
        truth = rng.normal(0.01, 0.03)
        seen = np.array([truth, rng.normal(0, 0.05), -0.8 * truth, 0.7 * truth, -truth]) + rng.normal(0, errors) / 2
        day, tested = dt.date(2025, 1, 6) + dt.timedelta(days=31 * k), k < count
        offline = Deltas.of(["profit", "rmse", "fill_rate"], seen[:3], covariance[:3, :3],
                            better=["higher", "lower", "higher"])  # fmt: skip
        online = Deltas.of(["profit", "waste"], seen[3:], covariance[3:, 3:], better=["higher", "lower"],
                           base=[900.0, 40.0])  # fmt: skip
        test = OnlineTest("store", (20, 22), day, day + dt.timedelta(days=27), 4)
        found.append(Launch(
            f"launch {k}", f"candidate {k}", "AutoETS", day, "launched" if tested else "not tested", offline,
            online if tested else None, covariance[:3, 3:] if tested else None, test if tested else None,
            {"region": "north" if k % 2 else "south"},
        ))  # fmt: skip
    return found
