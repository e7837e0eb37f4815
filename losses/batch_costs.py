"""Costs that travel to a loss inside the batch, for frameworks whose losses see nothing but forecast and target.

A network's loss is called with a forecast and a target; which series the rows are, it is not told. So the costs of each
series go in as two columns of the framework's own covariates, and the model hands them to its losses before each
forward pass.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .costs import UnitCosts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Handover = Callable[[torch.nn.Module, tuple[Any, ...]], None]


@dataclass(frozen=True, slots=True)
class CostColumns:
    """Names of the two covariates that hold a series' own costs [currency per unit].

    The columns are ordinary covariates, so the network sees them too. It must: one network for all series can only
    order more of a series with dear shortages if it is told that they are dear.

    underage, overage : the column's name; in Darts, whose batches have no names, its position.

    >>> CostColumns().positions(["shelf", "overage", "underage"], "stat_exog_list")
    (2, 1)
    """

    underage: str | int = "underage"
    overage: str | int = "overage"

    def positions(self, columns: Sequence[str], place: str) -> tuple[int, int]:
        """Where the two columns stand among `columns`; `place` is what the framework calls these.

        Raises
        ------
        ValueError
            If a column is not there.
        """
        missing = [column for column in (self.underage, self.overage) if column not in columns]
        if missing:
            raise ValueError(
                f"no cost column {missing} among {place}={list(columns)}; "
                "add it to the data and name it there, or give the loss one UnitCosts for all series"
            )
        names = list(columns)
        return names.index(str(self.underage)), names.index(str(self.overage))


class BatchCosts:
    """The costs that hold for the batch at hand: the same for all, or what the model handed over last.

    costs : UnitCosts of two numbers, or CostColumns.

    Raises
    ------
    TypeError, ValueError
        For other costs: an array cannot be matched with batches that are sampled.

    >>> BatchCosts(UnitCosts(8.0, 2.0)).now()
    UnitCosts(underage=8.0, overage=2.0)
    """

    def __init__(self, costs: UnitCosts | CostColumns) -> None:
        if isinstance(costs, UnitCosts):
            _refuse_arrays(costs)
        elif not isinstance(costs, CostColumns):
            raise TypeError(f"costs={costs!r} must be UnitCosts (all series alike) or CostColumns (a series its own)")
        self.given = costs
        self._now = costs if isinstance(costs, UnitCosts) else None

    @property
    def columns(self) -> CostColumns | None:
        """Where the batch holds its costs; None if all series cost the same."""
        return self.given if isinstance(self.given, CostColumns) else None

    def receive(self, underage: torch.Tensor, overage: torch.Tensor) -> None:
        """Keep the costs of the rows that the model is about to forecast; they broadcast to the target.

        Raises
        ------
        ValueError
            For a cost that is negative or not finite; most often a scaler has changed it.
        """
        try:
            self._now = UnitCosts(underage.detach(), overage.detach())
        except ValueError as fault:
            raise ValueError(f"{fault} If a scaler stands before the model, keep the cost columns out of it.") from None

    def arrived(self) -> bool:
        """Whether there are costs to calculate with."""
        return self._now is not None

    def now(self) -> UnitCosts:
        """The costs of the batch.

        Raises
        ------
        ValueError
            If a loss with CostColumns was called and no model had handed costs to it.
        """
        if self._now is None:
            raise ValueError(
                f"{self.given} are read from a model's batch, and no model handed them over; "
                "a loss that is called by hand, or nested in another, needs UnitCosts"
            )
        return self._now


def hand_over_before_forward(model_type: type, loss_type: type, hand_over: Handover) -> None:
    """Let every model of `model_type` call `hand_over(model, forward's arguments)` once it holds a loss of `loss_type`.

    torch tells, for the whole process, when a module gets a child; that is the one moment at which a framework shows
    the loss its model, also when it builds the model itself (loading, tuning).
    """

    def attach(module: torch.nn.Module, _name: str, child: torch.nn.Module | None) -> None:
        if not isinstance(module, model_type) or child is None:
            return
        known = hand_over in module._forward_pre_hooks.values()  # noqa: SLF001 - torch has no way to ask
        if not known and any(isinstance(part, loss_type) for part in child.modules()):
            module.register_forward_pre_hook(hand_over)

    torch.nn.modules.module.register_module_module_registration_hook(attach)


def own_families() -> dict[str, type[Any]]:
    """Loss classes of this package by name: what a saved model may name without being asked twice.

    >>> sorted(own_families())[:2]
    ['AsymmetricHuber', 'AsymmetricSquared']
    """
    package = importlib.import_module(__name__.rpartition(".")[0])
    public: dict[str, Any] = {name: getattr(package, name) for name in package.__all__}
    # the protocol itself has the property too, but is no dataclass
    marks = ("functional", "__dataclass_fields__")
    return {name: one for name, one in public.items() if all(hasattr(one, mark) for mark in marks)}


def _refuse_arrays(costs: UnitCosts) -> None:
    for name in ("underage", "overage"):
        cost = getattr(costs, name)
        if np.ndim(cost):
            raise ValueError(
                f"{name} has shape {tuple(np.shape(cost))}: batches are sampled, so it must be one number; "
                "give each series its own costs through CostColumns"
            )
