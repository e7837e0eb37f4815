"""A metric as another team would publish it: errors in whole pallets."""

from __future__ import annotations

import numpy as np

from forecast_eval.scores import Metric
from forecast_eval.scores.external import function_measure

PALLET = 12.0


def pallet_error(observations, *, pallet: float = PALLET) -> np.ndarray:
    """Distance of forecast and demand in whole pallets [series, step]."""
    ordered, wanted = (np.ceil(units / pallet) for units in (observations.forecast, observations.cells.demand))
    return np.abs(ordered - wanted)


PALLET_ERROR = Metric(
    "pallet_error",
    f"mean(|ceil(forecast / {PALLET:g}) - ceil(demand / {PALLET:g})|)",
    "pallets",
    "lower",
    question="How many pallets too many or too few arrive?",
    limitations="An error within a pallet costs nothing.",
    owner="supply chain",
    measure=function_measure(pallet_error),
)
