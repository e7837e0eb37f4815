"""Training networks on money: what the neuralforecast adapter, which knows no costs, is handed for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .train_costs import KnownCosts, loss_of

if TYPE_CHECKING:
    from losses import Loss

    from .config.training_loss import TrainingLoss
    from .economics import Economics


@dataclass(frozen=True, slots=True)
class NetworkLoss:
    """Makes a loss for a network anew at each fit, since one holds the costs of the batch at hand.

    loss : a loss of `losses`; its costs are columns of the network, one pair a series.
    """

    loss: Loss

    def __call__(self) -> Any:  # noqa: ANN401 - neuralforecast, which has no types, is imported with it
        """Make a `losses.neuralforecast.BusinessLoss`."""
        from losses.neuralforecast import BusinessLoss, CostColumns

        return BusinessLoss(self.loss, CostColumns())


def network_training_on(spec: TrainingLoss, economics: Economics, *, cycle: int) -> tuple[NetworkLoss, KnownCosts]:
    """Give the loss and the costs that `backtest.adapters.NeuralForecastModel` takes.

    Raises InputError for an unknown family and parameters that it does not take.
    """
    return NetworkLoss(loss_of(spec)), KnownCosts(economics, cycle, spec.trend)
