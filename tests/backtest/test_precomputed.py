"""Laws of forecasts made elsewhere: what is not on sale is left out and counted, what is unknown is refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtest import History, InputError, Origin, RollingWindows, backtest
from backtest.adapters import Precomputed, SeasonalAverage

STEPS = 3
WINDOWS = RollingWindows(horizon=STEPS, n_windows=4)
IDS = ("s0", "s1", "s2", "s3")


def sales():
    weeks = pd.date_range("2025-01-06", periods=30, freq="W-MON")
    rng = np.random.default_rng(3)
    return pd.DataFrame({
        "unique_id": np.repeat(IDS, 30), "ds": np.tile(weeks, 4), "y": rng.poisson(7.0, 120).astype(float),
    })  # fmt: skip


@pytest.fixture(scope="module")
def made():
    return backtest(History.of(sales()), {"m": SeasonalAverage(5, "none")}, windows=WINDOWS).forecasts


def ragged(first):
    """A panel in which s1 ended before the first cutoff, and s2 begins after it."""
    frame = sales()
    ended = (frame["unique_id"] == "s1") & (frame["ds"] >= first)
    unborn = (frame["unique_id"] == "s2") & (frame["ds"] <= first)
    return History.of(frame[~(ended | unborn)])


@pytest.mark.parametrize("input_size", [None, 4])
def test_series_that_are_not_on_sale_at_a_cutoff_are_left_out_and_counted(input_size, made):
    first, last = made["cutoff"].min(), made["cutoff"].max()
    elsewhere = Precomputed(made, Origin("made.csv"), ids=IDS)
    result = backtest(ragged(first), {"it": elsewhere}, windows=replace(WINDOWS, input_size=input_size))
    at = result.forecasts.groupby("cutoff")["unique_id"].unique()
    assert (list(at[first]), list(at[last])) == (["s0", "s3"], ["s0", "s2", "s3"])
    told = "series that were not on sale then were left out of made.csv"
    assert [note.split(": ")[1] for note in result.notes["it"]] == [
        f"{2 * STEPS} rows of 2 {told}", *(3 * [f"{STEPS} rows of 1 {told}"])
    ]  # fmt: skip


def test_series_that_have_ended_are_left_out_without_a_list_of_ids_too(made):
    ended = sales().query("unique_id != 's1' or ds < '2025-05-01'")
    result = backtest(History.of(ended), {"it": Precomputed(made, Origin("made.csv"))}, windows=WINDOWS)
    assert set(result.forecasts["unique_id"]) == {"s0", "s2", "s3"}
    assert len(result.notes["it"]) == 4


@pytest.mark.parametrize("ids", [None, IDS])
def test_id_that_the_panel_does_not_have_is_refused(ids, made):
    wrong = made.replace({"unique_id": {"s1": "s11"}})
    with pytest.raises(InputError, match=r"made\.csv: unique_id='s11' is not in the history; did you mean 's1'"):
        backtest(History.of(sales()), {"it": Precomputed(wrong, Origin("made.csv"), ids)}, windows=WINDOWS)
