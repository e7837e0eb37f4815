"""Numbers that others have published about losses."""

import numpy as np
import pytest

from losses import Newsvendor, Spec, UnitCosts

LUMPY = np.array([0, 0, 5, 6, 0, 5, 0, 0, 0, 8, 0, 0, 6, 0], dtype=float)
EARLY = np.array([0, 0, 5, 6, 0, 5, 0, 0, 8, 0, 0, 0, 6, 0], dtype=float)


@pytest.mark.parametrize(("underage", "overage", "published"), [(0.75, 0.25, 0.1428), (0.1, 0.9, 0.5142)])
def test_spec_of_its_authors(underage, overage, published):
    """The example of the authors' own package (Martin et al. 2020), which truncates to four digits."""
    found = Spec().value(LUMPY, EARLY, UnitCosts(underage, overage)).mean()
    assert np.floor(found * 1e4) / 1e4 == published


def test_tie_of_integer_demand():
    assert Newsvendor().gradient(np.array([6.0]), np.array([6.0]), UnitCosts(8.0, 2.0)).tolist() == [-8.0]
