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
