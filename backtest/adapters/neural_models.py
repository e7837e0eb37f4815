"""What neuralforecast's models are called and take, read from its source: importing it takes seconds."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ..faults import Fault, InputError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

WRAPPERS = ("HINT", "TimeLLM")
"""Models that are made of another model or of downloaded weights, which are no plain parameters."""
SET_HERE = frozenset({
    "self", "h", "loss", "valid_loss", "n_series", "alias", "random_seed", "futr_exog_list", "hist_exog_list",
    "stat_exog_list", "cat_exog_list", "categorical_cardinalities", "start_padding_enabled", "accelerator", "logger",
    "enable_progress_bar", "enable_model_summary", "enable_checkpointing",
})  # fmt: skip
"""Arguments that the adapter gives the model."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model of neuralforecast.

    arguments : names of its own and of the trainer that it hands the rest to.
    flags : its class constants, such as EXOGENOUS_FUTR and MULTIVARIATE.
    """

    arguments: frozenset[str]
    flags: Mapping[str, bool]


@cache
def facts_of(model: str) -> ModelFacts:
    """Facts of a model by its class name.

    Raises InputError where neuralforecast is not installed or has no such model.
    """
    spec = find_spec("neuralforecast")
    if spec is None or spec.origin is None:
        raise InputError([Fault(
            "missing-package", f"model {model!r} needs neuralforecast, which is not installed", "forecasters",
            "pip install 'forecast-eval[neural]'",
        )])  # fmt: skip
    folder = Path(spec.origin).parent / "models"
    modules = _imported(folder / "__init__.py")
    if model not in modules:
        raise InputError([Fault(
            "unknown-model", f"neuralforecast has no model {model!r} that takes plain parameters", "forecasters",
            nearest(model, modules),
        )])  # fmt: skip
    own = _class(folder / f"{modules[model]}.py", model)
    return ModelFacts(_arguments(own) | _trainer_arguments(), _constants(own))


def _imported(path: Path) -> dict[str, str]:
    """Class -> the module that a package takes it from."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        name.name: node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module is not None
        for name in node.names
        if name.name not in WRAPPERS
    }


def _class(path: Path, name: str) -> ast.ClassDef:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)


def _arguments(made: ast.ClassDef) -> frozenset[str]:
    init = next(node for node in made.body if isinstance(node, ast.FunctionDef) and node.name == "__init__")
    return frozenset(a.arg for a in (*init.args.args, *init.args.kwonlyargs))


def _constants(made: ast.ClassDef) -> dict[str, bool]:
    return {
        target.id: node.value.value
        for node in made.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, bool)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


@cache
def _trainer_arguments() -> frozenset[str]:
    spec = find_spec("pytorch_lightning")
    assert spec is not None
    assert spec.origin is not None
    return _arguments(_class(Path(spec.origin).parent / "trainer" / "trainer.py", "Trainer"))
