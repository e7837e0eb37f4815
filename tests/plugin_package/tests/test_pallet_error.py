"""A published metric is found by its entry point, by its name alone, once its package is installed."""

import os
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pytest

from backtest import InputError
from forecast_eval.scores import metrics_named
from forecast_eval.scores.fixed_table import fixed_windows

try:
    version("naive-plugin")
except PackageNotFoundError:
    MISSING = "naive-plugin is not installed: pip install -e tests/plugin_package"
    if os.environ.get("CI") == "true":
        pytest.fail(MISSING)
    pytest.skip(MISSING, allow_module_level=True)


def test_metric_of_another_package_has_a_name_in_score_metrics():
    plain, named = metrics_named(["pallet_error", {"name": "pallets", "object": "pallet_error", "owner": "planning"}])
    assert (plain.unit, plain.direction, plain.owner) == ("pallets", "lower", "supply chain")
    assert named == replace(plain, name="pallets", owner="planning", measure=named.measure)


def test_its_values_are_those_of_its_function():
    from naive_plugin.metrics import pallet_error

    (metric,) = metrics_named(["pallet_error"])
    o = fixed_windows()[0]
    np.testing.assert_array_equal(metric.measure.parts(o)[0], pallet_error(o))
    assert np.nanmax(pallet_error(o)) > 0


def test_near_name_is_given_for_an_entry_point_that_does_not_exist():
    with pytest.raises(InputError, match=r"no installed package has an entry point 'palet_error' .* 'pallet_error'"):
        metrics_named([{"name": "pallets", "object": "palet_error"}])


def test_metric_that_is_made_already_takes_no_params():
    with pytest.raises(InputError, match="pallet_error is a Metric and takes no params: pallet; leave params out"):
        metrics_named([{"name": "pallets", "object": "pallet_error", "params": {"pallet": 6}}])
