"""Tests against libraries that are optional: skipped where one is not installed, failed where all should be."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest

ALL_INSTALLED = os.environ.get("FORECAST_EVAL_INTEGRATIONS") == "1"
HERE = Path(__file__).parent

# before any of their modules is collected: their imports warn about each other, and here warnings are errors
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for library in ("neuralforecast", "darts.models", "pytorch_forecasting"):
        try:
            __import__(library)
        except ImportError:
            continue


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            # training loops of other libraries warn of their own matters
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    return failed_if_skipped(report, collector)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    return failed_if_skipped(report, item)


def failed_if_skipped(report, node):
    if ALL_INSTALLED and report.skipped and HERE in node.path.parents:
        report.outcome = "failed"
        report.longrepr = f"skipped although FORECAST_EVAL_INTEGRATIONS=1: {report.longrepr}"
    return report
