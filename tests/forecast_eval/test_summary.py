"""Laws of the sentence."""

import numpy as np
import pytest

from forecast_eval.summary import sentence

FOUND = {
    "earns_most": "b",
    "most_accurate": "a",
    "metric": "RMSE",
    "against": "a",
    "difference": 1_120.4,
    "low": 35.0,
    "high": 2_205.8,
}


def say(**changes):
    return sentence(FOUND | changes, incumbent="a", currency="EUR", confidence=0.95)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Best on RMSE: a; earns most: b; difference EUR 1,120 (from 35 to 2,206) a week."),
        ({"metric": "MAE"}, "Best on MAE: a; earns most: b; difference"),
        ({"low": -5.0}, "difference EUR 1,120 (from -5 to 2,206) a week. That is within noise at 95%."),
        ({"low": np.nan, "high": np.nan}, "difference EUR 1,120 a week (too few stores and weeks for an interval)."),
        ({"most_accurate": "b"}, "Best on RMSE and earns most: b; difference to a, the incumbent, EUR 1,120 (from"),
        (
            {"most_accurate": "a", "earns_most": "a", "against": "c"},
            "Best on RMSE and earns most: a, the incumbent; difference to c, the next, EUR 1,120 (from 35 to",
        ),
        ({"most_accurate": "a", "earns_most": "a", "against": "a"}, "a, the only model that was played."),
    ],
)
def test_sentence_says_who_by_how_much_and_how_sure(changes, words):
    assert words in say(**changes)
