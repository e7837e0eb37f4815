"""Adapters to optional libraries have examples that run only where the library is installed; `.ci/run` has them all."""

from importlib.util import find_spec

OPTIONAL = {
    "losses/catboost.py": "catboost",
    "losses/darts.py": "darts",
    "losses/neuralforecast.py": "neuralforecast",
    "losses/pytorch_forecasting.py": "pytorch_forecasting",
    "losses/xgboost.py": "xgboost",
}
collect_ignore = [file for file, library in OPTIONAL.items() if find_spec(library) is None]
