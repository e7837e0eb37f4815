"""Launches of a synthetic retailer, to learn from: promised offline, measured online, and truly earned.

    python benchmarks/past_launches.py FOLDER [--seeds 36] [--processes 2]

Every seed is a market of its own, with six candidates drawn at random against the same incumbent: moving averages,
exponential smoothing, and LightGBM with plain and business losses, trained on sales as they are or with hidden demand
filled. A finished market is kept in FOLDER and not played again; `benchmarks/trusted.py` reads them.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import yaml

CONFIG = Path(__file__).parent / "launches.yaml"
CANDIDATES = 6


def candidates(seed: int) -> dict[str, dict[str, Any]]:
    """Six forecasters, by name."""
    rng = np.random.default_rng([seed, 8])
    found: dict[str, dict[str, Any]] = {}
    while len(found) < CANDIDATES:
        name, spec = _drawn(rng)
        found.setdefault(name, spec)
    return found


def _drawn(rng: np.random.Generator) -> tuple[str, dict[str, Any]]:
    kind = rng.choice(
        ["average", "smoothing", "plain", "quantile", "newsvendor", "trend"], p=[0.15, 0.1, 0.2, 0.2, 0.15, 0.2]
    )
    hidden = str(rng.choice(["as_is", "fill"]))
    if kind == "average":
        window, season = int(rng.integers(4, 27)), str(rng.choice(["none", "week"]))
        spec: dict[str, Any] = {"kind": "seasonal_average", "window": window}
        return f"average_{window}_{season}", spec | ({"season": "none"} if season == "none" else {})
    if kind == "smoothing":
        alpha = float(rng.choice([0.1, 0.2, 0.4]))
        model = {"kind": "statsforecast", "model": "SimpleExponentialSmoothing", "params": {"alpha": alpha}}
        return f"smoothing_{alpha:g}_{hidden}", model | {"hidden_demand": hidden}
    params: dict[str, Any] = {
        "n_estimators": int(rng.choice([30, 60])), "learning_rate": 0.15, "num_leaves": int(rng.choice([15, 31])),
        "min_child_samples": 30,
    }  # fmt: skip
    boosted = {
        "kind": "lightgbm", "lags": [1, 2, 3, 4, 8, 52], "rolling_means": [4, 13], "date_features": ["week"],
        "static": ["category"], "hidden_demand": hidden,
    }  # fmt: skip
    tail = f"{params['n_estimators']}_{params['num_leaves']}_{hidden}"
    if kind == "plain":
        objective = str(rng.choice(["l1", "l2"]))
        return f"{objective}_{tail}", boosted | {"params": params | {"objective": objective}}
    if kind == "quantile":
        alpha = float(rng.choice([0.4, 0.55, 0.6, 0.7]))
        return f"quantile_{alpha:g}_{tail}", boosted | {"params": params | {"objective": "quantile", "alpha": alpha}}
    if kind == "newsvendor":
        return f"newsvendor_{tail}", boosted | {"loss": {"family": "newsvendor"}, "params": params}
    strength = float(rng.choice([0.5, 1.0, 2.0]))
    loss = {"family": "newsvendor", "trend": {"strength": strength}}
    return f"trend_{strength:g}_{tail}", boosted | {"loss": loss, "params": params}


def config_of(seed: int) -> dict[str, Any]:
    """YAML of one market."""
    tree: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    drawn = candidates(seed)
    tree["seed"] = seed
    tree["forecasters"] |= drawn
    tree["online"]["candidates"] = list(drawn)
    tree["backtest"]["workers"] = 1
    return tree


def played(seed: int, folder: Path) -> Path:
    """Directory of the run of one market."""
    from forecast_eval.pipeline import run

    own = folder / f"{seed:03}"
    own.mkdir(parents=True, exist_ok=True)
    path = own / "config.yaml"
    path.write_text(yaml.safe_dump(config_of(seed), sort_keys=False))
    return run(path, root=own, upto="launch").path


def runs_in(folder: Path) -> list[Path]:
    """Directories of all markets that were played to their end, by seed."""
    return sorted(path.parents[1] for path in folder.glob("*/launches/*/tables/launches.parquet"))


def main() -> int:
    """Play what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=36)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    with ProcessPoolExecutor(given.processes) as pool:
        asked = [pool.submit(played, seed, given.folder) for seed in range(1, given.seeds + 1)]
        for done, future in enumerate(as_completed(asked), start=1):
            print(f"{done} of {given.seeds}: {future.result()}", flush=True)
    print(f"SUMMARY past_launches: {given.seeds} markets, {CANDIDATES * given.seeds} candidates in {given.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
