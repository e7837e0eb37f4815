"""Laws of unit costs."""

import numpy as np
import pytest
import torch

from losses import UnitCosts


def test_costs_derive_from_prices():
    costs = UnitCosts.from_prices(10.0, 4.0, salvage=1.0, holding=0.25, goodwill=0.5)
    assert (costs.underage, costs.overage) == (6.5, 3.25)
    assert costs.critical_ratio() == pytest.approx(2 / 3)


@pytest.mark.parametrize("bad", [-2.0, np.nan, np.inf])
def test_bad_cost_is_refused_with_its_row(bad):
    with pytest.raises(ValueError, match=r"underage=.* in row 2 must be finite and >= 0"):
        UnitCosts(np.array([1.0, 2.0, bad, 4.0]), 1.0)


def test_bad_tensor_is_refused():
    with pytest.raises(ValueError, match=r"overage=-1.0 in row 1"):
        UnitCosts(1.0, torch.tensor([3.0, -1.0], requires_grad=True))


def test_two_dimensional_costs_are_refused_with_their_place():
    with pytest.raises(ValueError, match=r"underage=-1.0 at \[1, 1\] must be finite"):
        UnitCosts(np.array([[1.0, 2.0], [3.0, -1.0]]), 1.0)


def test_free_goods_have_no_critical_ratio():
    assert np.isnan(UnitCosts(0.0, 0.0).critical_ratio())
    assert UnitCosts(np.array([0.0, 3.0]), np.array([0.0, 1.0])).critical_ratio() == pytest.approx(
        [np.nan, 0.75], nan_ok=True
    )
    assert UnitCosts(torch.tensor([0.0, 3.0]), 0.0).critical_ratio().tolist()[1] == 1


def test_unsigned_prices_do_not_wrap():
    with pytest.raises(ValueError, match=r"underage=-2.0 in row 1"):
        UnitCosts.from_prices(np.array([10, 3], dtype=np.uint16), np.array([4, 5], dtype=np.uint16))
    with pytest.raises(ValueError, match=r"underage=-2.0 in row 1"):
        UnitCosts.from_prices(torch.tensor([10, 3], dtype=torch.uint8), torch.tensor([4, 5], dtype=torch.uint8))


def test_columns_of_a_frame_are_taken_by_row_and_refused_where_their_labels_differ():
    import pandas as pd

    price, cost = pd.Series([10.0, 20.0], ["A", "B"]), pd.Series([4.0, 15.0], ["A", "B"])
    assert UnitCosts.from_prices(price, cost).underage.tolist() == [6.0, 5.0]
    with pytest.raises(ValueError, match="the rows of price and unit_cost have other labels"):
        UnitCosts.from_prices(price, cost[::-1])


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: UnitCosts("much", 1.0), "underage='much' must be a number"),
        (lambda: UnitCosts(None, 1.0), "underage=nan must be finite"),
        (lambda: UnitCosts(np.ones(3), np.ones(4)), r"underage of shape \(3,\) and overage of shape \(4,\) do not fit"),
        (lambda: UnitCosts.from_prices(10.0, 4.0, holding=-1.0), "holding=-1.0 must be finite and >= 0"),
        (lambda: UnitCosts.from_prices(10.0, 4.0, salvage=5.0), "overage=-1.0 .* Is salvage above unit_cost?"),
    ],
)
def test_what_is_no_cost_is_refused(make, told):
    with pytest.raises(ValueError, match=told):
        make()


def test_costs_of_a_list_are_an_array():
    assert UnitCosts([8, 1], 2).critical_ratio() == pytest.approx([0.8, 1 / 3])
