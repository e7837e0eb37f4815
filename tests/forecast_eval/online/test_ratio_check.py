"""Laws of the check for sample-ratio mismatch."""

import numpy as np
import pytest
from scipy.stats import chisquare

from backtest.faults import InputError
from forecast_eval.online.ratio_check import ratio_check


@pytest.mark.parametrize(("counts", "weights"), [([480, 560], [1, 1]), ([70, 240, 95], [0.2, 0.5, 0.3])])
def test_p_value_is_scipys(counts, weights):
    expected = np.array(weights) / sum(weights) * sum(counts)
    got = ratio_check(counts, weights)
    assert got.p_value == pytest.approx(chisquare(counts, expected).pvalue)
    assert got.expected == pytest.approx(expected)


def test_a_mismatch_is_below_one_in_a_thousand():
    assert not ratio_check([500, 603], [1, 1]).mismatch
    assert ratio_check([500, 610], [1, 1]).mismatch


def test_large_mismatches_have_a_logarithm():
    got = ratio_check([1_000_000, 1_200_000], [0.5, 0.5])
    assert got.p_value == 0
    assert -5000 < got.log10_p < -3000


def test_counts_by_chance_are_no_mismatch_and_p_is_uniform():
    rng = np.random.default_rng(1)
    p = [ratio_check(rng.multinomial(3000, [0.5, 0.3, 0.2]).tolist(), [5, 3, 2]).p_value for _ in range(2000)]
    assert np.mean(np.array(p) < 0.2) == pytest.approx(0.2, abs=0.027)


@pytest.mark.parametrize(
    ("counts", "weights", "said"),
    [
        ([5], [1], "1 counts and 1 shares"),
        ([5, 6], [1, 0], "must be above 0"),
        ([5, -6], [1, 1], "must be 0 or more"),
        ([0, 0], [1, 1], "not all 0"),
    ],
)
def test_impossible_counts_are_refused(counts, weights, said):
    with pytest.raises(InputError, match=said):
        ratio_check(counts, weights)
