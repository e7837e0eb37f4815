"""Laws of the leaderboard."""

import numpy as np
import pandas as pd
import pytest

from backtest.faults import InputError
from forecast_eval.inference import diebold_mariano
from forecast_eval.scores.leaderboard import COLUMNS, Measured, Resampling, leaderboard

MODELS = ("slow", "best", "empty", "near")
SERIES, CUTOFFS = 24, 12


def ratio(sums):
    return np.divide(sums[..., 0], sums[..., 1], out=np.full(sums.shape[:-1], np.nan), where=sums[..., 1] != 0)


def root(sums):
    return np.sqrt(ratio(sums))


def sums_of(seed=1, factors=(1.5, 1.0, 0.0, 1.02)):
    """Errors and demand [model, 2, series, cutoff], ragged, with a model that has none; and numbers of observations."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 8, (SERIES, CUTOFFS))
    counts[3, :5] = counts[7] = 0  # a late series, and one that was never sold
    counts[:, 2] = 0
    demand = counts * rng.poisson(3.0, (SERIES, 1)) * (counts > 0)
    scale = rng.gamma(2.0, 1.0, (SERIES, 1)) * rng.gamma(20.0, 0.05, CUTOFFS)
    errors = [f * counts * scale * rng.gamma(9.0, 1 / 9, (SERIES, CUTOFFS)) for f in factors]
    sums = np.array([[e, demand * (f > 0)] for e, f in zip(errors, factors, strict=True)])
    return sums.astype(float), counts


def measured(**changes):
    sums, counts = sums_of()
    given = {"models": MODELS, "metric": "wape", "direction": "lower", "sums": sums, "finish": ratio,
             "observations": counts}  # fmt: skip
    return Measured(**(given | changes))


def how(**changes):
    return Resampling(**({"clusters": np.arange(SERIES) // 2, "blocks": np.arange(CUTOFFS)} | changes))


def board(one=None, *, baseline="near", **changes):
    return leaderboard(measured() if one is None else one, resampling=how(**changes), baseline=baseline)


def by_model(found):
    return found.table.set_index("model")


def test_best_comes_first_and_models_without_observations_last():
    table = board().table
    assert table["model"].tolist() == ["best", "near", "slow", "empty"]
    assert tuple(table.columns) == COLUMNS


@pytest.mark.parametrize("finish", [ratio, root])
def test_value_of_a_ratio_is_that_of_all_sums(finish):
    sums, _ = sums_of()
    table = by_model(board(measured(finish=finish)))
    for m, name in enumerate(MODELS):
        expected = sums[m, 0].sum() / sums[m, 1].sum() if name != "empty" else np.nan
        expected = expected**0.5 if finish is root else expected
        assert table.loc[name, "value"] == pytest.approx(expected, nan_ok=True)


def test_value_per_series_is_the_weighted_mean_over_series_that_have_one():
    sums, _ = sums_of()
    weight = np.linspace(1, 5, SERIES)
    table = by_model(board(measured(per_series=True, weight=weight)))
    own = sums[0, 1].sum(axis=1) > 0
    expected = np.average(sums[0, 0].sum(axis=1)[own] / sums[0, 1].sum(axis=1)[own], weights=weight[own])
    assert table.loc["slow", "value"] == pytest.approx(expected)
    assert table.loc["slow", "n_series"] == own.sum()
    assert own.sum() < SERIES - 1


def test_model_without_observations_has_nothing_but_a_name():
    row = by_model(board()).loc["empty"]
    numbers = row.drop(["metric", "tied", "n_obs", "n_series", "n_cutoffs"])
    assert numbers.isna().all()
    assert (row["tied"], row["n_obs"], row["n_series"], row["n_cutoffs"]) == (False, 0, 0, 0)


@pytest.mark.parametrize("per_series", [False, True])
def test_model_without_observations_changes_nothing_for_others(per_series):
    sums, counts = sums_of()
    kept = [0, 1, 3]
    fewer = measured(models=tuple(MODELS[k] for k in kept), sums=sums[kept], per_series=per_series)
    pd.testing.assert_frame_equal(board(fewer).table, board(measured(per_series=per_series)).table[:3])
    assert counts.sum() == board(fewer).table["n_obs"][0]


def test_what_a_value_rests_on_is_counted():
    row = by_model(board()).loc["best"]
    assert (row["n_series"], row["n_cutoffs"]) == (SERIES - 1, CUTOFFS - 1)
    without = by_model(board(measured(observations=None))).loc["best"]
    assert np.isnan(without["n_obs"])
    assert (without["n_series"], without["n_cutoffs"]) == (SERIES - 1, CUTOFFS - 1)


def test_series_and_cutoffs_without_observations_change_nothing():
    sums, counts = sums_of()
    series, cutoffs = counts.any(axis=1), counts.any(axis=0)
    fewer = measured(sums=sums[:, :, series][..., cutoffs], observations=counts[series][:, cutoffs])
    given = how()
    alone = leaderboard(
        fewer, resampling=how(clusters=given.clusters[series], blocks=given.blocks[cutoffs]), baseline="near"
    )
    pd.testing.assert_frame_equal(alone.table, board().table)


def test_intervals_hold_their_estimates():
    table = board().table[:3]
    for value, low, high in (("value", "low", "high"), ("difference", "difference_low", "difference_high"),
                             ("skill", "skill_low", "skill_high"), ("win_rate", "win_low", "win_high")):  # fmt: skip
        assert (table[low] <= table[value]).all()
        assert (table[value] <= table[high]).all()
        assert (table[low] < table[high]).sum() >= 2
    assert table["win_low"].min() >= 0
    assert table["win_high"].max() <= 1
    assert table["skill_high"].max() <= 1


def test_shares_stay_within_their_bounds_however_few_the_clusters():
    table = by_model(board(clusters=np.arange(SERIES) % 3))
    assert table.loc["best", "win_high"] == 1
    assert table.loc["slow", "win_low"] == 0


def test_differences_are_paired():
    sums, _ = sums_of()
    sums[3, 0] = 1.1 * sums[1, 0]  # ten per cent worse in every cell: no noise in the difference but that of the level
    row = by_model(board(measured(sums=sums))).loc["near"]
    assert row["difference_high"] - row["difference_low"] == pytest.approx(0.1 / 1.1 * (row["high"] - row["low"]))
    assert not row["tied"]


def test_copies_share_the_place_and_the_games():
    sums, _ = sums_of()
    sums[3] = sums[1]
    table = by_model(board(measured(sums=sums), baseline="best"))
    one, two = table.loc["best"], table.loc["near"]
    assert one["tied"]
    assert two["tied"]
    assert (two["difference"], two["difference_low"], two["difference_high"], two["skill"]) == (0, 0, 0, 0)
    assert one["win_rate"] == two["win_rate"]
    assert one["p_best"] == two["p_best"] == 0.5
    assert np.isnan(two["dm_p"])


def test_order_of_the_models_does_not_matter():
    sums, _ = sums_of()
    turned = measured(models=MODELS[::-1], sums=sums[::-1])
    pd.testing.assert_frame_equal(board(turned).table, board().table)


def test_tests_are_those_of_the_values_at_each_cutoff_against_the_best():
    sums, counts = sums_of()
    at = ratio(np.moveaxis(sums.sum(axis=2), 1, -1))[:, counts.any(axis=0)]
    table = by_model(board(overlap=1))
    p = {m: diebold_mariano(at[MODELS.index(m)], at[1], overlap=1).p_value for m in ("slow", "near")}
    assert table.loc[list(p), "dm_p"].tolist() == pytest.approx(list(p.values()))
    assert np.isnan(table.loc["best", "dm_p"])
    smaller, larger = sorted(p.values())
    assert sorted(table["dm_p_holm"].dropna()) == pytest.approx(sorted([2 * smaller, max(2 * smaller, larger)]))


def test_tests_of_a_mean_over_series_take_the_mean_at_each_cutoff():
    sums, counts = sums_of()
    weight = np.linspace(1, 5, SERIES)
    at = np.full((4, CUTOFFS), np.nan)
    for m, c in np.ndindex(4, CUTOFFS):
        own = sums[m, 1, :, c] > 0
        if own.any():
            at[m, c] = np.average(sums[m, 0, own, c] / sums[m, 1, own, c], weights=weight[own])
    at = at[:, counts.any(axis=0)]
    table = by_model(board(measured(per_series=True, weight=weight)))
    assert table["value"].idxmin() == "best"
    assert table.loc["slow", "dm_p"] == pytest.approx(diebold_mariano(at[0], at[1]).p_value)


def test_higher_is_better_turns_everything_round():
    sums, _ = sums_of()
    upside = sums.copy()
    upside[:, 0] = np.divide(sums[:, 1] ** 2, sums[:, 0], out=np.zeros_like(sums[:, 0]), where=sums[:, 0] > 0)
    table = by_model(board(measured(sums=upside, direction="higher", metric="recall")))
    assert table["value"].dropna().is_monotonic_decreasing
    assert table.index[-1] == "empty"
    assert (table["difference"].dropna() >= 0).all()
    assert table.loc["slow", "difference"] == pytest.approx(table.loc["best", "value"] - table.loc["slow", "value"])
    assert table.loc["slow", "skill"] < 0 < table.loc["best", "skill"]
    assert table.loc["slow", "win_rate"] < 0.2


def test_where_zero_is_best_both_signs_are_bad():
    sums, _ = sums_of()
    signed = sums.copy()
    signed[0, 0] *= -1
    table, plain = (by_model(board(measured(sums=s, direction="zero", metric="bias"))) for s in (signed, sums))
    assert table.index.tolist() == ["best", "near", "slow", "empty"]
    assert table.loc["slow", "value"] == -plain.loc["slow", "value"]
    same = ["difference", "difference_low", "difference_high", "skill", "win_rate", "dm_p", "p_best", "tied"]
    pd.testing.assert_frame_equal(table[same], plain[same])


def test_no_skill_from_values_that_have_no_ratio():
    sums, _ = sums_of()
    sums[1, 0, 5] *= -1
    found = board(measured(sums=sums))
    assert found.table["skill"].isna().all()
    assert "wape: no skill score, since values of series are negative" in found.notes


def test_no_skill_without_a_baseline_that_has_values():
    assert board(baseline=None).table["skill"].isna().all()
    found = board(baseline="empty")
    assert found.table["skill"].isna().all()
    assert found.notes == ("wape: no skill score, since the baseline empty has no value",)
    assert board().notes == ()


def test_model_that_is_not_finite_is_named_and_compared_with_nobody():
    sums, _ = sums_of()
    sums[0, 0, 4, 4] = np.inf
    found = board(measured(sums=sums))
    assert found.notes == ("wape: sums of slow are not finite",)
    sums[0] = 0
    pd.testing.assert_frame_equal(found.table, board(measured(sums=sums)).table)


def test_too_little_time_is_said():
    found = board(blocks=np.zeros(CUTOFFS, dtype=int))
    assert len(found.notes) == 1
    assert found.notes[0].startswith("only series are drawn")
    few = measured(sums=measured().sums[..., 4:8], observations=measured().observations[:, 4:8])
    notes = leaderboard(few, resampling=how(blocks=np.arange(4), overlap=1)).notes
    assert notes == ("no Diebold-Mariano test: 4 cutoffs are fewer than 6",)
    assert board(overlap=1).notes[0].startswith("the Diebold-Mariano test rejects too often: 11 cutoffs")


def test_no_intervals_are_said_and_all_may_be_best():
    found = board(clusters=np.zeros(SERIES, dtype=int), blocks=np.zeros(CUTOFFS, dtype=int))
    assert found.notes == ("no intervals: there is one cluster and too little time",)
    assert found.table[["low", "difference_high", "skill_low", "win_high"]].isna().all(axis=None)
    assert found.table["tied"].tolist() == [True, True, True, False]


def test_nothing_observed_is_said():
    nothing = measured(sums=np.zeros((4, 2, SERIES, CUTOFFS)), observations=None)
    for per_series in (False, True):
        found = board(measured(sums=nothing.sums, observations=None, per_series=per_series))
        assert found.notes == ("wape: no observations that all models have",)
        assert found.table["value"].isna().all()
        assert not found.table["tied"].any()


def test_one_model_has_nobody_to_be_compared_with():
    sums, _ = sums_of()
    row = board(measured(models=("best",), sums=sums[1:2]), baseline="best").table.iloc[0]
    assert np.isnan([row["win_rate"], row["dm_p"]]).all()
    assert (row["difference"], row["skill"], row["p_best"], row["tied"]) == (0, 0, 1, True)


def test_metrics_in_one_call_are_the_tables_of_each():
    sums, counts = sums_of()
    counts[:5] = 0  # a metric that fewer series have
    several = [
        measured(),
        measured(metric="rmse", finish=root),
        measured(metric="mase", per_series=True, sums=sums * (counts > 0), observations=counts),
    ]
    found = leaderboard(iter(several), resampling=how(overlap=1), baseline="near")
    each = [leaderboard(one, resampling=how(overlap=1), baseline="near") for one in several]
    pd.testing.assert_frame_equal(found.table, pd.concat([one.table for one in each], ignore_index=True))
    assert found.notes == each[0].notes  # said once


def test_same_seed_gives_the_same_bytes():
    one, two, other = (board(seed=seed).table.to_csv() for seed in (1, 1, 2))
    assert one == two
    assert one != other


def test_all_faults_are_told_at_once():
    with pytest.raises(InputError) as caught:
        leaderboard(measured(), resampling=how(clusters=np.arange(5), blocks=np.arange(3)), baseline="neer")
    assert [str(f).split(";")[0] for f in caught.value.faults] == [
        "leaderboard.clusters: clusters=5 codes must be as many as the 24 series",
        "leaderboard.blocks: blocks=3 codes must be as many as the 12 cutoffs",
        "leaderboard.baseline: baseline='neer' must be one of the models",
    ]
    assert caught.value.faults[2].fix == "did you mean 'near'?"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"confidence": 95.0}, "confidence=95.0 must be from 0.5 to below 1"),
        ({"replicates": 30}, "replicates=30 must be >= 40"),
        ({"overlap": -1}, "overlap=-1 must be >= 0"),
    ],
)
def test_settings_that_no_interval_can_be_made_with_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        how(**changes)


def test_truly_best_model_is_tied_and_its_interval_covers():
    """Three models with effects of series and of time, two of them equally good."""
    tied, covered = np.zeros(3), 0
    for seed in range(60):
        rng = np.random.default_rng([5, seed])
        common = np.exp(0.5 * rng.normal(size=(30, 1)) + 0.2 * rng.normal(size=(1, 8)) - 0.145)
        errors = np.array([1.0, 1.0, 2.0])[:, None, None] * common * rng.gamma(4.0, 0.25, (3, 30, 8))
        sums = np.stack([errors, np.ones_like(errors)], axis=1)
        one = Measured(("a", "b", "worse"), "mae", "lower", sums, ratio)
        found = leaderboard(one, resampling=Resampling(np.arange(30), np.arange(8), replicates=200, seed=seed))
        table = by_model(found).loc[["a", "b", "worse"]]
        tied += table["tied"].to_numpy()
        covered += table.loc["a", "low"] <= 1 <= table.loc["a", "high"]
    assert (tied[:2] / 60 >= 0.87).all()  # .95 less three standard errors of 60 draws
    assert tied[2] / 60 <= 0.2
    assert covered / 60 >= 0.87
