"""Laws of the utilsforecast metric, in utilsforecast's own evaluation."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from utilsforecast.evaluation import evaluate

from losses import AsymmetricSquared, Newsvendor, Spec, UnitCosts
from losses.utilsforecast import metric


def table(cutoffs=1):
    rng = np.random.default_rng(0)
    n = 12 * cutoffs
    return pd.DataFrame(
        {
            "unique_id": np.tile(np.repeat(["A", "B"], 6), cutoffs), "ds": np.tile(np.arange(6), 2 * cutoffs),
            "y": rng.gamma(2.0, 9.0, n), "one": rng.gamma(2.0, 9.0, n), "two": rng.gamma(2.0, 9.0, n),
            "underage": rng.uniform(1, 9, n), "overage": rng.uniform(1, 9, n),
        }
    )  # fmt: skip


def wanted(frame, model, series):
    rows = frame[frame["unique_id"] == series]
    costs = UnitCosts(rows["underage"].to_numpy(), rows["overage"].to_numpy())
    return Newsvendor().value(rows["y"].to_numpy(), rows[model].to_numpy(), costs).mean()


@pytest.mark.parametrize("as_polars", [False, True])
def test_metric_is_the_mean_cost_of_each_series_at_the_costs_of_its_rows(as_polars):
    frame = table()
    given = pl.from_pandas(frame) if as_polars else frame
    out = evaluate(given, metrics=[metric(Newsvendor())], models=["one", "two"])
    found = {row[0]: row[2:] for row in (out.rows() if as_polars else out.itertuples(index=False, name=None))}
    for series in "AB":
        assert found[series] == pytest.approx([wanted(frame, m, series) for m in ("one", "two")])


def test_each_cutoff_has_its_own_line():
    frame = table(cutoffs=2).assign(cutoff=np.repeat([10, 20], 12))
    out = evaluate(frame, metrics=[metric(Newsvendor())], models=["one"])
    assert len(out) == 4
    second = frame[frame["cutoff"] == 20]
    line = out[(out["cutoff"] == 20) & (out["unique_id"] == "B")]
    assert line["one"].item() == pytest.approx(wanted(second, "one", "B"))


def test_name_tells_two_metrics_apart():
    costs = UnitCosts(8.0, 2.0)
    both = [metric(Newsvendor(), costs), metric(AsymmetricSquared(), costs, name="squared money")]
    out = evaluate(table(), metrics=both, models=["one"], agg_fn="mean")
    assert out["metric"].tolist() == ["Newsvendor", "squared money"]


def test_a_frame_without_costs_is_refused():
    with pytest.raises(ValueError, match=r"no column \['overage'\] in the frame"):
        evaluate(table().drop(columns="overage"), metrics=[metric(Newsvendor())], models=["one"])


@pytest.mark.parametrize("as_polars", [False, True])
@pytest.mark.parametrize("column", ["one", "y"])
def test_a_missing_row_makes_its_series_missing(as_polars, column):
    frame = table()
    frame.loc[2, column] = np.nan
    out = evaluate(pl.from_pandas(frame, nan_to_null=False) if as_polars else frame, metrics=[metric()], models=["one"])
    one = dict(zip(out["unique_id"], out["one"], strict=True))
    assert np.isnan(one["A"])
    assert one["B"] == pytest.approx(wanted(frame, "one", "B"))


def test_a_loss_that_couples_periods_takes_each_series_for_itself_in_time():
    frame, costs = table(), UnitCosts(3.0, 1.0)
    shuffled = frame.sample(frac=1, random_state=0)
    out = evaluate(shuffled, metrics=[metric(Spec(), costs)], models=["one"]).set_index("unique_id")["one"]
    for series in "AB":
        rows = frame[frame["unique_id"] == series]
        assert out[series] == pytest.approx(Spec().value(rows["y"].to_numpy(), rows["one"].to_numpy(), costs).mean())


def test_the_loss_that_was_given_is_the_one_that_judges():
    frame, costs = table(), UnitCosts(8.0, 2.0)
    out = evaluate(frame, metrics=[metric(AsymmetricSquared(), costs)], models=["one"]).set_index("unique_id")["one"]
    rows = frame[frame["unique_id"] == "A"]
    squared = AsymmetricSquared().value(rows["y"].to_numpy(), rows["one"].to_numpy(), costs)
    assert out["A"] == pytest.approx(squared.mean())
