"""A published forecaster tests itself by the contract, and is found by its entry point once it is installed."""

import os
from importlib.metadata import PackageNotFoundError, version

import pytest

from backtest import InputError
from backtest.adapters.imported import Imported, imported
from backtest.testing import ForecasterContract

try:
    version("naive-plugin")
except PackageNotFoundError:
    MISSING = "naive-plugin is not installed: pip install -e tests/plugin_package"
    if os.environ.get("CI") == "true":
        pytest.fail(MISSING)
    pytest.skip(MISSING, allow_module_level=True)


class TestRecentMean(ForecasterContract):
    quantiles = True

    def make(self, history):  # noqa: ARG002 - it holds parameters only
        from naive_plugin import RecentMean

        return RecentMean(periods=6)


class TestRecentMeanByItsEntryPoint(ForecasterContract):
    quantiles = True

    def make(self, history):  # noqa: ARG002 - it holds parameters only
        return imported("recent-mean", {"periods": 6})


def test_entry_point_is_found_with_its_params_and_says_that_it_is_local():
    found = imported("recent-mean", {"periods": 9})
    assert isinstance(found, Imported)
    assert found.local
    assert "periods" in repr(found)


def test_near_name_is_given_for_an_entry_point_that_does_not_exist():
    with pytest.raises(InputError, match=r"no installed package has an entry point 'recent-men' .* 'recent-mean'"):
        imported("recent-men")


def test_params_that_the_plugin_refuses_are_bad_input():
    with pytest.raises(InputError, match=r"recent-mean refuses its params: ValueError: periods=0 must be >= 1"):
        imported("recent-mean", {"periods": 0})
    with pytest.raises(InputError, match=r"unexpected keyword argument 'period'; did you mean 'periods'"):
        imported("recent-mean", {"period": 3})
