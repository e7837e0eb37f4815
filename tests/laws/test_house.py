"""The house: losses and backtest are leaves, and importing does nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORBIDDEN = {"losses": {"backtest", "forecast_eval"}, "backtest": {"losses", "forecast_eval"}}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", FORBIDDEN)
def test_package_is_a_leaf(package):
    files = list((ROOT / package).rglob("*.py"))
    assert len(files) > 3
    assert {(f.name, name) for f in files for name in imported(f) if name in FORBIDDEN[package]} == set()


@pytest.mark.parametrize("package", ["losses", "backtest", "forecast_eval"])
def test_inside_a_package_imports_are_relative(package):
    assert {f.name for f in (ROOT / package).rglob("*.py") if package in imported(f)} == set()


def test_losses_load_no_torch():
    code = "import sys, losses; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_version_is_said_once():
    from importlib.metadata import version

    import forecast_eval

    assert forecast_eval.__version__ == version("forecast-eval")


@pytest.mark.parametrize("name", ["Economics", "load_config", "read_inputs", "run", "total_interval", "Config", "Run"])
def test_root_gives_its_nouns(name):
    import forecast_eval

    assert getattr(forecast_eval, name).__name__ == name
