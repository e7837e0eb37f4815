"""A small chain with a finished run, and what an experiment in its stores measured."""

import numpy as np
import pandas as pd
import pytest
import yaml

from forecast_eval.pipeline import open_session, run

STORES = [f"S{k}" for k in range(8)]
ITEMS = ("K0", "K1", "K2")
WEEKS = pd.date_range("2025-01-06", periods=44, freq="W-MON")
CHAIN = {
    "name": "chain",
    "data": {
        "history": {"path": "history.csv"},
        "static": {"path": "static.csv"},
        "economics": {"path": "economics.csv"},
    },
    "backtest": {"horizon": 3, "windows": 16, "workers": 1, "last_cutoff": "2025-10-13"},
    "forecasters": {
        name: {"kind": "seasonal_average", "window": window, "season": "none"}
        for name, window in (("fast", 3), ("slow", 14), ("twin", 14))
    },
    "score": {"metrics": ["rmse"], "trend": {"recent": 2, "base": 6}},
    "simulate": {"judged": 8, "scenarios": 50, "policies": [{"kind": "order_up_to", "coverage": [0.9]}]},
    "compare": {"incumbent": "slow"},
}


@pytest.fixture(scope="session")
def chain(tmp_path_factory):
    """Folder of a chain with eight stores, its config, and a finished run of three models in `runs`."""
    folder = tmp_path_factory.mktemp("chain")
    rng = np.random.default_rng(4)
    ids = [f"{store}-{item}" for store in STORES for item in ITEMS]
    rate = rng.uniform(4, 15, (len(ids), 1)) * (1 + 0.25 * np.sin(np.arange(44) / 3))
    rate[::3, 30:] *= np.linspace(1, 3, 14)  # every K0 takes off
    sales = rng.poisson(rate)
    pd.DataFrame({
        "unique_id": np.repeat(ids, 44), "ds": np.tile(WEEKS.strftime("%Y-%m-%d"), len(ids)), "y": sales.ravel(),
    }).to_csv(folder / "history.csv", index=False)  # fmt: skip
    pd.DataFrame({
        "unique_id": ids, "store": [i[:2] for i in ids], "item": [i[3:] for i in ids],
    }).to_csv(folder / "static.csv", index=False)  # fmt: skip
    pd.DataFrame({
        "unique_id": ids, "price": 10.0, "unit_cost": 6.0, "salvage": 1.0, "shelf_life": 3, "holding": 0.25,
        "goodwill": 2.0, "lead_time": 1,
    }).to_csv(folder / "economics.csv", index=False)  # fmt: skip
    (folder / "chain.yaml").write_text(yaml.safe_dump(CHAIN), encoding="utf-8")
    run(folder / "chain.yaml", root=folder / "runs", upto="simulate")
    return folder


@pytest.fixture(scope="session")
def chain_run(chain):
    """Directory of the run."""
    return next((chain / "runs" / "chain").glob("2*"))


@pytest.fixture(scope="session")
def session(chain_run):
    """Session of the run."""
    return open_session(chain_run)


@pytest.fixture(scope="session")
def chain_outcomes():
    """Give the function that makes outcomes by store, week and item; odd stores are treated from `start` on."""

    def made(start="2025-10-20", periods=6, *, lift=0.05, stores=STORES, seed=2):
        rng, first = np.random.default_rng(seed), pd.Timestamp(start)
        weeks = pd.date_range(first - pd.Timedelta(weeks=10), periods=10 + periods, freq="7D")
        rows = []
        for k, store in enumerate(stores):
            for week in weeks:
                treated = bool(k % 2) and week >= first
                for item in ITEMS:
                    sold = round(rng.poisson(12 + k) * (1 + lift * treated), 3)
                    rows.append({
                        "arm": "treatment" if treated else "control", "unit": store, "ds": week, "item": item,
                        "sold": sold, "revenue": 10 * sold, "stockouts": int(rng.random() < 0.2), "exposure": 1,
                        "wasted": int(rng.poisson(1)), "profit": 4 * sold - 3, "visits": 7,
                    })  # fmt: skip
        return pd.DataFrame(rows)

    return made
